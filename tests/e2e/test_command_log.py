"""What a plain command writes is kept: while it runs, over its restarts, and after it was killed."""

from __future__ import annotations

import os
import signal
import stat
import sys
from pathlib import Path

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

WORKER = """
import sys, time, os
print("begin", os.environ["KEY"], flush=True)
for number in range(3000):
    print("line", number, flush=True)
print("\\033[31mred\\033[0m", file=sys.stderr, flush=True)
time.sleep(1000)
"""


def worker(genie: Genie, name: str = "worker_1", *words: str) -> Path:
    """A worker that has written all it has to say; its log."""
    program = genie.project / "worker.py"
    program.write_text(WORKER)
    genie("team", "create", "web")
    genie("spawn", name, "--team", "web", *words, "--", sys.executable, str(program), env={"KEY": "v"})
    return written(genie, name)


def written(genie: Genie, name: str = "worker_1") -> Path:
    path = Path(genie.json("show", name)["log"])
    until(lambda: path.read_bytes().endswith(b"\x1b[0m\r\n"), what="the last line in the log")
    return path


def test_a_log_is_complete_private_and_outlives_its_command(genie: Genie) -> None:
    path = worker(genie)
    row = genie.agent("worker_1")
    assert path == genie.home / "logs" / "runs" / f"{row['run_id']}.log"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    whole = ["begin v", *(f"line {number}" for number in range(3000)), "red"]
    assert genie("read", "worker_1", "--log").splitlines() == whole
    assert genie("read", "worker_1", "--log", "-n", "2").splitlines() == ["line 2999", "red"]
    assert genie.json("read", "worker_1", "--log")["text"].encode() == path.read_bytes()

    genie("kill", "worker_1")
    assert genie("read", "worker_1", "--log").splitlines() == whole
    assert Path(genie.json("show", "worker_1")["log"]) == path


def test_a_follower_goes_on_over_a_restart_and_ends_with_its_agent(genie: Genie) -> None:
    first = worker(genie)
    row = genie.agent("worker_1")
    with genie.start("read", "worker_1", "--log", "-n", "1", "--follow") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "red\n"
        os.kill(row["pid"], signal.SIGKILL)
        genie.until_again("worker_1", row)
        second = written(genie)
        assert second != first
        assert follower.stdout.readline() == "begin v\n"
        until(lambda: second.read_bytes() == first.read_bytes(), what="the same words")
        genie("kill", "worker_1")
        rest = follower.stdout.read().splitlines()
        assert rest == [*(f"line {number}" for number in range(3000)), "red"]
        assert follower.wait(timeout=30) == 0


def test_a_command_that_says_nothing_has_an_empty_log(genie: Genie) -> None:
    genie("team", "create", "web")
    genie("spawn", "quiet", "--team", "web", "--", "tail", "-f", "/dev/null")
    assert genie("read", "quiet", "--log") == ""


def test_a_conversation_has_none(genie: Genie) -> None:
    genie("spawn", "engineer")
    assert genie.json("show", "engineer")["log"] is None
    assert "has no log" in genie.refused("read", "engineer", "--log", code=6)


def test_a_log_goes_on_without_the_daemon(genie: Genie) -> None:
    genie("team", "create", "web")
    go = genie.project / "go"
    words = f"echo one; while [ ! -e {go} ]; do sleep 0.05; done; echo two; exec tail -f /dev/null"
    genie("spawn", "w", "--team", "web", "--", "sh", "-c", words)
    path = Path(genie.json("show", "w")["log"])
    until(lambda: b"one" in path.read_bytes(), what="the first word")
    genie.kill_daemon()
    go.touch()
    until(lambda: path.read_bytes() == b"one\r\ntwo\r\n", what="the second word")
    assert genie("read", "w", "--log") == "one\ntwo\n"
