"""Following sessions and searching in them: listen, watch and search, over a daemon and watches that are killed."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil
import pytest

from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.processes import SystemProcesses
from genie.domain.events import Kind, event
from tests.contract.values import NOW
from tests.e2e.forest import SLEEP, root
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

APPEND = """
import os, sys, time
with open(sys.argv[1], "a") as file:
    file.write(sys.argv[2] + "\\n")
if os.environ.get("SLOW"):
    os.system("sleep 300 & echo $! > " + sys.argv[1] + ".pid")
    time.sleep(300)
"""


@pytest.fixture
def dsn(genie: Genie) -> str:
    return genie.env["GENIE_DATABASE_URL"]


def say(dsn: str, name: str, *said: tuple[Kind, dict[str, Any]]) -> None:
    """Add to the conversation of an agent, as its transcript's reader does."""
    with closing(PostgresRegistry(dsn)) as registry:
        standing = registry.find(name)
        assert standing
        with registry.begin() as tx:
            tx.record(*(event(kind, standing.agent, at=NOW, **payload) for kind, payload in said))


def text(process: Popen[str]) -> dict[str, Any]:
    assert process.stdout
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def test_listen_replays_follows_and_ends(genie: Genie, dsn: str) -> None:
    genie("spawn", "a", *SLEEP)
    genie("spawn", "b", *SLEEP)
    say(dsn, "b", (Kind.ASSISTANT_MESSAGE, {"text": "not of a"}))
    say(dsn, "a", (Kind.USER_MESSAGE, {"text": "do it"}), (Kind.REASONING, {"text": "hm"}))
    process = genie.start("listen", "a", "--json")
    try:
        assert text(process)["payload"] == {"text": "do it"}
        say(dsn, "a", (Kind.ASSISTANT_MESSAGE, {"text": "one"}))
        assert text(process)["payload"] == {"text": "one"}
        genie.kill_daemon()
        genie("ls")
        say(dsn, "a", (Kind.ASSISTANT_MESSAGE, {"text": "two"}))
        assert text(process)["payload"] == {"text": "two"}
        genie("stop", "a")
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (1, "")
        assert err.splitlines()[-1] == "genie: a suspended"
    finally:
        process.kill()
        process.communicate(timeout=20)
    done = genie.run("listen", "a", "--show-thinking", "--timestamps")
    assert (done.returncode, done.stdout) == (1, "12:00:00 › do it\n12:00:00 ✻ hm\n12:00:00 one\n12:00:00 two\n")
    assert genie.run("listen", "a", "--filter", "stopped").stdout == "stopped\n"
    assert "unknown session 'nobody'" in genie.refused("listen", "nobody", code=3)
    assert "did you mean" in genie.refused("listen", "a", "--filter", "reasonin", code=2)


def watch(genie: Genie, out: Path, *words: str, **env: str) -> Popen[str]:
    command = (sys.executable, "-c", APPEND, str(out), "{name}:{event_type}:{seq}")
    return genie.start("watch", "a", "--name", "w", "--on", "user_event", *words, "--", *command, env=env)


def lines(out: Path) -> list[str]:
    return out.read_text().splitlines() if out.exists() else []


def gone(pids: Sequence[int]) -> bool:
    return not any(SystemProcesses().started(pid) for pid in pids)


def test_a_watch_that_is_killed_goes_on_where_it_was(genie: Genie, dsn: str, tmp_path: Path) -> None:
    inside = root(genie, "a")
    out = tmp_path / "out"
    inside.run("genie", "log", "before it began")
    first = watch(genie, out)
    until((genie.home / "watches" / "w.json").exists, what="the watch's cursor")
    assert "is running" in genie.refused("watch", "a", "--name", "w", "--on", "failed", "--", "true", code=4)
    expected = []

    def log(count: int) -> None:
        for _ in range(count):
            inside.run("genie", "log", "x")
            expected.append(f"a:user_event:{genie.json('events', 'a', '--last', '1')['seq']}")

    log(2)
    until(lambda: lines(out) == expected, what="both matches")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=20)
    log(2)
    slow = watch(genie, out, SLOW="1")
    until(lambda: lines(out) == expected[:3], what="the third match")
    until((tmp_path / "out.pid").exists, what="a command that has a child")
    below = [child.pid for child in psutil.Process(slow.pid).children(recursive=True)]
    below.append(int((tmp_path / "out.pid").read_text()))
    slow.send_signal(signal.SIGKILL)
    slow.communicate(timeout=20)
    until(lambda: gone(below), what="the end of all that the watch had started")
    log(1)
    last = watch(genie, out)
    until(lambda: lines(out) == expected, what="the others")
    genie("stop", "a")
    last.communicate(timeout=30)
    assert (last.returncode, lines(out)) == (0, expected)


