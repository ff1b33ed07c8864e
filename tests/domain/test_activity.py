"""What an agent is doing, from what is told: tables, and whatever is told in whatever order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.activity import (
    Evidence,
    Known,
    Patience,
    Reading,
    Source,
    judge,
    note,
    of_event,
    without_registry,
)
from genie.domain.activity import evidence as newest_words
from genie.domain.agent import Activity
from genie.domain.events import Event, Kind

T0 = datetime(2026, 11, 21, 8, tzinfo=UTC)
P = Patience()


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def said(
    source: Source, seconds: float, says: Activity | None, *, until: float | None = None, waits: bool | None = None
) -> Evidence:
    ends = at(until) if until is not None else None
    return Evidence(source=source, at=at(seconds), says=says, detail="x", until=ends, waits=waits)


def hook(seconds: float, says: Activity, *, waits: bool | None = None) -> Evidence:
    return said(Source.HOOK, seconds, says, waits=waits)


def entry(seconds: float, says: Activity) -> Evidence:
    return said(Source.REGISTRY, seconds, says)


def talk(seconds: float, says: Activity | None, *, until: float | None = None, waits: bool | None = None) -> Evidence:
    return said(Source.TRANSCRIPT, seconds, says, until=until, waits=waits)


def read(*told: Evidence, now: float, **known: object) -> Reading:
    state = Known(started=T0, **known)  # type: ignore[arg-type]  # fields
    for one in told:
        state = note(state, one, now=at(now))
    return judge(state, P, now=at(now))


W, I, PERM, Q, E, L = (  # noqa: E741
    Activity.WORKING,
    Activity.IDLE,
    Activity.PERMISSION,
    Activity.QUESTION,
    Activity.ERROR,
    Activity.LIMITED,
)


def test_a_program_that_shows_no_sign_of_life_stands_before_a_dialog() -> None:
    early = read(now=2.9)
    assert (early.activity, early.again) == (Activity.STARTING, at(3))
    late = read(now=3, dialog="the trust question")
    assert (late.activity, late.since) == (Q, at(3))
    assert late.source.endswith("it probably shows the trust question")
    assert "a start-up dialog" in read(now=3).source
    assert read(now=3, mute=True).activity is Activity.UNKNOWN
    assert read(now=3, mute=True, dialog="the trust question").activity is Q


@pytest.mark.parametrize(
    ("told", "now", "expected"),
    [
        ([entry(1, I)], 5, I),
        ([entry(1, W)], 5, W),
        # A hook goes before the registry for a moment only: an interrupt fires none.
        ([entry(1, I), hook(5, W)], 6.9, W),
        ([entry(1, I), hook(5, W)], 7, I),
        ([entry(1, W), hook(5, PERM)], 6, PERM),
        ([entry(6, I), hook(5, W)], 6, I),
        # Without a registry the newest counts.
        ([hook(5, W), talk(6, I)], 60, I),
        ([talk(6, W), hook(7, I)], 60, I),
        # An error that has ended the turn stands until the next one.
        ([entry(1, W), hook(4, E), entry(5, I)], 60, E),
        ([entry(1, W), hook(4, E), entry(5, I), entry(9, W)], 20, W),
        ([entry(1, W), hook(4, E), entry(5, I), entry(9, W), entry(12, I)], 20, I),
        ([entry(1, W), talk(4, E), entry(5, I)], 60, E),
        # So does a limit, which goes before the error that tells of it.
        ([entry(1, W), talk(4, L, until=3600), hook(4.1, E), entry(5, I)], 60, L),
        ([entry(1, W), talk(4, L, until=3600), entry(5, I)], 3779, L),
        ([entry(1, W), talk(4, L, until=3600), entry(5, I)], 3780, I),
        ([entry(1, W), talk(4, L), entry(5, I)], 10**6, L),
        ([entry(1, W), talk(4, L, until=3600), entry(5, I), entry(3700, W)], 3710, W),
        # A question after an error is a question.
        ([hook(4, E), entry(9, Q)], 20, Q),
        # What is older than what the same source has told changes nothing.
        ([entry(9, I), entry(1, W)], 20, I),
    ],
)
def test_what_counts(told: list[Evidence], now: float, expected: Activity) -> None:
    assert read(*told, now=now).activity is expected


def test_a_model_that_has_the_word_and_says_nothing_has_stalled() -> None:
    told = [hook(10, W, waits=True), entry(10.1, W)]
    before = read(*told, now=609)
    assert (before.activity, before.again) == (W, at(610))
    after = read(*told, now=610)
    assert (after.activity, after.since) == (E, at(610))
    assert "said nothing since 2026-11-21 08:00:10 UTC" in after.source
    assert read(*told, talk(600, W, waits=True), now=700).activity is W
    assert read(*told, talk(600, None, waits=True), now=700).activity is W
    assert read(*told, talk(20, W, waits=False), now=9999).activity is W, "a tool may run for hours"
    assert read(*told, entry(20, PERM), entry(300, W), now=700).activity is W, "it was told to go on since"


def test_the_end_of_a_helpers_turn_is_not_the_end_of_the_turn() -> None:
    told = [talk(1, W), hook(5, I)]
    assert read(*told, now=6.9, mute=True).activity is I
    assert read(*told, now=7, mute=True).activity is W
    assert read(*told, now=7).activity is I
    assert read(hook(5, I), now=60, mute=True).activity is I
    assert read(*told, talk(6, I), now=60, mute=True).activity is I


def test_a_program_that_is_up_and_begins_no_turn_waits_for_one() -> None:
    up = hook(2, Activity.STARTING)
    early = read(up, now=4.9)
    assert (early.activity, early.again) == (Activity.STARTING, at(5))
    late = read(up, now=5)
    assert (late.activity, late.since, late.source, late.again) == (I, at(5), "hook: x, and no turn since", None)
    assert read(up, talk(4, W), now=60).activity is W
    assert read(up, entry(2.1, W), now=60).activity is W


def test_an_entry_that_has_gone_tells_nothing() -> None:
    known = note(Known(started=T0), entry(1, W), now=at(2))
    assert without_registry(known).silent


def test_what_comes_from_the_future_is_of_now() -> None:
    known = note(Known(started=T0), hook(500, W), now=at(2))
    assert known.hook is not None
    assert known.hook.at == at(2)


evidence = st.builds(
    Evidence,
    source=st.sampled_from([Source.HOOK, Source.REGISTRY, Source.TRANSCRIPT]),
    at=st.integers(-100, 2000).map(at),
    says=st.sampled_from([None, Activity.STARTING, W, I, PERM, Q, E, L]),
    until=st.none() | st.integers(0, 5000).map(at),
    waits=st.sampled_from([None, True, False]),
)


@given(st.lists(evidence, max_size=12), st.integers(0, 3000))
def test_whatever_is_told_there_is_an_answer_and_time_moves_on(told: list[Evidence], now: int) -> None:
    known = Known(started=T0)
    for one in told:
        known = note(known, one, now=at(now))
    found = judge(known, P, now=at(now))
    assert found.since <= at(now)
    assert ": " in found.source
    assert found.again is None or found.again > at(now), "it would look for ever"
    assert judge(known, P, now=at(now)) == found
    if known.silent:
        assert found.activity in (Activity.STARTING, Q)


@given(st.lists(evidence, max_size=8), st.sampled_from([PERM, Q]), st.integers(10, 3000))
def test_a_dialog_that_the_registry_tells_of_is_never_hidden(told: list[Evidence], asks: Activity, now: int) -> None:
    known = Known(started=T0)
    for one in told:
        known = note(known, replace(one, at=min(one.at, at(now - 5))), now=at(now))
    known = note(known, entry(now - 3, asks), now=at(now))
    assert judge(known, P, now=at(now)).activity is asks


def happened(kind: Kind, **payload: object) -> Event:
    return Event(kind=kind, at=T0, payload=payload)


@pytest.mark.parametrize(
    ("event", "says", "waits"),
    [
        (happened(Kind.USER_MESSAGE), W, True),
        (happened(Kind.TOOL_CALL), W, False),
        (happened(Kind.TOOL_RESULT), W, True),
        (happened(Kind.ASSISTANT_MESSAGE, parent="agent"), None, None),
        (happened(Kind.SESSION_RESULT, is_error=False), I, None),
        (happened(Kind.SESSION_RESULT, is_error=True, reason="interrupted"), I, None),
        (happened(Kind.SESSION_RESULT, is_error=True, error="overloaded"), E, None),
        (happened(Kind.PROVIDER_STATUS, status="turn_duration"), I, None),
        (happened(Kind.PROVIDER_STATUS, status="api_error", text="cut off\nmore"), E, None),
        (happened(Kind.PROVIDER_STATUS, status="event_msg/task_started"), W, True),
        (happened(Kind.USAGE_LIMIT_HIT, resets_at=T0.isoformat()), L, None),
        (happened(Kind.USAGE_LIMIT_RESUMED), W, True),
    ],
)
def test_what_a_conversation_tells(event: Event, says: Activity | None, waits: bool | None) -> None:
    found = of_event(event)
    assert found is not None
    assert (found.source, found.says, found.waits) == (Source.TRANSCRIPT, says, waits)
    assert "\n" not in found.detail
    assert found.until == (T0 if says is L else None)


@pytest.mark.parametrize("event", [happened(Kind.USAGE), happened(Kind.PROVIDER_STATUS, status="mode")])
def test_what_tells_nothing(event: Event) -> None:
    assert of_event(event) is None


# ---- the title of the pane, the status line -------------------------------------------------


def title(seconds: float, says: Activity) -> Evidence:
    return said(Source.TITLE, seconds, says)


def test_a_title_counts_where_nobody_has_told_anything_else() -> None:
    assert read(title(1, W), now=2, mute=True).activity is W
    assert read(title(1, PERM), now=9, mute=True).source == "title: x"


def test_a_title_tells_of_a_permission_that_the_others_do_not_know_of() -> None:
    def doing(*told: Evidence) -> Activity:
        return read(*told, now=60, mute=True).activity

    assert doing(talk(1, W, waits=False), title(2, PERM)) is PERM
    assert doing(talk(1, W), title(2, W)) is W
    assert doing(talk(1, I), title(2, PERM)) is I
    assert doing(talk(3, W), title(2, PERM)) is PERM, "within the moment that it may be late"
    assert doing(talk(5, W), title(2, PERM)) is W, "somebody has told of work since"
    assert doing(talk(1, W), title(2, PERM), title(4, W)) is W
    assert read(entry(1, W), title(2, PERM), now=60).activity is W, "a registry knows better"


def test_a_hook_that_asks_stands_until_somebody_tells_of_work() -> None:
    assert read(talk(1, W), hook(2, PERM, waits=False), now=60, mute=True).activity is PERM
    assert read(talk(1, W), hook(2, I), now=60, mute=True).activity is W, "its end is the transcript's to tell"


def test_what_costs_something_was_said_by_the_model() -> None:
    told = [talk(1, W, waits=True), said(Source.STATUS, 300, None, waits=True)]
    assert read(*told, now=700).activity is W
    assert read(*told, now=900).activity is E
    assert read(talk(1, W, waits=True), said(Source.STATUS, 300, None), now=601).activity is E
    assert read(talk(1, W, waits=False), said(Source.STATUS, 300, None, waits=True), now=10**6).activity is W


def test_the_newest_word_of_each_source() -> None:
    known = Known(started=T0)
    for one in (talk(1, W), title(3, PERM), hook(2, W), said(Source.STATUS, 4, None), hook(5, I)):
        known = note(known, one, now=at(9))
    told = [(one.source.value, one.at) for one in newest_words(known)]
    assert told == [("hook", at(5)), ("status line", at(4)), ("title", at(3)), ("transcript", at(1))]
