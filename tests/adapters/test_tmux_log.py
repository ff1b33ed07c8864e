"""The log of a pane on a real tmux: complete, of that pane's run alone, and gone with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from genie.domain.errors import Foreign
from genie.domain.session import PaneIdentity
from tests.fixtures.tmux import PLAIN_FACE, RUNNER, Stage, Tmuxes, until

LOGGER = RUNNER.parent / "logger.py"
Make = Callable[..., Stage]

HOSTILE = [
    "a b",
    'it\'s "q" `touch pwned` $(touch pwned) $HOME ${HOME} \\ ~ !!',
    "#{pid} #(touch pwned) ##x #[fg=red] #,#}",
    "%H%M %% %d 100%",
    "; touch pwned; & | > < * ? [a]",
    "é 😀\n\ttab",
    "ends;",
    "- x",
]


def log_command(path: str, pid: int, *, program: Path = LOGGER) -> Sequence[str]:
    return (sys.executable, "-I", "-S", str(program), path, str(2**20), "1", str(pid))


@pytest.fixture
def stage(build_stage: Make) -> Stage:
    return build_stage(log_command=log_command)


def logged(stage: Stage, path: Path, *argv: str, pane: PaneIdentity | None = None) -> PaneIdentity:
    """A dressed pane whose program is released once its log is on."""
    pane = pane or stage.create()[0]
    stage.terminal.dress(pane, PLAIN_FACE)
    stage.terminal.record(pane, str(path))
    stage.release(pane.run, *argv)
    return pane


def respawned(stage: Stage, pane: PaneIdentity) -> PaneIdentity:
    run = uuid4()
    seen = stage.terminal.respawn(pane, run=run, cwd="/")
    started = stage.processes.started(seen.pid)
    assert started is not None
    return PaneIdentity(pane.server, seen.pane, seen.pid, started, run)


def loggers(pane: PaneIdentity) -> list[psutil.Process]:
    """The loggers of that pane's server."""
    found = []
    for child in psutil.Process(pane.server.pid).children():
        try:
            if child.status() != psutil.STATUS_ZOMBIE and str(LOGGER) in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def is_over(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def end(stage: Stage, pane: PaneIdentity) -> None:
    os.kill(pane.pid, signal.SIGKILL)
    until(lambda: stage.processes.started(pane.pid) is None, what="its end")

    def noticed() -> bool:
        stage.terminal.nudge(pane.server)
        return stage.dead(pane)

    until(noticed, what="tmux's notice")


def has(path: Path, text: str) -> None:
    until(lambda: path.exists() and text in path.read_text(), what=f"{text!r} in {path.name}")


def test_all_that_a_program_writes_is_in_its_log(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "log"
    numbers = "".join(f"{number}\r\n" for number in range(1, 20001))
    pane = logged(stage, path, "sh", "-c", "seq 20000; printf '\\033[31mred\\377\\n'; exec tail -f /dev/null")
    until(lambda: path.exists() and path.read_bytes().endswith(b"\xff\r\n"), what="the last line")
    assert path.read_bytes() == numbers.encode() + b"\x1b[31mred\xff\r\n"
    assert path.stat().st_mode & 0o777 == 0o600
    stage.terminal.close(pane)


def test_a_log_is_there_while_its_program_runs_and_after_it_was_killed(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "log"
    pane = logged(stage, path, "sh", "-c", "seq 20000; echo last words; exec tail -f /dev/null")
    has(path, "last words")
    end(stage, pane)
    stage.terminal.close(pane)
    assert path.read_bytes().count(b"\n") == 20001


def test_each_run_of_a_pane_has_a_log_of_its_own(stage: Stage, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = logged(stage, one, "sh", "-c", "echo first; exec tail -f /dev/null")
    has(one, "first")
    former = loggers(first)
    assert len(former) == 1
    end(stage, first)
    second = logged(stage, two, "sh", "-c", "echo second; exec tail -f /dev/null", pane=respawned(stage, first))
    has(two, "second")
    until(lambda: is_over(former[0]), what="its end")
    assert len(loggers(second)) == 1
    assert (one.read_bytes(), two.read_bytes()) == (b"first\r\n", b"second\r\n")
    end(stage, second)
    assert stage.seen(second) is not None


def test_a_second_log_takes_the_place_of_the_first(stage: Stage, tmp_path: Path) -> None:
    pane, _ = stage.create()
    stage.terminal.record(pane, str(tmp_path / "one"))
    logged(stage, tmp_path / "two", "sh", "-c", "echo here; exec tail -f /dev/null", pane=pane)
    has(tmp_path / "two", "here")
    assert not (tmp_path / "one").exists()
    until(lambda: len(loggers(pane)) == 1, what="the end of the first")


@pytest.mark.parametrize("way", ["close", "kill-pane", "kill-server"])
def test_a_logger_does_not_outlive_its_pane(stage: Stage, tmp_path: Path, way: str) -> None:
    pane = logged(stage, tmp_path / "log", "sh", "-c", "echo up; exec tail -f /dev/null")
    has(tmp_path / "log", "up")
    logger = loggers(pane)[0]
    if way == "close":
        stage.terminal.close(pane)
    elif way == "kill-pane":
        stage.server("kill-pane", "-t", pane.pane)
    else:
        stage.server.end()
    until(lambda: is_over(logger), what="the end of the logger")


def test_a_logger_leaves_a_dead_pane_that_is_kept(build_stage: Make, tmp_path: Path) -> None:
    program = tmp_path / "logger.py"
    program.write_text(LOGGER.read_text().replace("QUIET = 10.0", "QUIET = 0.2"))
    stage = build_stage(log_command=lambda path, pid: log_command(path, pid, program=program))
    pane = logged(stage, tmp_path / "log", "sh", "-c", "echo up; exec tail -f /dev/null")
    has(tmp_path / "log", "up")
    words = [str(program)]
    children = psutil.Process(pane.server.pid).children()
    (logger,) = [child for child in children if set(words) <= set(child.cmdline())]
    end(stage, pane)
    until(lambda: is_over(logger), what="the end of the logger")
    assert stage.dead(pane)
    again = respawned(stage, pane)
    stage.terminal.record(again, str(tmp_path / "again"))
    stage.release(again.run, "sh", "-c", "echo again; exec tail -f /dev/null")
    has(tmp_path / "again", "again")


def test_a_pane_of_another_run_is_not_recorded(stage: Stage, tmp_path: Path) -> None:
    pane, _ = stage.create()
    stranger = PaneIdentity(pane.server, pane.pane, pane.pid, pane.started, uuid4())
    with pytest.raises(Foreign):
        stage.terminal.record(stranger, str(tmp_path / "log"))
    assert loggers(pane) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_file_is_read_as_anything_else(build_stage: Make, tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    program = directory / "logger.py"
    program.write_bytes(LOGGER.read_bytes())
    stage = build_stage(log_command=lambda path, pid: log_command(path, pid, program=program))
    path = directory / "run.log"
    logged(stage, path, "sh", "-c", "echo hello; exec tail -f /dev/null")
    has(path, "hello")
    assert list(tmp_path.rglob("pwned")) == []
    assert not Path("/pwned").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [name]


def test_a_logger_is_no_part_of_a_run(tmux_server: Tmuxes, build_stage: Make, tmp_path: Path) -> None:
    """Not even where the server was started by that run, and carries its id."""
    run = uuid4()
    environment = tmux_server.environment | {"GENIE_RUN_ID": str(run), "GENIE_AGENT_TOKEN": "secret"}
    words = ["tmux", "-S", tmux_server.socket, "new-session", "-d", "-s", "user", "tail", "-f", "/dev/null"]
    subprocess.run(words, env=environment, check=True)
    stage = build_stage(log_command=log_command)
    pane = logged(stage, tmp_path / "log", "sh", "-c", "echo up; exec tail -f /dev/null")
    has(tmp_path / "log", "up")
    (logger,) = loggers(pane)
    assert {"GENIE_RUN_ID", "GENIE_AGENT_TOKEN"}.isdisjoint(logger.environ())
    stage.processes.end_tree(run=pane.run, pid=pane.pid, started=pane.started, grace=timedelta(0))
    until(lambda: stage.dead(pane), what="the end of the pane")
    assert logger.is_running()
    assert logger.status() != psutil.STATUS_ZOMBIE


def test_the_death_of_a_recorded_pane_is_noticed_as_any_other(stage: Stage, tmp_path: Path) -> None:
    pane = logged(stage, tmp_path / "log", "sh", "-c", "seq 5000; exit 3")

    def told() -> bool:
        stage.terminal.nudge(pane.server)
        now = stage.seen(pane)
        return now is not None and now.dead and now.exit_code == 3

    until(told, what="its exit code")


def test_a_logger_that_is_killed_harms_nobody(stage: Stage, tmp_path: Path) -> None:
    echo = ("sh", "-c", "echo up; while read -r line; do echo got $line; done")
    pane = logged(stage, tmp_path / "log", *echo)
    has(tmp_path / "log", "up")
    loggers(pane)[0].kill()
    stage.terminal.type_line(pane, "a")
    stage.terminal.type_line(pane, "b")
    until(lambda: "got b" in stage.terminal.capture(pane, lines=None), what="the answer")
    assert stage.processes.alive(pane.pid, pane.started)


def test_without_a_command_nothing_is_recorded(build_stage: Make, tmp_path: Path) -> None:
    stage = build_stage()
    logged(stage, tmp_path / "log", "sh", "-c", "exec tail -f /dev/null")
    assert list(tmp_path.iterdir()) == []
