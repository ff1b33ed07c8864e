"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal


class Wrong(ValueError):
    """A value that cannot be meant, and what to write instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_MICROSECONDS = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1_000}
_DURATION = re.compile("".join(rf"(?:({_NUMBER}){unit}(?![a-z]))?" for unit in _MICROSECONDS))
_BYTES = {unit: 1000**n for n, unit in enumerate(("b", "kb", "mb", "gb", "tb"))} | {
    unit: 1024**n for n, unit in enumerate(("kib", "mib", "gib", "tib"), 1)
}
_SIZE = re.compile(rf"({_NUMBER})([a-z]+)", re.IGNORECASE)


def parse_duration(value: object) -> timedelta:
    """The time in "200ms", "1s", "5m", "1h30m" or a number of seconds. Raises Wrong."""
    if isinstance(value, timedelta):
        return value
    wrong = Wrong(f"{value!r} is not a duration", 'write "200ms", "1s", "5m" or "1h30m"')
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or len(str(value)) > 40:
        raise wrong
    text = str(value)
    bare = re.fullmatch(_NUMBER, text)
    match = _DURATION.fullmatch(f"{text}s" if bare else text)
    if not text or not match:
        raise wrong
    pairs = zip(match.groups(), _MICROSECONDS.values(), strict=True)
    try:
        return timedelta(microseconds=int(sum(Decimal(number) * unit for number, unit in pairs if number)))
    except OverflowError:
        raise wrong from None


def write_duration(value: timedelta) -> str:
    """The text that `parse_duration` reads back as exactly this value."""
    rest = value // timedelta(microseconds=1)
    text = ""
    for unit in ("h", "m", "s"):
        count, rest = divmod(rest, _MICROSECONDS[unit])
        text += f"{count}{unit}" if count else ""
    return text + (f"{Decimal(rest) / 1000:f}ms" if rest else "") or "0s"


def parse_size(value: object) -> int:
    """Bytes of "8GiB", "512MiB", "10MB" or a number of bytes. Raises Wrong."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    text = str(value)
    if isinstance(value, str) and len(text) <= 40:
        match = _SIZE.fullmatch(f"{text}b" if re.fullmatch("[0-9]+", text) else text)
        if match and match[2].lower() in _BYTES:
            return int(Decimal(match[1]) * _BYTES[match[2].lower()])
    raise Wrong(f"{value!r} is not a size", 'write "8GiB", "512MiB", "10MB" or a number of bytes')


def write_size(value: int) -> str:
    """The text that `parse_size` reads back as exactly this value."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit.lower()] == 0:
            return f"{value // _BYTES[unit.lower()]}{unit}"
    return str(value)
