"""How far conversations were read, and whose they are: what every registry keeps, the real one and that in memory."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.events import Event, Kind
from genie.domain.session import Standing
from genie.domain.tape import Tape
from genie.ports import Registry, Stretch
from tests.contract.values import HOST, NOW, a_run, a_session, spawn
from tests.services.registry import MemoryRegistry


@pytest.fixture(params=["real", "memory"])
def host(request: pytest.FixtureRequest) -> Registry:
    """A registry that this host has joined, and another one."""
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    for name in (HOST, "host-2"):
        found.join_host(name, name="box", boot="b", at=NOW)
    return found


def a_tape(standing: Standing, path: str = "/said", **changed: object) -> Tape:
    assert standing.session
    tape = Tape(session=standing.session.id, provider="claude", path=path, form="transcript")
    return replace(tape, **changed)  # type: ignore[arg-type]  # the fields of a tape


def test_a_tape_comes_back_as_it_was_and_the_first_of_two_stays(host: Registry) -> None:
    standing = spawn(host)
    tape = a_tape(standing, position={"offset": 2**53, "past": {"/a": {"offset": 1}}}, state={"said": "\ud800\0é"})
    with host.begin() as tx:
        assert tx.tape(tape.session) is None
        tx.add_tape(a_tape(standing))
        tx.add_tape(tape)
        assert tx.tape(tape.session) == a_tape(standing)
        tx.save_tape(tape)
    (kept,) = host.tapes(HOST)
    assert (kept.path, kept.position) == (tape.path, tape.position)


def test_the_tapes_of_a_host_are_those_of_its_live_runs(host: Registry) -> None:
    here, ended, there = spawn(host), spawn(host, "bob", live=False), spawn(host, "eve", host="host-2")
    with host.begin() as tx:
        for standing in (here, ended, there):
            tx.add_tape(a_tape(standing))
    assert host.tapes(HOST) == [a_tape(here)]
    assert host.tapes("host-2") == [a_tape(there)]


def test_who_speaks_in_a_session_is_its_agent_in_its_latest_run(host: Registry) -> None:
    """Also of a session that is not its agent's present one, and one that was never run."""
    standing = spawn(host, live=False)
    past, fresh = a_session(standing.agent.id), a_session(standing.agent.id)
    runs = [a_run(past, ended_at=NOW, created_at=NOW + timedelta(minutes=number)) for number in (1, 3, 2)]
    assert standing.session
    spoken = [replace(a_tape(standing), session=session.id) for session in (past, fresh, standing.session)]
    with host.begin() as tx:
        tx.add_session(past)
        tx.add_session(fresh)
        for run in runs:
            tx.add_run(run)
        for tape in spoken:
            tx.add_tape(tape)
        assert tx.speaker(past.id) == (spoken[0], Standing(standing.agent, past, runs[1]))
        assert tx.speaker(fresh.id) == (spoken[1], Standing(standing.agent, fresh, None))
        assert tx.speaker(standing.session.id) == (spoken[2], standing)
        assert tx.speaker(uuid4()) is None


@pytest.mark.parametrize("events", [0, 1, 2500])
def test_a_tape_is_moved_with_the_events_of_its_transaction(host: Registry, events: int) -> None:
    standing = spawn(host)
    tape = a_tape(standing)
    moved = replace(tape, path="/other", form="stream-json", position={"offset": 7}, state={"a": None})
    happened = Event(kind=Kind.USER_MESSAGE, at=NOW, agent=standing.agent.id, session=tape.session)
    with host.begin() as tx:
        tx.add_tape(tape)
    with host.begin() as tx:
        tx.record(*[happened] * events)
        tx.move_tape(moved)
    assert host.tapes(HOST) == [moved]
    assert host.measure(Stretch(session=tape.session)) == events
    with suppress(ZeroDivisionError), host.begin() as tx:
        tx.record(happened)
        tx.move_tape(tape)
        raise ZeroDivisionError
    assert host.measure(Stretch(session=tape.session)) == events
    assert host.tapes(HOST) == [moved]
    with host.begin() as tx:
        tx.move_tape(replace(tape, session=uuid4()))
    assert host.tapes(HOST) == [moved]


@pytest.mark.parametrize("speaking", [False, True])
def test_nobody_else_reads_on_from_a_tape_that_is_held(host: Registry, *, speaking: bool) -> None:
    standing = spawn(host)
    tape = a_tape(standing)
    with host.begin() as tx:
        tx.add_tape(tape)
    seen: list[object] = []

    def other() -> None:
        with host.begin() as tx:
            held = tx.tape(tape.session)
            assert held
            seen.append(held.position)

    with host.begin() as tx:
        assert (tx.speaker if speaking else tx.tape)(tape.session)
        thread = threading.Thread(target=other)
        thread.start()
        tx.save_tape(replace(tape, position={"offset": 1}))
        assert seen == []
    thread.join(timeout=10)
    assert seen == [{"offset": 1}]


HOSTILE = {
    "nul\0": "a\0b",
    "half": ["\ud800", "x\udfffy", {"deep\udc00": ("\0", 1, None, True)}],
    "escaped": "\\u0000 \\ud800",
    "whole": "😀é\u2028\x1f",
}


def test_what_was_said_is_kept_whatever_characters_are_in_it(registry: Registry) -> None:
    """NUL and halves of surrogate pairs, which PostgreSQL cannot hold, are replaced; all else is as it was."""
    registry.join_host(HOST, name="box", boot="b", at=NOW)
    standing = spawn(registry, life=Life.RUNNING)
    assert standing.session
    said = Event(kind=Kind.TOOL_RESULT, at=NOW, agent=standing.agent.id, session=standing.session.id, payload=HOSTILE)
    with registry.begin() as tx:
        tx.record(
            said, replace(said, payload={"text": "plain \\u0000"}), replace(said, payload={"text": "\ud83d\ude00"})
        )
    first, second, third = registry.stretch(Stretch(session=standing.session.id))
    assert first.payload == {
        "nul�": "a�b",
        "half": ["�", "x�y", {"deep�": ["�", 1, None, True]}],
        "escaped": "\\u0000 \\ud800",
        "whole": "😀é\u2028\x1f",
    }
    assert second.payload == {"text": "plain \\u0000"}
    assert third.payload == {"text": "��"}
