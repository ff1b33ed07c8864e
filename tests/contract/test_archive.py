"""What every registry must tell of what is over, and what sessions add up to: the real one, and the one in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.conversation import Tokens
from genie.domain.events import SAID, Event, Kind
from genie.domain.result import Result
from genie.domain.session import Standing
from genie.ports import Digest, Heap, Registry, Stretch
from tests.contract.samples import looks, sample
from tests.contract.values import HOST, NOW, a_run, a_session, spawn
from tests.services.registry import MemoryRegistry

LATER = NOW + timedelta(days=9)
WEEK = LATER - timedelta(days=7)
CALL = {"tool": "Edit", "tool_kind": "file_edit"}


@pytest.fixture(params=["real", "memory"])
def host(request: pytest.FixtureRequest) -> Registry:
    """A registry that this host has joined."""
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    found.join_host(HOST, name="box", boot="b", at=NOW)
    return found


def session_of(standing: Standing) -> UUID:
    assert standing.session
    return standing.session.id


def say(registry: Registry, standing: Standing, *said: tuple[Kind, Mapping[str, object]], days: float = 0.0) -> None:
    at = NOW + timedelta(days=days)
    agent, session = standing.agent.id, session_of(standing)
    with registry.begin() as tx:
        tx.record(*(Event(kind=kind, at=at, agent=agent, session=session, payload=payload) for kind, payload in said))


def over(registry: Registry, name: str = "ada", life: Life = Life.DONE, **changed: object) -> Standing:
    """An agent whose run ended at NOW, and so did it."""
    return spawn(registry, name, live=False, life=life, **changed)


def conclude(registry: Registry, standing: Standing, *, days: float = 0.0, success: bool | None = True) -> None:
    at = NOW + timedelta(days=days)
    with registry.begin() as tx:
        tx.save_result(Result(session=session_of(standing), agent=standing.agent.id, success=success, at=at))


# ---- sums -----------------------------------------------------------------------------------


def test_a_session_without_events_adds_up_to_nothing(host: Registry) -> None:
    stranger = uuid4()
    ada = session_of(over(host))
    assert host.digests([ada, stranger], now=LATER) == {ada: Digest(), stranger: Digest()}
    assert host.digests([], now=LATER) == {}


def test_calls_are_counted_by_the_tool_the_most_called_first(host: Registry) -> None:
    ada, bob = over(host), over(host, "bob")
    for tool in ("Read", "Bash", "Edit", "Bash"):
        say(host, ada, (Kind.TOOL_CALL, {"tool": tool}))
    say(host, ada, (Kind.TOOL_RESULT, {"tool": "Bash"}))
    say(host, bob, (Kind.TOOL_CALL, {"tool": "Grep"}))
    found = host.digests([session_of(ada)], now=LATER)
    assert list(found[session_of(ada)].tools.items()) == [("Bash", 2), ("Edit", 1), ("Read", 1)]


def test_files_are_those_of_calls_that_change_some_and_did_not_fail(host: Registry) -> None:
    ada = over(host)
    say(
        host,
        ada,
        (Kind.TOOL_CALL, CALL | {"call": "1", "path": "/w/b"}),
        (Kind.TOOL_CALL, {"tool": "Write", "tool_kind": "file_write", "call": "2", "path": "/w/größe 'x' %s"}),
        (Kind.TOOL_CALL, CALL | {"call": "3", "path": "/w/b"}),
        (Kind.TOOL_CALL, CALL | {"call": "4", "path": "/w/refused"}),
        (Kind.TOOL_CALL, {"tool": "Read", "tool_kind": "file_read", "path": "/w/read"}),
        (Kind.TOOL_CALL, CALL | {"call": "5"}),
        (Kind.TOOL_RESULT, {"call": "4", "is_error": True}),
        (Kind.TOOL_RESULT, {"call": "1", "is_error": False}),
    )
    assert host.digests([session_of(ada)], now=LATER)[session_of(ada)].files == ("/w/b", "/w/größe 'x' %s")


def test_tokens_and_turns_are_added(host: Registry) -> None:
    ada = over(host)
    say(
        host,
        ada,
        (Kind.USAGE, {"input": 3, "output": 5, "cache_read": 7, "cache_write": 11, "cost": 0.25}),
        (Kind.USAGE, {"input": -1, "output": 1, "cache_read": 0, "cache_write": 0}),
        (Kind.USER_MESSAGE, {"text": "do it"}),
        (Kind.USER_MESSAGE, {"text": "to a sub-agent", "parent": "7"}),
        (Kind.SESSION_RESULT, {"text": "done", "turns": 4, "input": 1000}),
        (Kind.PROVIDER_STATUS, {"status": "turn", "turns": 1}),
        (Kind.ASSISTANT_MESSAGE, {"text": "done"}),
    )
    found = host.digests([session_of(ada)], now=LATER)[session_of(ada)]
    assert (found.turns, found.asked) == (5, 1)
    assert found.tokens == Tokens(input=2, output=6, cache_read=7, cache_write=11, cost=0.25)


def test_what_is_no_number_counts_as_nothing(host: Registry) -> None:
    ada = over(host)
    say(
        host, ada, (Kind.USAGE, {"input": "many", "output": None, "cost": "dear"}), (Kind.SESSION_RESULT, {"turns": []})
    )
    found = host.digests([session_of(ada)], now=LATER)[session_of(ada)]
    assert (found.tokens, found.turns) == (Tokens(), 0)


def test_a_session_has_lived_as_long_as_its_processes(host: Registry) -> None:
    ada, minute = spawn(host), timedelta(minutes=1)
    assert ada.session
    first = a_run(ada.session, live_at=NOW, ended_at=NOW + minute)
    with host.begin() as tx:
        tx.add_run(first)
        assert ada.run
        tx.save_run(replace(ada.run, live_at=NOW + 2 * minute))
    found = host.digests([session_of(ada)], now=NOW + 5 * minute)[session_of(ada)]
    assert found.lived == 4 * minute


# ---- what is over ---------------------------------------------------------------------------


@pytest.mark.parametrize("life", [Life.DONE, Life.FAILED, Life.TERMINATED])
def test_a_session_and_its_runs_are_over_with_their_agent(host: Registry, life: Life) -> None:
    ada = over(host, life=life)
    assert ada.run
    ids = [session_of(ada), ada.run.id, uuid4()]
    assert host.over(HOST, ids, before=WEEK) == {session_of(ada), ada.run.id}
    assert host.over(HOST, [session_of(ada)], before=WEEK) == {session_of(ada)}
    assert host.over(HOST, [], before=WEEK) == frozenset()
    assert host.over(HOST, ids, before=NOW) == frozenset()
    assert host.over("other", ids, before=WEEK) == frozenset()


@pytest.mark.parametrize("life", sorted(set(Life) - {Life.DONE, Life.FAILED, Life.TERMINATED}, key=str))
def test_one_that_may_go_on_is_not_over(host: Registry, life: Life) -> None:
    ada = over(host, life=life)
    assert host.over(HOST, [session_of(ada)], before=WEEK) == frozenset()


def test_one_with_a_live_run_is_not_over(host: Registry) -> None:
    ada = spawn(host, life=Life.DONE)
    assert host.over(HOST, [session_of(ada)], before=WEEK) == frozenset()


def test_one_is_over_with_the_last_that_is_known_of_its_end(host: Registry) -> None:
    ada, bob = over(host), over(host, "bob", changed_at=LATER - timedelta(days=1))
    conclude(host, ada, days=8)
    assert host.over(HOST, [session_of(ada), session_of(bob)], before=WEEK) == frozenset()
    cyd = over(host, "cyd")
    assert cyd.session
    with host.begin() as tx:
        tx.add_run(a_run(cyd.session, ended_at=LATER))
    assert host.over(HOST, [session_of(cyd)], before=WEEK) == frozenset()


def test_a_session_is_over_when_its_agent_has_another(host: Registry) -> None:
    ada = over(host, life=Life.SUSPENDED)
    fresh = a_session(ada.agent.id)
    with host.begin() as tx:
        tx.add_session(fresh)
        tx.save_agent(replace(ada.agent, session=fresh.id))
    assert host.over(HOST, [session_of(ada), fresh.id], before=WEEK) == {session_of(ada)}


# ---- old events -----------------------------------------------------------------------------


def said(registry: Registry, standing: Standing) -> list[Kind]:
    return [event.kind for event in registry.stretch(Stretch(session=session_of(standing)))]


TALK: list[tuple[Kind, Mapping[str, object]]] = [
    (Kind.USER_MESSAGE, {"text": "do it"}),
    (Kind.TOOL_CALL, {"tool": "Bash"}),
    (Kind.ASSISTANT_MESSAGE, {"text": "done"}),
]


def test_what_was_said_is_dropped_and_changes_stay(host: Registry) -> None:
    ada = over(host)
    conclude(host, ada)
    say(host, ada, (Kind.SPAWNING, {}), *TALK, (Kind.DONE, {}))
    before = host.last_event()
    found = host.old_events(HOST, before=WEEK)
    assert found.count == 3
    assert found.size > 0
    assert host.drop_events(HOST, before=WEEK) == 3
    assert host.old_events(HOST, before=WEEK) == Heap()
    assert said(host, ada) == [Kind.SPAWNING, Kind.DONE]
    assert host.last_event() == before
    say(host, ada, (Kind.RUNNING, {}))
    last = host.events(after=before)
    assert [(event.id, event.seq) for event in last] == [(before + 1, 6)]


def test_the_last_event_of_a_session_stays(host: Registry) -> None:
    ada = over(host)
    conclude(host, ada)
    say(host, ada, *TALK)
    assert host.drop_events(HOST, before=WEEK) == 2
    say(host, ada, (Kind.RUNNING, {}))
    assert [event.seq for event in host.stretch(Stretch(session=session_of(ada)))] == [3, 4]


@pytest.mark.parametrize("success", [None, False])
def test_without_an_end_that_is_known_what_a_result_is_read_from_stays(host: Registry, success: bool | None) -> None:
    ada = over(host)
    say(host, ada, *((kind, {"text": "x"}) for kind in SAID), (Kind.DONE, {}))
    conclude(host, ada, success=success)
    host.drop_events(HOST, before=WEEK)
    kept = {Kind.ASSISTANT_MESSAGE, Kind.SESSION_RESULT, Kind.USAGE, Kind.STDOUT, Kind.PROVIDER_STATUS}
    assert (kept <= set(said(host, ada))) is (success is None)
    assert Kind.TOOL_RESULT not in said(host, ada)


def test_what_was_said_lately_or_elsewhere_or_goes_on_stays(host: Registry) -> None:
    host.join_host("other", name="b", boot="b", at=NOW)
    late, away, lives = over(host), over(host, "bob", host="other"), spawn(host, "cyd")
    for standing in (late, away, lives):
        conclude(host, standing)
        say(host, standing, *TALK, days=8 if standing is late else 0)
    assert host.old_events(HOST, before=WEEK) == Heap()
    assert host.drop_events(HOST, before=WEEK) == 0


# ---- old samples ----------------------------------------------------------------------------


def test_old_samples_are_dropped(host: Registry) -> None:
    ada = spawn(host)
    assert ada.run
    old = looks(ada.run.id, minutes=1, start=NOW)
    host.add_samples([*old, sample(ada.run.id, LATER)])
    found = host.old_samples(before=WEEK)
    assert found.count == len(old)
    assert found.size > 0
    assert host.drop_samples(before=WEEK) == len(old)
    assert host.old_samples(before=WEEK) == Heap()
    assert host.old_samples(before=LATER + timedelta(days=1)).count == 1
