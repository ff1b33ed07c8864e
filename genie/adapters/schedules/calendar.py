"""When triggers are due: APScheduler's, in the zones of the system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from tzlocal import get_localzone_name

from genie.domain.cron import HINT, Line, read_cron
from genie.domain.errors import BadInput
from genie.domain.schedule import Cron, Every, Once, Trigger
from genie.domain.words import nearest

_INSTANT = timedelta(microseconds=1)


class TriggerCalendar:
    """Implements `genie.ports.Calendar`."""

    def zone(self, name: str | None) -> str:
        if name is None:
            return _own_zone()
        if _known(name):
            return name
        raise BadInput(f"unknown timezone '{name}'", hint=_near(name))

    def moment(self, text: str, zone: str) -> datetime:
        try:
            said = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadInput(
                f"'{text}' is no time", hint="2026-12-01T09:00, or with a zone: 2026-12-01T09:00Z"
            ) from error
        if said.tzinfo is not None:
            return said.astimezone(UTC)
        found = said.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        if found.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != said:
            raise BadInput(f"{text} does not exist in {zone}: clocks are put forward then", hint="an hour later does")
        return found

    def check(self, trigger: Trigger, zone: str) -> None:
        _trigger(trigger, zone)

    def next_after(self, trigger: Trigger, zone: str, after: datetime) -> datetime | None:
        made, once_a_day = _trigger(trigger, zone), _is_fixed(trigger)
        while True:
            found = made.get_next_fire_time(None, after + _INSTANT)
            if found is None:
                return None
            due: datetime = found.astimezone(UTC)
            if due <= after:
                return None
            if not (once_a_day and due.astimezone(ZoneInfo(zone)).fold):
                return due
            after = due


def trigger_of(trigger: Trigger, zone: str) -> BaseTrigger:
    """APScheduler's. Raises BadInput."""
    match trigger:
        case Cron(expression):
            lines = [_cron(line, expression, zone) for line in read_cron(expression)]
            return lines[0] if len(lines) == 1 else OrTrigger(lines)
        case Every(span, start):
            return IntervalTrigger(seconds=int(span.total_seconds()), start_date=start, timezone=UTC)
        case Once(at):
            return DateTrigger(at, timezone=UTC)


_trigger = lru_cache(maxsize=256)(trigger_of)


def _cron(line: Line, expression: str, zone: str) -> CronTrigger:
    try:
        return CronTrigger(
            minute=line.minute,
            hour=line.hour,
            day=line.day,
            month=line.month,
            day_of_week=line.weekday,
            timezone=ZoneInfo(zone),
        )
    except ValueError as error:
        raise BadInput(f"'{expression}' is no cron expression: {error}", hint=HINT) from error


def _is_fixed(trigger: Trigger) -> bool:
    return isinstance(trigger, Cron) and read_cron(trigger.expression)[0].fixed_hours


@lru_cache(maxsize=256)
def _known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _own_zone() -> str:
    try:
        name: str | None = get_localzone_name()
    except (LookupError, ValueError):
        name = None
    return name if name and _known(name) else "UTC"


def _near(name: str) -> str:
    near = nearest(name, available_timezones())
    return near if near.startswith("did you") else "a name such as Europe/Berlin or UTC"
