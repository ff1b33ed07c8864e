"""events and subscribe: what they ask, what they print, and how a cut stream goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil
import pytest

from genie.cli.app import root
from genie.domain.events import Kind
from genie.paths import Home
from tests.cli.conftest import Run
from tests.cli.peer import Asked, Lines, Peer, Silence, error, serving
from tests.cli.test_terminal import DEADLINE
from tests.fixtures.tmux import until

HEALTH = {"pid": 1, "version": "0.1.0", "state": "ready", "problem": None}


def happened(number: int, **changes: object) -> dict[str, Any]:
    told = {
        "id": number,
        "seq": number + 100,
        "at": "2026-01-01T12:34:56.789+00:00",
        "kind": "session.user_event",
        "agent": "a-1",
        "name": "ada",
        "session_id": "s-1",
        "run_id": "r-1",
        "payload": {"message": f"number {number}", "level": "info"},
    }
    return told | changes


@contextmanager
def running(environ: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "genie", *words],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is ended with the test, however that goes."""
    with ExitStack() as made:
        yield made


def ids(process: subprocess.Popen[str], count: int) -> list[int]:
    """The ids of the next so many lines."""
    assert process.stdout
    return [json.loads(process.stdout.readline())["id"] for _ in range(count)]


def attempts(process: subprocess.Popen[str]) -> int:
    """How often it has slept: between two attempts it does."""
    return int(psutil.Process(process.pid).num_ctx_switches().voluntary)


# ---- events ---------------------------------------------------------------------------------


def test_events_in_lines(peer: Peer, genie: Run) -> None:
    rows = [
        happened(1),
        happened(2, kind="agent.running", payload={}),
        happened(3, payload={"message": "a\n\x1b[31mb"}),
    ]
    peer.answers["GET /v1/agents/ada/events"] = Lines(rows)
    assert genie("events", "ada").out.splitlines() == [
        "2026-01-01 12:34:56     101  session.user_event  message=number 1, level=info",
        "2026-01-01 12:34:56     102  agent.running",
        "2026-01-01 12:34:56     103  session.user_event  message=a\\x0a\\x1b[31mb",
    ]
    assert peer.last("GET /v1/agents/ada/events").query == {}


