"""Trees, sparklines and amounts of memory, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from genie.cli.output import unicode


@dataclass(frozen=True, slots=True)
class Pen:
    """What is drawn with: a child with others after it, the last one, a line that goes on, and nothing; the levels
    of a sparkline from the lowest to the highest, and a place in it without a value."""

    child: str
    last: str
    line: str
    gap: str
    levels: str
    none: str


FINE = Pen("├─ ", "└─ ", "│  ", "   ", "▁▂▃▄▅▆▇█", "·")
PLAIN = Pen("|- ", "`- ", "|  ", "   ", "_.-=+*%#", " ")


def pen() -> Pen:
    """The finest that stdout can show."""
    return FINE if unicode() else PLAIN


def branches(levels: Sequence[int], with_: Pen = FINE) -> list[str]:
    """What stands before each of a forest's names. `levels` is how deep each is (0 at the left), parents before
    their children."""
    drawn: list[str] = []
    later: set[int] = set()
    """Levels at which one comes after this without a shallower one between."""
    for level in reversed(levels):
        lines = [with_.line if above in later else with_.gap for above in range(1, level)]
        own = [] if level == 0 else [with_.child if level in later else with_.last]
        drawn.append("".join(lines + own))
        later = {other for other in later if other < level} | {level}
    return drawn[::-1]


def means(history: Iterable[tuple[datetime, float]], *, now: datetime, step: float, count: int) -> list[float | None]:
    """The mean of each `step` seconds of the past, the oldest first, the last of them up to now; None where there is
    no value. What is older than `count` steps is left out."""
    found: list[list[float]] = [[] for _ in range(count)]
    for at, value in history:
        age = int(max((now - at).total_seconds(), 0) // step)
        if age < count:
            found[count - 1 - age].append(value)
    return [sum(values) / len(values) if values else None for values in found]


def sparkline(values: Sequence[float | None], with_: Pen = FINE, *, least: float = 0.0) -> str:
    """One character a value. The highest level is that of the greatest value, and of no less than `least`."""
    top = max([least, *(value for value in values if value is not None)])
    most = len(with_.levels) - 1
    return "".join(
        with_.none if value is None else with_.levels[round(value / top * most) if top > 0 else 0] for value in values
    )


def memory(size: float | None) -> str:
    """Bytes in one unit of 1024: "812K", "1.5G", "36M"; empty for nothing known."""
    if size is None:
        return ""
    for unit in ("B", "K", "M", "G"):
        if size < 1000:
            return f"{size:.1f}{unit}" if size < 9.95 and unit not in "BK" else f"{size:.0f}{unit}"
        size /= 1024
    return f"{size:.1f}T"
