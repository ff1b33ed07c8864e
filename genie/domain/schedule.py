"""Sessions that start by the clock: which due times are started, which are passed over, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

ON_TIME = timedelta(seconds=10)
"""What comes no later than that after its due time is not missed."""
MOST = 100
"""How many missed due times are made up for, at most: the latest."""
SHORTEST = timedelta(seconds=1)
_LOOK_BACK = timedelta(minutes=1)


class What(Enum):
    """What a schedule starts: the words of `genie spawn`, or of `genie run`."""

    SPAWN = "spawn"
    RUN = "run"


class Missed(Enum):
    """What is made of times that were due while nobody could start anything."""

    RUN_ONCE = "run-once"
    RUN_ALL = "run-all"
    SKIP = "skip"


class Overlap(Enum):
    """Whether one is started while the session of the one before still lives."""

    SKIP = "skip"
    ALLOW = "allow"


class Outcome(Enum):
    """What became of a due time. `claimed` is on its way."""

    CLAIMED = "claimed"
    STARTED = "started"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Cron:
    """A cron expression, in the schedule's timezone."""

    expression: str


@dataclass(frozen=True, slots=True)
class Every:
    """Whole seconds, counted from `start`, which is the first due time."""

    span: timedelta
    start: datetime


@dataclass(frozen=True, slots=True)
class Once:
    at: datetime


Trigger = Cron | Every | Once


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """`wanted` is what is to be started, plain JSON without the values of environments; the due times up to `seen`
    have been dealt with."""

    id: UUID
    name: str
    host: str
    what: What
    wanted: Mapping[str, object]
    trigger: Trigger
    timezone: str
    missed: Missed
    overlap: Overlap
    paused: bool
    seen: datetime
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class FireKey:
    """Which fire: there is one for a schedule and a due time."""

    schedule: UUID
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """A due time that was dealt with. `passed` earlier ones are counted with it and were not started (MOST or more
    where it is MOST); `agent` and `session` are those that it started."""

    schedule: UUID
    due: datetime
    by_hand: bool = False
    outcome: Outcome
    detail: str | None = None
    passed: int = 0
    agent: UUID | None = None
    session: UUID | None = None
    claimed_at: datetime
    settled_at: datetime | None = None

    @property
    def key(self) -> FireKey:
        return FireKey(self.schedule, self.due)


NextAfter = Callable[[datetime], datetime | None]
"""The first due time after that moment; None where there is no more."""


@dataclass(frozen=True, slots=True)
class Due:
    """Times to start now, in their order, and the earlier ones that are passed over. `until` is the last of them all,
    None where there is nothing."""

    start: tuple[datetime, ...] = ()
    passed: tuple[datetime, ...] = ()

    @property
    def until(self) -> datetime | None:
        return max((*self.start[-1:], *self.passed[-1:]), default=None)


def due(next_after: NextAfter, *, seen: datetime, now: datetime, missed: Missed) -> Due:
    """What is to be done about the due times after `seen` up to `now`."""
    times = _latest(next_after, seen=seen, now=now)
    if not times or missed is Missed.RUN_ALL:
        return Due(times[-MOST:], times[:-MOST])
    on_time = now - times[-1] <= ON_TIME
    if missed is Missed.SKIP and not on_time:
        return Due((), times[-MOST - 1 :])
    return Due(times[-1:], times[-MOST - 1 : -1])


def _latest(next_after: NextAfter, *, seen: datetime, now: datetime) -> tuple[datetime, ...]:
    """The last due times, up to one more than MOST: looked for backwards in growing steps, for nobody waits while the
    minutes of a year are counted."""
    back = _LOOK_BACK
    while True:
        begin = max(seen, now - back)
        found: deque[datetime] = deque(maxlen=MOST + 1)
        at = next_after(begin)
        while at is not None and at <= now:
            found.append(at)
            at = next_after(at)
        if begin == seen or len(found) > MOST:
            return tuple(found)
        back *= 4


def fires(schedule: Schedule, todo: Due, *, busy: bool, at: datetime) -> list[Fire]:
    """The fires that this makes; `busy` says that the session of the one before still lives."""
    if todo.until is None:
        return []
    if not todo.start:
        late = "it was due while nothing could be started"
        return [_skipped(schedule, todo.until, late, at=at, passed=len(todo.passed) - 1)]
    made: list[Fire] = []
    for when in todo.start:
        passed = 0 if made else len(todo.passed)
        if busy and schedule.overlap is Overlap.SKIP:
            lives = "the session of the one before was still there"
            made.append(_skipped(schedule, when, lives, at=at, passed=passed))
            continue
        made.append(Fire(schedule=schedule.id, due=when, outcome=Outcome.CLAIMED, passed=passed, claimed_at=at))
        busy = True
    return made


def _skipped(schedule: Schedule, when: datetime, why: str, *, at: datetime, passed: int) -> Fire:
    return Fire(
        schedule=schedule.id,
        due=when,
        outcome=Outcome.SKIPPED,
        detail=why,
        passed=passed,
        claimed_at=at,
        settled_at=at,
    )


def upcoming(next_after: NextAfter, *, after: datetime, count: int) -> tuple[datetime, ...]:
    """The next due times, `count` at most."""
    found: list[datetime] = []
    at = next_after(after)
    while at is not None and len(found) < count:
        found.append(at)
        at = next_after(at)
    return tuple(found)