def test_the_providers_own_record_is_not_in_the_lines(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/ada/events"] = Lines([happened(1, payload={"status": "queue", "raw": {"a": "story"}})])
    assert genie("events", "ada").out.rstrip().endswith("status=queue")
    assert json.loads(genie("events", "ada", "--json").out)["payload"]["raw"] == {"a": "story"}


def test_events_as_ndjson(peer: Peer, genie: Run) -> None:
    rows = [happened(1), happened(2, payload={"message": "zwei\nü"})]
    peer.answers["GET /v1/agents/ada/events"] = Lines(rows)
    assert [json.loads(line) for line in genie("events", "ada", "--json").out.splitlines()] == rows
    peer.answers["GET /v1/agents/ada/events"] = Lines([])
    assert genie("events", "ada", "--json").out == ""


def test_events_passes_its_filters_on(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/ada/events"] = Lines([])
    genie(
        "events", "ada", "--type", "failed", "--type", "agent.died", "-n", "5", "--after-seq", "0", "--before-seq", "9"
    )
    asked = peer.last("GET /v1/agents/ada/events").query
    assert asked == {"type": ["failed", "agent.died"], "last": ["5"], "after_seq": ["0"], "before_seq": ["9"]}


def test_events_are_counted(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/ada/events"] = {"count": 7}
    assert genie("events", "ada", "--count", "--last", "9").out == "7\n"
    assert genie("events", "ada", "--count", "--json").json == {"count": 7}
    assert peer.last("GET /v1/agents/ada/events").query == {"count": ["true"]}


@pytest.mark.parametrize("flag", ["--last", "--after-seq", "--before-seq"])
@pytest.mark.parametrize("value", ["-1", "x", "", "1.5"])
def test_numbers_are_whole(peer: Peer, genie: Run, flag: str, value: str) -> None:
    said = genie("events", "ada", f"{flag}={value}")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"{flag} '{value}' is not a whole number" in said.err
    assert not [asked for asked in peer.asked if asked.path.endswith("/events")]


def test_an_unknown_type_or_name(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/ada/events"] = (400, error("bad_input", "unknown type of event 'faild'", "did you…"))
    assert genie("events", "ada", "--type", "faild").code == 2
    peer.answers["GET /v1/agents/ada/events"] = (404, error("not_found", "unknown agent 'ada'"))
    assert genie("events", "ada").code == 3


def test_types_are_completed(genie: Run) -> None:
    assert genie("__complete", "bash", "events", "ada", "--type", "fai").out == "failed\n"
    assert genie("__complete", "bash", "subscribe", "--type", "agent.f").out == "agent.failed\n"
    every = genie("__complete", "bash", "subscribe", "--type", "").out.split()
    assert {kind.value for kind in Kind} < set(every)
    assert root().get_command(None, "subscribe") is not None


# ---- subscribe ------------------------------------------------------------------------------


def test_subscribe_begins_now_and_passes_its_filters_on(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/events/last"] = {"id": 41}
    peer.answers["GET /v1/events"] = Lines([happened(42)])
    words = ("--team", "web", "--tag", "x", "--tag", "y", "--type", "failed", "--json")
    with running(environ, "subscribe", *words) as process:
        assert ids(process, 1) == [42]
    first = next(asked for asked in peer.asked if asked.path == "/v1/events")
    assert first.query == {"after": ["41"], "follow": ["true"], "type": ["failed"], "team": ["web"], "tag": ["x", "y"]}


def test_subscribe_in_lines(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/events/last"] = {"id": 9}
    peer.answers["GET /v1/events"] = Lines([happened(7), happened(8, name=None, kind="daemon.started", payload={})])
    with running(environ, "subscribe", "--after", "6") as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
    assert lines == [
        "2026-01-01 12:34:56       7  ada               session.user_event  message=number 7, level=info\n",
        "2026-01-01 12:34:56       8  -                 daemon.started\n",
    ]


def test_a_cut_stream_goes_on_after_the_last_whole_line(peer: Peer, environ: dict[str, str]) -> None:
    pieces: Iterator[Any] = iter(
        [
            Lines([happened(1), happened(2)], cut=True),
            Silence(),
            (503, error("registry_away", "PostgreSQL does not answer")),
            (503, error("unreachable", "the daemon is starting", state="starting")),
            Lines([]),
            Lines([happened(3)]),
        ]
    )
    asked: list[list[str]] = []

    def answer(request: Asked) -> Any:  # noqa: ANN401
        asked.append(request.query["after"])
        return next(pieces, Lines([happened(int(request.query["after"][0]) + 1)]))

    peer.answers["GET /v1/events/last"] = {"id": 0}
    peer.answers["GET /v1/events"] = answer
    with running(environ, "subscribe", "--json") as process:
        assert ids(process, 5) == [1, 2, 3, 4, 5]
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE) == 130
        assert process.stderr
        said = process.stderr.read().splitlines()
    assert asked[:7] == [["0"], ["2"], ["2"], ["2"], ["2"], ["2"], ["3"]]
    assert set(said) == {"genie: the daemon went away; this goes on when it is back"}
    assert len(said) <= 4


def test_a_daemon_that_was_stopped_is_waited_for_and_not_started(
    home: Home, environ: dict[str, str], stack: ExitStack
) -> None:
    home.make()
    with serving(home.socket) as first:
        first.answers |= {
            "GET /v1/events/last": {"id": 5},
            "GET /v1/events": Lines([happened(6)]),
            "GET /v1/health": HEALTH,
        }
        process = stack.enter_context(running(environ, "subscribe", "--json"))
        assert ids(process, 1) == [6]
        (home.root / "config.toml").write_text("no daemon starts = = with this\n")
    assert not home.socket.exists()
    assert process.stderr
    assert "went away" in process.stderr.readline()
    looked = attempts(process)
    until(lambda: process.poll() is not None or attempts(process) >= looked + 4, within=DEADLINE, what="attempts")
    assert process.poll() is None
    with serving(home.socket) as second:
        second.answers["GET /v1/events"] = Lines([happened(7)])
        assert ids(process, 1) == [7]
        assert second.last("GET /v1/events").query["after"][0] in ("6", "7")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=DEADLINE)
    assert process.returncode == 130
    assert not list(home.logs.glob("daemon*"))


@pytest.mark.parametrize(
    ("answer", "code"),
    [((400, error("bad_input", "unknown type of event 'x'")), 2), ((403, error("refused", "user 1 may not")), 5)],
)
def test_what_does_not_pass_ends_it(peer: Peer, genie: Run, answer: object, code: int) -> None:
    peer.answers["GET /v1/events/last"] = {"id": 0}
    peer.answers["GET /v1/events"] = answer
    assert genie("subscribe", "--type", "x").code == code
    peer.answers["GET /v1/events/last"] = (503, error("registry_away", "PostgreSQL does not answer"))
    assert genie("subscribe").code == 7


def test_a_newer_schema_is_not_waited_for(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/events/last"] = {"id": 0}
    peer.answers["GET /v1/events"] = (503, error("newer_schema", "the registry was written by a newer genie"))
    assert genie("subscribe").code == 7


def test_a_reader_that_has_seen_enough_ends_it(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/events/last"] = {"id": 0}
    peer.answers["GET /v1/events"] = Lines([happened(number) for number in range(1, 5000)])
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m genie subscribe --json | head -n 2; exit 0"],
        capture_output=True, text=True, env=environ, timeout=60, check=True,
    )  # fmt: skip
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]
    assert done.stderr == ""


def test_the_id_is_a_number(genie: Run) -> None:
    said = genie("subscribe", "--after", "x")
    assert (said.code, re.search("--after 'x' is not a whole number", said.err) is not None) == (2, True)


def test_a_socket_that_a_crash_left_has_the_daemon_started(
    home: Home, environ: dict[str, str], stack: ExitStack
) -> None:
    """Seen by what the attempt to start says: this home's settings do not read."""
    home.make()
    with serving(home.socket) as first:
        first.answers |= {"GET /v1/events/last": {"id": 0}, "GET /v1/events": Lines([happened(1)], cut=True)}
        process = stack.enter_context(running(environ, "subscribe", "--json"))
        assert ids(process, 1) == [1]
        (home.root / "config.toml").write_text("nonsense = = 1\n")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(os.fspath(home.socket))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "config.toml" in said.splitlines()[-1]
