"""Samples, figures and how they are shown."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Sample:
    """Measured values, in milliseconds unless the figure says otherwise."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def at(self, percent: float) -> float:
        """The value that so many percent of the others do not exceed."""
        ordered = sorted(self.values)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def __str__(self) -> str:
        low, high = min(self.values), max(self.values)
        return f"{self.median:.1f} ms ({low:.1f}–{high:.1f}, n={len(self.values)})"

    def spread(self) -> str:
        """Median, 99th percentile and maximum."""
        return f"p50 {self.median:.1f} ms, p99 {self.at(99):.1f}, max {self.most:.1f} (n={len(self.values)})"


@dataclass(frozen=True)
class Figure:
    """One line of the table. `met` is None where there is no limit."""

    what: str
    measured: str
    beside: str = ""
    ratio: float | None = None
    limit: str = ""
    met: bool | None = None


def beside(
    what: str, ours: Sample, theirs: Sample, name: str, *, at_most: float | None = None, limit: str | None = None
) -> Figure:
    """A figure as a ratio of medians from one run; `at_most` is the limit of the ratio."""
    ratio = ours.median / theirs.median
    said = limit if limit is not None else f"{at_most:g} ×" if at_most else ""
    return Figure(what, str(ours), f"{name}: {theirs}", ratio, said, None if at_most is None else ratio <= at_most)


def alternate(times: int, *actions: Callable[[], float]) -> list[Sample]:
    """Do each action by turns, so that the noise of the machine meets all alike; the first round is not counted."""
    rounds = [[action() for action in actions] for _ in range(times + 1)][1:]
    return [Sample(column) for column in zip(*rounds, strict=True)]


def timed(action: Callable[[], object]) -> float:
    """Wall time, in milliseconds."""
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1000


def command(*argv: str) -> Callable[[], float]:
    """An action that runs a program to its end and gives its wall time."""

    def run() -> None:
        subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)

    return lambda: timed(run)


def cpu_of_children() -> float:
    """CPU time of this process's children that have ended, in milliseconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table in Markdown."""
    lines = ["| Figure | Measured | Beside | Ratio | Limit | Met? |", "|---|---|---|---|---|---|"]
    for figure in figures:
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
        met = {None: "", True: "yes", False: "**NO**"}[figure.met]
        lines.append(f"| {figure.what} | {figure.measured} | {figure.beside} | {ratio} | {figure.limit} | {met} |")
    return "\n".join(lines) + "\n"


def main(measure: Callable[[], list[Figure]]) -> None:
    """What each script does: measure, and print the table, or with --json the figures."""
    figures = measure()
    print(json.dumps([asdict(figure) for figure in figures]) if "--json" in sys.argv else table(figures))
