"""Usage limits: when they end, said in words, and telling each of them once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from genie.adapters.records._record import Entry, epoch
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said

MINUTE = timedelta(minutes=1)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SAID = r"(?:resets?|try again)(?:\s+(?:at|on))?\s+"
_EPOCH = re.compile(r"(?:\||resets?(?:\s+at)?\s+)(\d{10,13})\b", re.IGNORECASE)
_UNIT = r"(\d+)\s*(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)\b"
_SPAN = re.compile(rf"(?:resets?|try again) in\s+((?:{_UNIT}[\s,]*(?:and\s+)?)+)", re.IGNORECASE)
_PART = re.compile(_UNIT, re.IGNORECASE)
_CLOCK = re.compile(
    _SAID
    + r"(?:(?P<month>[a-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+(?:(?P<year>\d{4}),?\s+)?(?:at\s+)?)?"
    + r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2}))?\s*(?P<half>[ap]m)?\b(?:\s*\((?P<zone>[\w/+-]+)\))?",
    re.IGNORECASE,
)
_UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": MINUTE, "s": timedelta(seconds=1)}


def reset_time(text: str, *, at: datetime | None, zone: tzinfo | None = None) -> datetime | None:
    """When a limit ends, from the words of an error. A time of the day is the next one after `at`, in the zone that
    the text names, else in `zone`, else in that of this machine. The programs cut the seconds off: the time
    is the end of the minute that they name. None where the text says nothing, or `at` is needed and not known."""
    if found := _EPOCH.search(text):
        return epoch(int(found[1]))
    if at is None:
        return None
    if found := _SPAN.search(text):
        parts = _PART.findall(found[1])
        return at + sum((min(int(count), 10_000) * _UNITS[unit[0].lower()] for count, unit in parts), timedelta())
    found = _CLOCK.search(text)
    return _clock(found, at.astimezone(_zone(found["zone"]) or zone)) if found else None


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # an unknown zone is a KeyError
        return None


def _clock(found: re.Match[str], now: datetime) -> datetime | None:
    """That time of the day, in the zone of `now`."""
    hour, half = int(found["hour"]), (found["half"] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif found["minute"] is None:
        return None  # a bare number is no time
    month = (found["month"] or "").lower()
    try:
        there = now.replace(hour=hour, minute=int(found["minute"] or 0), second=0, microsecond=0) + MINUTE
        if month:
            number = _MONTHS.index(month) + 1
            there = there.replace(year=int(found["year"] or now.year), month=number, day=int(found["day"]))
    except ValueError:
        return None
    if there > now or found["year"]:
        return there
    return there.replace(year=there.year + 1) if month else there + timedelta(days=1)


def hit(entry: Entry, state: State, until: datetime | None, **payload: object) -> tuple[list[Said], State]:
    """That a limit was hit; nothing when it is the one that is told already: programs say it in several records."""
    resets = "" if until is None else until.astimezone(UTC).isoformat()
    if state.limited is not None and (not resets or resets == state.limited):
        return [], state
    said = entry.said(Kind.USAGE_LIMIT_HIT, resets_at=resets or None, **payload)
    return [said], replace(state, limited=resets)


def over(entry: Entry, state: State) -> tuple[list[Said], State]:
    """That a limit is over, when there was one."""
    if state.limited is None:
        return [], state
    return [entry.said(Kind.USAGE_LIMIT_RESUMED)], replace(state, limited=None)