def test_a_watch_gives_the_event_and_tells_of_failures(genie: Genie, tmp_path: Path) -> None:
    inside = root(genie, "a")
    inside.run("genie", "log", "one", "--level", "error")
    show = ("sh", "-c", 'printf "%s\\n" "$GENIE_EVENT"; exit 3')
    words = ("watch", "a", "--on", "user_event", "--replay", "--once")
    done = genie.run(*words, "--filter", "level=error,message=one", "--", *show)
    assert done.returncode == 1
    told: dict[str, Any] = json.loads(done.stdout)
    assert (told["name"], told["payload"]["message"]) == ("a", "one")
    assert "ended with exit code 3" in done.stderr
    done = genie.run(*words, "--json", "--", "sh", "-c", "echo '{name}; {nothing}' $0", "$(id)")
    assert json.loads(done.stdout) | {"event": None} == {
        "event": None,
        "command": ["sh", "-c", "echo 'a; {nothing}' $0", "$(id)"],
        "exit_code": 0,
    }
    assert done.stderr == "a; {nothing} $(id)\n"
    for wrong, said in (
        (("--on", "user_event"), "no command is given"),
        (("--", "true"), "no type of events is given"),
        (("--on", "user_event", "--", "/no/such"), "there is no command"),
        (("--on", "usr_event", "--", "true"), "did you mean"),
        (("--on", "failed", "--filter", "x", "--", "true"), "is not KEY=VALUE"),
    ):
        assert said in genie.refused("watch", "a", *wrong, code=2)


def test_what_was_said_is_found(genie: Genie, dsn: str) -> None:
    genie("spawn", "a", "--tag", "x", *SLEEP)
    say(
        dsn,
        "a",
        (Kind.ASSISTANT_MESSAGE, {"text": "The rotator in src/rotator.py\nis flaky."}),
        (Kind.TOOL_CALL, {"tool": "Bash", "tool_kind": "shell", "input": {"command": "pytest -k rotator"}}),
        (Kind.STDOUT, {"text": "rotator"}),
    )
    found = genie.json("search", "rotator", "--tag", "x", "--role", "tool")
    assert [(hit["name"], hit["tool"], hit["headline"]) for hit in found] == [
        ("a", "Bash", 'Bash {"command": "pytest -k **rotator**"}')
    ]
    assert found[0]["session_id"] == genie.agent("a")["session_id"]
    out = genie("search", "flaky", "--since", "2026-01-01")
    assert out.splitlines()[1] == "    The rotator in src/rotator.py is **flaky**."
    assert genie.json("search", "rotator", "--until", "2026-01-01") == []
    assert len(genie.json("search", "rotator")) == 2
    assert "unknown agent" in genie.refused("search", "x", "--name", "nobody", code=3)
    assert "unknown role" in genie.refused("search", "x", "--role", "nobody", code=2)
    assert "is no time" in genie.refused("search", "x", "--since", "soon", code=2)


def test_all_sessions_of_a_name(genie: Genie, dsn: str) -> None:
    genie("spawn", "a", *SLEEP)
    say(dsn, "a", (Kind.ASSISTANT_MESSAGE, {"text": "first"}))
    genie("kill", "a")
    genie("spawn", "a", *SLEEP)
    say(dsn, "a", (Kind.ASSISTANT_MESSAGE, {"text": "second"}))
    words = ("events", "a", "--type", "assistant_message")
    assert genie(*words, "--count") == "1\n"
    assert genie(*words, "--count", "--all-sessions") == "2\n"
    told = [json.loads(line) for line in genie(*words, "--all-sessions", "--json").splitlines()]
    assert [row["payload"]["text"] for row in told] == ["first", "second"]
    assert json.loads(genie("events", told[0]["session_id"], "--last", "1", "--json"))["kind"] == "agent.terminated"
    assert "one session" in genie.refused(*words, "--all-sessions", "--after-seq", "1", code=2)
