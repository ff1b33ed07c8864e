"""Cron expressions as every crontab reads them: Sunday is 0 and 7, and of day and weekday one is enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from genie.domain.errors import BadInput
from genie.domain.words import nearest

HINT = 'five fields: minute hour day month weekday, such as "30 3 * * 1-5"'
_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = ("minute", "hour", "day", "month", "weekday")
_WEEK = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_ITEM = re.compile(r"(?:\*|([0-7]|[a-z]{3})(?:-([0-7]|[a-z]{3}))?)(?:/([1-7]))?")


@dataclass(frozen=True, slots=True)
class Line:
    """The five fields. Weekdays are names: libraries begin to count them at different days."""

    minute: str
    hour: str
    day: str
    month: str
    weekday: str

    @property
    def fixed_hours(self) -> bool:
        """Whether it names its hours: then an hour that comes twice, when clocks are put back, counts once."""
        return not self.hour.startswith("*")


def read_cron(expression: str) -> tuple[Line, ...]:
    """The lines of which any makes a time due: two, where both day and weekday are named. Raises BadInput."""
    text = expression.strip().lower()
    if text.startswith("@"):
        if text not in _SHORT:
            raise BadInput(f"unknown cron word '{expression}'", hint=nearest(text, _SHORT))
        text = _SHORT[text]
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise BadInput(f"'{expression}' is no cron expression: it has {len(fields)} fields", hint=HINT)
    line = Line(*fields)
    named = replace(line, weekday=_weekdays(line.weekday, expression))
    if line.day.startswith("*") or line.weekday.startswith("*"):
        return (named,)
    return replace(named, weekday="*"), replace(named, day="*")


def _weekdays(field: str, expression: str) -> str:
    if field == "*":
        return "*"
    days = {day for item in field.split(",") for day in _of_item(item, expression)}
    return ",".join(_WEEK[day] for day in sorted(days))


def _of_item(item: str, expression: str) -> Iterator[int]:
    found = _ITEM.fullmatch(item)
    if not found:
        raise BadInput(f"'{item}' is no weekday in '{expression}'", hint="0-6 from Sunday, or sun mon tue …, 1-5, */2")
    first = _number(found[1], expression) if found[1] else 0
    last = _number(found[2], expression) if found[2] else (6 if found[3] or not found[1] else first)
    if last < first:
        last += 7
    return (day % 7 for day in range(first, last + 1, int(found[3] or 1)))


def _number(word: str, expression: str) -> int:
    if word.isdigit():
        return int(word)
    if word not in _WEEK:
        raise BadInput(f"'{word}' is no weekday in '{expression}'", hint=nearest(word, _WEEK))
    return _WEEK.index(word)
