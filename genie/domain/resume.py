"""Should a dead agent be brought back, and when?

The one place that decides; the daemon acts on it and `genie explain` prints it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum


class Never(Enum):
    """Why an agent will not be resumed without a human."""

    UNRESUMABLE = "no session that its provider can resume"
    EXHAUSTED = "resume budget spent"
    EXIT = "auto-resume is off"


class Until(Enum):
    """What is waited for."""

    COOLDOWN = "cooldown between attempts"
    LIMIT = "usage limit"


class Alone(Enum):
    """Why there is nothing to decide."""

    NOT_DEAD = "it is not dead"
    NOT_WANTED = "it is not wanted running"


@dataclass(frozen=True, slots=True)
class Resume:
    """Bring it back now; this is attempt number `attempt`."""

    attempt: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Look again at `until`."""

    until: datetime
    reason: Until


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Mark it failed, once, and tell someone."""

    reason: Never


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing to do."""

    reason: Alone


Decision = Resume | Wait | GiveUp | Leave


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How patient genie is with an agent that keeps dying."""

    max_attempts: int = 3
    cooldown: timedelta = timedelta(seconds=60)
    stable_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What an agent's history says about resuming it.

    `auto_resume` is false too where the restart policy is `never`. `lived` is how long the last
    run was seen alive. `limited_until` is the reset time of a usage limit.
    """

    dead: bool
    wanted: bool
    auto_resume: bool
    resumable: bool
    attempts: int
    last_attempt: datetime | None
    lived: timedelta
    limited_until: datetime | None = None


def attempts_spent(attempts: int, lived: timedelta, policy: Policy) -> int:
    """The count that matters: a run that lived `stable_after` has paid its attempts back."""
    return 0 if lived >= policy.stable_after else attempts


def decide(past: Past, policy: Policy, *, now: datetime) -> Decision:
    """Decide what to do with an agent. Reads nothing but its arguments."""
    if not past.dead:
        return Leave(Alone.NOT_DEAD)
    if not past.wanted:
        return Leave(Alone.NOT_WANTED)
    if not past.auto_resume:
        return GiveUp(Never.EXIT)
    if not past.resumable:
        return GiveUp(Never.UNRESUMABLE)
    spent = attempts_spent(past.attempts, past.lived, policy)
    if spent >= policy.max_attempts:
        return GiveUp(Never.EXHAUSTED)
    if past.limited_until and now < past.limited_until:
        return Wait(past.limited_until, Until.LIMIT)
    cooled = cooled_at(past, policy)
    if cooled and now < cooled and not _clock_was_set_back(past, now=now):
        return Wait(cooled, Until.COOLDOWN)
    return Resume(spent + 1)


def cooled_at(past: Past, policy: Policy) -> datetime | None:
    """When the next attempt is allowed; None for at once. After a stable life the first is at once."""
    if past.last_attempt is None or past.lived >= policy.stable_after:
        return None
    return past.last_attempt + policy.cooldown


def _clock_was_set_back(past: Past, *, now: datetime) -> bool:
    """An attempt that lies in the future tells nothing about how long it is ago; the budget still bounds."""
    return past.last_attempt is not None and past.last_attempt > now
