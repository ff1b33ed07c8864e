"""One spawn, beside `tmux split-window` of the same program."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import count

from benchmarks.figures import Figure, Sample, beside, main
from benchmarks.harness import Own, Stamp, boottime, born, own

TIMES = 30

Three = tuple[float, float, float]
"""Milliseconds from the order to: the answer, the pane's process, the program's first step."""


def measure() -> list[Figure]:
    with own() as genie:
        genie.plain.start()
        genie.spawn("first", "sleep", "100000")
        names = (f"s{number}" for number in count())
        ours, theirs = _alternate(lambda: _spawn(genie, next(names)), lambda: _split(genie, next(names)))
    name = "`tmux split-window`"
    return [
        beside("spawn: request → pane's process started (±5 ms)", ours[1], theirs[1], name, at_most=4),
        beside("spawn: request → the agent's own program runs", ours[2], theirs[2], name, at_most=4),
        beside("spawn: request → answer (`running` is committed)", ours[0], theirs[0], name),
    ]


def _alternate(ours: Callable[[], Three], theirs: Callable[[], Three]) -> tuple[list[Sample], list[Sample]]:
    rounds = [(ours(), theirs()) for _ in range(TIMES + 1)][1:]
    columns = [[Sample([one[side][part] for one in rounds]) for part in range(3)] for side in range(2)]
    return columns[0], columns[1]


def _spawn(genie: Own, name: str) -> Three:
    stamp = genie.stamp(name)
    began = _now()
    answer = genie.spawn(name, *stamp.argv)
    times = _times(began, int(answer["pid"]), stamp)
    genie.genie.kill([name])
    return times


def _split(genie: Own, name: str) -> Three:
    stamp = genie.stamp(name)
    began = _now()
    pane, pid = genie.plain.split(*stamp.argv)
    times = _times(began, pid, stamp)
    genie.plain("kill-pane", "-t", pane)
    return times


def _now() -> tuple[float, float, int]:
    return time.perf_counter(), boottime(), time.time_ns()


def _times(began: tuple[float, float, int], pid: int, stamp: Stamp) -> Three:
    answered = time.perf_counter()
    clock, boot, wall = began
    started = stamp.start(1)
    return (answered - clock) * 1000, (born(pid) - boot) * 1000, (started - wall) / 1e6


if __name__ == "__main__":
    main(measure)
