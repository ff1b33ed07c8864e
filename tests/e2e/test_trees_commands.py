"""Any command can be an agent: what reaches it, what is known of it, and what is kept of it."""

from __future__ import annotations

import json
import os
import sys

from tests.e2e.forest import env_of, root
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

WORKER = """
import json, os, signal, sys
environment = {key.hex(): value.hex() for key, value in os.environb.items()}
with open(sys.argv[1], "w") as file:
    json.dump({"environment": environment, "cwd": os.getcwdb().hex(), "argv": sys.argv[2:]}, file)
print("worker: größe", os.environ["KEY"], flush=True)
print("\\033[31mred\\033[0m", flush=True)
{end}
"""
WAITS = "signal.pause()"


def worker(genie: Genie, end: str) -> str:
    path = genie.project / "worker.py"
    path.write_text(WORKER.replace("{end}", end))
    return str(path)


def until_file(path: os.PathLike[str]) -> dict[str, object]:
    """What the worker has written."""
    found: dict[str, object] = {}

    def whole() -> bool:
        try:
            with open(path) as file:  # noqa: PTH123
                found.update(json.load(file))
        except (FileNotFoundError, json.JSONDecodeError):
            return False
        return True

    until(whole, what="the worker's file")
    return found


def test_environment_directory_and_words_reach_it_byte_for_byte(genie: Genie) -> None:
    said = genie.directory / "said.json"
    words = ["", "two words", "größe ☃", "$(touch never) `x` 'y' \"z\" \\n", "-x", "--", "line\nbreak"]
    cwd = genie.project / "größe $(x) 'y'"
    cwd.mkdir()
    odd = {"KEY": "v", "RAW": b"\xff\xfe r\xf6he".decode(errors="surrogateescape"), "EMPTY": "", "LINES_OF": "a\nb"}
    path = worker(genie, WAITS)
    genie("spawn", "worker_1", "--ttl", "3600", "--", sys.executable, path, str(said), *words, env=odd, cwd=cwd)
    found = until_file(said)
    environment = {bytes.fromhex(key): bytes.fromhex(value) for key, value in dict(found["environment"]).items()}  # type: ignore[call-overload]  # JSON
    assert {key: environment.get(os.fsencode(key)) for key in odd} == {
        key: os.fsencode(value) for key, value in odd.items()
    }
    assert bytes.fromhex(str(found["cwd"])) == os.fsencode(cwd)
    assert found["argv"] == words
    given = {key: value for key, value in genie.env.items() if not key.startswith("GENIE_")}
    kept = {key: environment.get(os.fsencode(key)) for key in given if key not in ("TERM", "LINES", "COLUMNS")}
    assert kept == {key: os.fsencode(given[key]) for key in kept}
    row = genie.agent("worker_1")
    assert (row["provider"], row["ttl"], row["cwd"]) == ("shell", 3600, str(cwd))


def test_a_childs_environment_is_that_of_who_spawned_it(genie: Genie) -> None:
    """The variables of the daemon, and those of who started that, do not reach it."""
    genie("daemon", "start", env={"OF_THE_DAEMON": "1"})
    a = root(genie, "a", "--env", "OF_A=1")
    b = a.spawn("b", "--env", "OF_B=1", by=("env", "OF_THE_CALL=1"))
    env = env_of(b["pid"])
    assert {key: env.get(key) for key in ("OF_A", "OF_B", "OF_THE_CALL", "OF_THE_DAEMON")} == {
        "OF_A": "1",
        "OF_B": "1",
        "OF_THE_CALL": "1",
        "OF_THE_DAEMON": None,
    }


def test_its_exit_code_is_kept(genie: Genie) -> None:
    path = worker(genie, "sys.exit(7)")
    said = genie.directory / "said.json"
    genie("spawn", "worker_1", "--no-auto-resume", "--", sys.executable, path, str(said), env={"KEY": "v"})
    row = genie.until_state("worker_1", "failed")
    assert (row["reason"], row["exit_code"], row["signal"]) == ("exit", 7, None)
    shown = genie.json("show", "worker_1")
    assert [(run["exit_code"], run["signal"]) for run in shown["runs"]] == [(7, None)]
    assert genie("read", "worker_1").splitlines()[0] == "worker: größe v"
    assert genie.run("spawn", "w2", "--no-auto-resume", "--wait", "--", "sh", "-c", "exit 7").returncode == 1
    assert genie.agent("w2")["exit_code"] == 7


def test_its_signal_is_kept(genie: Genie) -> None:
    path = worker(genie, "os.kill(os.getpid(), signal.SIGSEGV)")
    said = genie.directory / "said.json"
    genie("spawn", "worker_1", "--no-auto-resume", "--", sys.executable, path, str(said), env={"KEY": "v"})
    genie.until_state("worker_1", "failed")
    shown = genie.json("show", "worker_1")
    assert (shown["exit_code"], shown["signal"]) == (None, 11)
    assert [(run["exit_code"], run["signal"]) for run in shown["runs"]] == [(None, 11)]


def test_what_it_wrote_can_be_read_then_and_later(genie: Genie) -> None:
    path = worker(genie, WAITS)
    said = genie.directory / "said.json"
    genie("spawn", "worker_1", "--", sys.executable, path, str(said), env={"KEY": "v"})
    until(lambda: "red" in genie("read", "worker_1"), what="its text in the pane")
    assert genie("read", "worker_1").splitlines()[:2] == ["worker: größe v", "red"]
    genie("kill", "worker_1")
    assert genie("read", "worker_1", "--log").splitlines()[:2] == ["worker: größe v", "red"]
    assert "is terminated, and its pane is gone — genie read worker_1 --log" in genie.refused(
        "read", "worker_1", code=6
    )
