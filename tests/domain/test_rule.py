"""Rules: which events they are about, how often they are followed, and what their commands are told."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genie.domain.amounts import Wrong
from genie.domain.events import Event, Kind
from genie.domain.rule import (
    LARGEST,
    Pace,
    Place,
    Rule,
    Whose,
    as_note,
    as_row,
    as_variable,
    fits,
    keep_pace,
    kinds_like,
)
from genie.domain.tree import Rate

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
ADA = UUID(int=1)


@pytest.mark.parametrize(
    ("word", "kinds"),
    [
        ("agent.failed", {Kind.FAILED}),
        ("failed", {Kind.FAILED, Kind.MESSAGE_FAILED}),
        ("exhausted", {Kind.EXHAUSTED}),
        ("usage_limit_*", {Kind.USAGE_LIMIT_HIT, Kind.USAGE_LIMIT_RESUMED}),
        ("daemon.*", {Kind.DAEMON_STARTED, Kind.DAEMON_STOPPED}),
        ("daemon.st?rted", {Kind.DAEMON_STARTED}),
        ("*", set(Kind)),
    ],
)
def test_the_kinds_that_a_word_names(word: str, kinds: set[Kind]) -> None:
    assert kinds_like(word) == kinds


@pytest.mark.parametrize(
    ("word", "hint"), [("agent.fail", "did you mean 'agent.failed'?"), ("exhaustd", "did you mean 'exhausted'?")]
)
def test_a_word_that_names_none_is_told_with_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(Wrong, match="unknown type of event") as caught:
        kinds_like(word)
    assert caught.value.hint == hint


def rule(**said: str) -> Rule:
    return Rule(place="config.toml:1", kinds=frozenset({Kind.FAILED}), run=("page",), **said)  # type: ignore[arg-type]


WEB = Whose(name="ada-1f0c", team="web", tags=frozenset({"nightly", "big"}))


@pytest.mark.parametrize(
    ("rule", "whose", "fit"),
    [
        (rule(), WEB, True),
        (rule(), None, True),
        (rule(agent="ada"), WEB, False),
        (rule(agent="ada*"), WEB, True),
        (rule(team="web", tag="night*"), WEB, True),
        (rule(team="db"), WEB, False),
        (rule(tag="small"), WEB, False),
        (rule(team="web"), None, False),
    ],
)
def test_whose_events_a_rule_is_about(rule: Rule, whose: Whose | None, fit: bool) -> None:
    assert fits(rule, Event(kind=Kind.FAILED, at=NOW), whose) is fit
    assert not fits(rule, Event(kind=Kind.DONE, at=NOW), whose)


@settings(deadline=None, database=None, derandomize=True)
@given(st.lists(st.floats(-5, 20), max_size=60), st.integers(1, 4))
def test_a_rule_never_passes_its_rate(waits: list[float], count: int) -> None:
    rate, pace, now, followed = Rate(count, timedelta(seconds=10)), Pace(), NOW, []
    for wait in waits:
        now += timedelta(seconds=wait)  # the clock can be set back
        pace, may = keep_pace(pace, rate, now=now)
        assert may == (pace.dropped == 0)
        if may:
            followed.append(now)
    if all(wait >= 0 for wait in waits):
        for at in followed:
            assert sum(at - rate.per < other <= at for other in followed) <= count


def test_what_was_left_out_is_counted_until_it_is_followed_again() -> None:
    rate, pace = Rate(1, timedelta(seconds=10)), Pace()
    pace, first = keep_pace(pace, rate, now=NOW)
    pace, second = keep_pace(pace, rate, now=NOW)
    pace, third = keep_pace(pace, rate, now=NOW + timedelta(seconds=9))
    assert (first, second, third, pace.dropped) == (True, False, False, 2)
    pace, again = keep_pace(pace, rate, now=NOW + timedelta(seconds=10))
    assert (again, pace) == (True, Pace((NOW + timedelta(seconds=10),)))


# ---- what a command is told -----------------------------------------------------------------


def test_an_event_is_told_as_the_command_line_tells_it() -> None:
    happened = Event(
        kind=Kind.FAILED, at=NOW, agent=ADA, session=ADA, run=None, payload={"reason": "exit"}, id=7, seq=None
    )
    assert json.loads(as_variable(as_row(happened, name="ada"))) == {
        "id": 7,
        "seq": None,
        "at": "2026-03-04T12:00:00+00:00",
        "kind": "agent.failed",
        "agent": str(ADA),
        "name": "ada",
        "session_id": str(ADA),
        "run_id": None,
        "payload": {"reason": "exit"},
    }


PLAIN = st.text(max_size=9) | st.integers() | st.none()
ANYTHING = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(deadline=None, database=None, derandomize=True)
@given(ANYTHING)
def test_a_small_event_is_told_whole(value: object) -> None:
    row = {"id": 1, "payload": {"value": value}}
    assert json.loads(as_variable(row)) == row


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        ({"text": "x" * 200_000, "of": ["y" * 2000, 3]}, {"text": "x" * 1000 + "…", "of": ["y" * 1000 + "…", 3]}),
        ({str(n): ["z" * 900] for n in range(200)}, {str(n): ["z" * 100 + "…"] for n in range(200)}),
        ({str(n): n for n in range(20_000)}, {}),
    ],
)
def test_a_large_event_is_cut_until_it_fits(payload: dict[str, object], kept: object) -> None:
    text = as_variable({"id": 1, "payload": payload})
    assert len(text) <= LARGEST
    assert json.loads(text) == {"id": 1, "payload": kept, "truncated": True}


def test_a_note_has_nothing_of_what_was_said() -> None:
    assert json.loads(as_note({"id": 1, "payload": {"secret": "x"}})) == {"id": 1, "payload": {}, "truncated": True}


def test_what_was_begun_is_not_begun_again() -> None:
    place = Place(7, 2)
    assert [place.begun(6, 5), place.begun(7, 1), place.begun(7, 2), place.begun(8, 0)] == [True, True, False, False]
