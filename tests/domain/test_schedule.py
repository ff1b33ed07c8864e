"""Which due times are started: none twice, none forgotten, and no more than the policy says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.schedule import (
    MOST,
    ON_TIME,
    Cron,
    Due,
    Fire,
    Missed,
    NextAfter,
    Outcome,
    Overlap,
    Schedule,
    What,
    due,
    fires,
    upcoming,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FAR = datetime(9999, 1, 1, tzinfo=UTC)


def every(step: timedelta, *, until: datetime = FAR) -> NextAfter:
    """Due at NOON and at each step from there."""

    def next_after(at: datetime) -> datetime | None:
        found = NOON if at < NOON else NOON + ((at - NOON) // step + 1) * step
        return found if found <= until else None

    return next_after


def at(n: int, step: timedelta = SECOND) -> datetime:
    return NOON + n * step


def a_schedule(overlap: Overlap = Overlap.SKIP) -> Schedule:
    return Schedule(
        id=UUID(int=1),
        name="s",
        host="h",
        what=What.SPAWN,
        wanted={},
        trigger=Cron("* * * * *"),
        timezone="UTC",
        missed=Missed.RUN_ONCE,
        overlap=overlap,
        paused=False,
        seen=NOON,
        created_at=NOON,
        created_by="user",
    )


@pytest.mark.parametrize("missed", list(Missed))
def test_what_is_on_time_is_started_under_every_policy(missed: Missed) -> None:
    assert due(every(SECOND), seen=at(4), now=at(5), missed=missed) == Due((at(5),), ())


@pytest.mark.parametrize("missed", list(Missed))
def test_nothing_is_due_before_its_time(missed: Missed) -> None:
    todo = due(every(SECOND), seen=at(5), now=at(5) + SECOND / 2, missed=missed)
    assert todo == Due()
    assert todo.until is None


def test_of_what_was_missed_one_is_made_up_for_or_all_or_none() -> None:
    hour = timedelta(hours=1)
    now = at(3, hour) + 2 * ON_TIME
    times = (at(1, hour), at(2, hour), at(3, hour))
    assert due(every(hour), seen=NOON, now=now, missed=Missed.RUN_ONCE) == Due(times[-1:], times[:-1])
    assert due(every(hour), seen=NOON, now=now, missed=Missed.RUN_ALL) == Due(times, ())
    skipped = due(every(hour), seen=NOON, now=now, missed=Missed.SKIP)
    assert skipped == Due((), times)
    assert skipped.until == times[-1]


def test_what_is_a_little_late_is_not_missed() -> None:
    hour = timedelta(hours=1)
    todo = due(every(hour), seen=NOON, now=at(2, hour) + ON_TIME, missed=Missed.SKIP)
    assert todo == Due((at(2, hour),), (at(1, hour),))


def test_of_very_many_the_latest_are_made_up_for() -> None:
    year = timedelta(days=365)
    todo = due(every(timedelta(minutes=1)), seen=NOON, now=NOON + year, missed=Missed.RUN_ALL)
    assert len(todo.start) == MOST
    assert todo.start[-1] == NOON + year
    assert len(todo.passed) == 1


def test_a_year_of_seconds_does_not_take_a_year() -> None:
    asked = 0

    def next_after(moment: datetime) -> datetime | None:
        nonlocal asked
        asked += 1
        return every(SECOND)(moment)

    due(next_after, seen=NOON, now=NOON + timedelta(days=365), missed=Missed.RUN_ONCE)
    assert asked < 5 * MOST


times = st.integers(0, 40_000).map(lambda n: NOON + n * SECOND)


@given(
    st.integers(1, 4000),
    st.lists(times, min_size=1, max_size=30),
    st.sampled_from(Missed),
    st.integers(0, 40_000),
)
def test_looks_at_any_time_deal_with_each_due_time_once(
    step: int, looks: list[datetime], missed: Missed, last: int
) -> None:
    ticks = every(step * SECOND, until=at(last))
    seen, dealt = NOON - SECOND, list[datetime]()
    for now in sorted(looks):
        todo = due(ticks, seen=seen, now=now, missed=missed)
        both = [*todo.passed, *todo.start]
        assert both == sorted(set(both))
        assert all(seen < one <= now for one in both)
        assert len(todo.start) <= (MOST if missed is Missed.RUN_ALL else 1)
        assert len(both) <= MOST + 1
        assert todo.until == (both[-1] if both else None)
        seen = todo.until or seen
        dealt += both
    assert dealt == sorted(set(dealt))
    expected = upcoming(ticks, after=NOON - SECOND, count=50_000)
    there = [one for one in expected if one <= max(looks)]
    if len(there) <= MOST:
        assert dealt == there
    assert bool(dealt) == bool(there)


# ---- fires ----------------------------------------------------------------------------------


def made(todo: Due, *, overlap: Overlap = Overlap.SKIP, busy: bool = False) -> list[Fire]:
    return fires(a_schedule(overlap), todo, busy=busy, at=at(9))


def test_nothing_due_makes_nothing() -> None:
    assert made(Due()) == []


def test_a_due_time_is_claimed_and_counts_what_was_passed_over() -> None:
    (fire,) = made(Due((at(3),), (at(1), at(2))))
    assert (fire.due, fire.outcome, fire.passed, fire.settled_at) == (at(3), Outcome.CLAIMED, 2, None)
    assert fire.key.due == at(3)


def test_what_was_skipped_is_told_once() -> None:
    (fire,) = made(Due((), (at(1), at(2), at(3))))
    assert (fire.due, fire.outcome, fire.passed, fire.settled_at) == (at(3), Outcome.SKIPPED, 2, at(9))
    assert "while nothing could be started" in str(fire.detail)


@pytest.mark.parametrize(
    ("overlap", "busy", "outcomes"),
    [
        (Overlap.ALLOW, True, [Outcome.CLAIMED, Outcome.CLAIMED]),
        (Overlap.SKIP, True, [Outcome.SKIPPED, Outcome.SKIPPED]),
        (Overlap.SKIP, False, [Outcome.CLAIMED, Outcome.SKIPPED]),
    ],
)
def test_one_that_lives_is_in_the_way_of_the_next(overlap: Overlap, busy: bool, outcomes: list[Outcome]) -> None:
    found = made(Due((at(2), at(3)), (at(1),)), overlap=overlap, busy=busy)
    assert [fire.outcome for fire in found] == outcomes
    assert [fire.passed for fire in found] == [1, 0]


def test_upcoming_ends_with_the_times() -> None:
    assert upcoming(every(SECOND), after=at(1), count=3) == (at(2), at(3), at(4))
    assert upcoming(every(SECOND, until=at(3)), after=at(1), count=3) == (at(2), at(3))
