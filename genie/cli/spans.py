"""Times as people write and read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from genie.domain.errors import BadInput

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def seconds(text: str) -> float:
    """Seconds of "90", "90s", "1m30s". Raises BadInput."""
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    if not _SPAN.fullmatch(text):
        raise BadInput(f"{text!r} is not a duration", hint='write "90s", "5m" or "1h30m"')
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def count(text: str, flag: str, *, least: int = 1) -> int:
    """The whole number after a flag. Raises BadInput."""
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
        raise BadInput(f"{flag} {text!r} is not a whole number from {least} on", hint=f"{flag} {least + 9}")
    return int(text)


def moment(iso: str) -> datetime:
    """The time that an answer of the daemon names."""
    at = datetime.fromisoformat(iso)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def now() -> datetime:
    return datetime.now(UTC)


def since(iso: str | None) -> str:
    """How long ago, in one unit: "3m"; "-" for never."""
    return short((now() - moment(iso)).total_seconds()) if iso else "-"


def until(iso: str) -> str:
    """How long from now, in one unit: "42s"."""
    return short((moment(iso) - now()).total_seconds())


def short(span: float) -> str:
    """A span of seconds in one unit, rounded down: "59s", "3m", "47h", "2d"."""
    whole = max(int(span), 0)
    for size, unit in ((2 * 86400, "d"), (2 * 3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // int(_UNITS[unit])}{unit}"
    return f"{whole}s"
