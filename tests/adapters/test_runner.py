"""The runner: what a launch says arrives byte for byte, and what cannot be run says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from genie.adapters.launches import FileLaunches
from genie.adapters.processes import SystemProcesses
from genie.paths import Home
from tests.fixtures.tmux import PLAIN_FACE, RUNNER, Stage, until

TELL = """
import json, os, signal, sys
ignored = [n for n in signal.valid_signals() if signal.getsignal(n) is signal.SIG_IGN]
python = [signal.SIGPIPE, signal.SIGXFSZ]
told = {
    "argv": [os.fsencode(a).hex() for a in sys.argv[2:]],
    "env": {k.hex(): v.hex() for k, v in os.environb.items()},
    "cwd": os.getcwdb().hex(),
    "ignored": [n for n in ignored if n not in python],
    "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
}
with open(sys.argv[1] + ".new", "w") as f:
    json.dump(told, f)
os.rename(sys.argv[1] + ".new", sys.argv[1])
"""
"""A program that writes down what it was given. (Python itself ignores two signals.)"""

NASTY = [
    "plain",
    "",
    "two words",
    "'single' \"double\"",
    "line\nbreak\r\ttab",
    "$(touch pwned) `touch pwned` ${HOME} $HOME",
    "; rm -rf x && | > <",
    "a;",
    "#{pid} #(touch pwned)",
    "*?[a] ~ \\ %H !!",
    "emoji 😀 – é",
    b"no utf-8: \xff\xfe\x80".decode("utf-8", "surrogateescape"),
    "x" * 100_000,
]


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@pytest.fixture
def run() -> UUID:
    return uuid4()


def command(home: Home, run: UUID) -> list[str]:
    return [sys.executable, "-I", "-S", str(RUNNER), str(run), str(home.launch / f"{run}.json")]


def execute(home: Home, run: UUID, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(home, run), env=env or {}, capture_output=True, text=True, timeout=30, check=False)


def told_by(path: Path) -> dict[str, dict[str, str] | list[str]]:
    told: dict[str, dict[str, str] | list[str]] = json.loads(path.read_text())
    return told


def test_argv_and_environment_arrive_byte_for_byte_in_a_pane(stage: Stage, tmp_path: Path) -> None:
    told = tmp_path / "told"
    pane, _ = stage.create()
    stage.terminal.dress(pane, PLAIN_FACE)
    env = {f"N{place}": value for place, value in enumerate(NASTY)} | {"TERM": "stale", "TMUX_PANE": "%stale", "é": "é"}
    env["LC_ALL"] = "C.UTF-8"  # a Python without a locale adds one to its own environment
    cwd = tmp_path / "a b #(x) é"
    cwd.mkdir()
    argv = [sys.executable, "-I", "-c", TELL, str(told), *NASTY]
    stage.launches.release(pane.run, argv=argv, env=env, cwd=str(cwd))
    until(told.exists, what="the program")
    seen = told_by(told)
    assert [bytes.fromhex(word) for word in seen["argv"]] == [raw(word) for word in NASTY]
    assert isinstance(seen["env"], dict)
    got = {bytes.fromhex(name): bytes.fromhex(value) for name, value in seen["env"].items()}
    of_pane = {
        name: got.pop(name) for name in (b"TMUX", b"TMUX_PANE", b"TERM", b"TERM_PROGRAM", b"TERM_PROGRAM_VERSION")
    }
    assert got == {raw(name): raw(value) for name, value in env.items() if name not in ("TERM", "TMUX_PANE")}
    assert of_pane[b"TMUX_PANE"] == pane.pane.encode()
    assert of_pane[b"TMUX"].startswith(stage.server.socket.encode())
    assert of_pane[b"TERM"] != b"stale"
    assert bytes.fromhex(str(seen["cwd"])) == os.fsencode(cwd)
    assert not list(tmp_path.rglob("pwned"))


def test_the_provider_is_the_panes_process(stage: Stage) -> None:
    pane = stage.spawn("sleep", "100")
    seen = stage.seen(pane)
    assert seen is not None
    assert seen.pid == pane.pid
    assert stage.processes.alive(pane.pid, pane.started)
    assert Path(f"/proc/{pane.pid}/comm").read_text() == "sleep\n"


def test_a_waiting_runner_shows_nothing(stage: Stage) -> None:
    pane, _ = stage.create()
    assert stage.processes.waits_for_launch(pane.pid, pane.run)
    assert stage.terminal.capture(pane, lines=100) == ""


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1", "C.UTF-8"])
def test_the_locale_of_the_pane_changes_no_byte(home: Home, run: UUID, tmp_path: Path, locale: str) -> None:
    told = tmp_path / "told"
    argv = [sys.executable, "-I", "-c", TELL, str(told), *NASTY]
    FileLaunches(home).release(run, argv=argv, env={"X": NASTY[-2]}, cwd=str(tmp_path))
    assert execute(home, run, {"LANG": locale, "LC_ALL": locale}).stderr == ""
    seen = told_by(told)
    assert [bytes.fromhex(word) for word in seen["argv"]] == [raw(word) for word in NASTY]


def test_signals_are_as_a_fresh_process_has_them(home: Home, run: UUID, tmp_path: Path) -> None:
    told = tmp_path / "told"
    FileLaunches(home).release(run, argv=[sys.executable, "-I", "-c", TELL, str(told)], env={}, cwd="/")
    blocking = "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])\n"
    ignoring = "for n in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
    become = "os.execv(sys.argv[1], sys.argv[1:])"
    argv = [sys.executable, "-c", blocking + ignoring + become, *command(home, run)]
    subprocess.run(argv, timeout=30, check=True)
    seen = told_by(told)
    assert (seen["ignored"], seen["blocked"]) == ([], [])


def test_a_broken_pipe_ends_a_program_quietly(home: Home, run: UUID) -> None:
    FileLaunches(home).release(
        run, argv=["sh", "-c", "kill -PIPE $$; exit 0"], env={"PATH": os.environ["PATH"]}, cwd="/"
    )
    assert execute(home, run).returncode == -signal.SIGPIPE


def test_the_launch_file_is_removed(home: Home, run: UUID) -> None:
    FileLaunches(home).release(run, argv=["true"], env={"PATH": os.environ["PATH"]}, cwd="/")
    assert execute(home, run).returncode == 0
    assert list(home.launch.iterdir()) == []


def test_the_path_of_the_launch_is_searched(home: Home, run: UUID, tmp_path: Path) -> None:
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\nexit 42\n")
    program.chmod(0o755)
    FileLaunches(home).release(run, argv=["mine"], env={"PATH": f"/nonexistent:{tmp_path}"}, cwd="/")
    assert execute(home, run, {"PATH": "/usr/bin:/bin"}).returncode == 42


def test_a_missing_program(home: Home, run: UUID) -> None:
    FileLaunches(home).release(run, argv=["no-such-agent", "x"], env={"PATH": "/usr/bin"}, cwd="/")
    done = execute(home, run)
    assert done.returncode == 127
    assert done.stderr == "genie: program not found: 'no-such-agent' (PATH is '/usr/bin')\n"


@pytest.mark.parametrize(("name", "code"), [("gone", 127), ("file", 126)])
def test_a_missing_working_directory(home: Home, run: UUID, tmp_path: Path, name: str, code: int) -> None:
    (tmp_path / "file").touch()
    FileLaunches(home).release(run, argv=["true"], env={"PATH": os.environ["PATH"]}, cwd=str(tmp_path / name))
    done = execute(home, run)
    assert done.returncode == code
    assert "cannot enter the working directory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_program(home: Home, run: UUID, tmp_path: Path) -> None:
    program = tmp_path / "text"
    program.write_text("no program")
    FileLaunches(home).release(run, argv=[str(program)], env={}, cwd="/")
    done = execute(home, run)
    assert done.returncode == 126
    assert done.stderr == f"genie: cannot run '{program}': Permission denied\n"


def test_a_word_that_no_system_can_pass_on(home: Home, run: UUID) -> None:
    FileLaunches(home).release(run, argv=["true", "a\0b"], env={"PATH": os.environ["PATH"]}, cwd="/")
    done = execute(home, run)
    assert done.returncode == 126
    assert "cannot run 'true'" in done.stderr


def test_a_torn_launch_file(home: Home, run: UUID) -> None:
    (home.launch / f"{run}.json").write_text('{"argv": [')
    done = execute(home, run)
    assert done.returncode == 75
    assert "does not read" in done.stderr


@pytest.fixture
def waiting(home: Home, run: UUID) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command(home, run), env={}, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_nothing_to_run(waiting: subprocess.Popen[str], run: UUID) -> None:
    assert waiting.wait(20) == 75
    assert waiting.stderr is not None
    message = f"genie: nothing to run: the launch file of run {run} did not come within 10 s\n"
    assert waiting.stderr.read() == message


def test_a_launch_that_comes_late_is_run(waiting: subprocess.Popen[str], home: Home, run: UUID) -> None:
    processes = SystemProcesses()
    until(lambda: processes.waits_for_launch(waiting.pid, run), what="the runner")
    FileLaunches(home).release(run, argv=["sh", "-c", "exit 5"], env={"PATH": os.environ["PATH"]}, cwd="/")
    assert waiting.wait(10) == 5


def test_an_interrupt_while_it_waits_closes_the_pane(stage: Stage) -> None:
    pane, _ = stage.create()
    until(lambda: stage.processes.waits_for_launch(pane.pid, pane.run), what="the runner")

    def interrupted() -> bool:
        stage.server.call("send-keys", "-t", pane.pane, "C-c")
        return stage.seen(pane) is None

    until(interrupted, what="its end")
