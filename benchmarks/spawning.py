"""One spawn, beside `tmux split-window` of the same program."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count

from benchmarks.figures import Figure, Sample, beside, cpu_of_children, main
from benchmarks.harness import SLEEP, Meter, Own, Stamp, boottime, born, cpu_ms, own

TIMES = 30
CPU_TIMES = 6

Three = tuple[float, float, float]
"""Milliseconds from the order to: the answer, the pane's process, the program's first step."""


def measure() -> list[Figure]:
    with own() as genie:
        genie.plain.start()
        genie.spawn("first", "sleep", "100000")
        names = (f"s{number}" for number in count())
        ours, theirs = _alternate(lambda: _spawn(genie, next(names)), lambda: _split(genie, next(names)))
        costs = _costs(genie, names)
    name = "`tmux split-window`"
    return [
        _started(ours[1], theirs[0]),
        beside("spawn: request → the agent's own program runs", ours[2], theirs[2], f"{name} → the same program runs"),
        beside("spawn: request → answer (`running` is committed)", ours[0], theirs[0], name),
        costs,
    ]


def _started(ours: Sample, theirs: Sample) -> Figure:
    """Means: the kernel keeps the start of a process in steps of 10 ms only."""
    mean, split = statistics.mean(ours.values), statistics.mean(theirs.values)
    measured, said = f"{mean:.1f} ms (mean of {TIMES})", f"`tmux split-window`, start to end: {split:.1f} ms"
    what = "spawn: request → pane's process started"
    return Figure(what, measured, said, mean / split, "4 ×", mean <= 4 * split)


def _costs(genie: Own, names: Iterator[str]) -> Figure:
    """CPU of one spawn, a mean: what noise of the machine changes least."""
    server = [int(genie.plain("display-message", "-p", "#{pid}"))]
    meter = Meter(genie)
    made = [genie.spawn(next(names), *SLEEP)["name"] for _ in range(CPU_TIMES)]
    used = {what: value / CPU_TIMES for what, value in meter.used().items()}
    genie.genie.kill(*made)
    theirs = statistics.mean(_cost_of_split(genie, server) for _ in range(CPU_TIMES))
    ours = sum(used.values())
    parts = ", ".join(f"{what} {value:.1f}" for what, value in used.items())
    said = f"`tmux split-window`, client and server: {theirs:.1f} ms"
    return Figure("spawn: CPU of all but the pane", f"{ours:.1f} ms ({parts})", said, ours / theirs)


def _cost_of_split(genie: Own, server: Sequence[int]) -> float:
    before = cpu_of_children() + cpu_ms(*server)
    pane, _ = genie.plain.split(*SLEEP)
    used = cpu_of_children() + cpu_ms(*server) - before
    genie.plain("kill-pane", "-t", pane)
    return used


def _alternate(ours: Callable[[], Three], theirs: Callable[[], Three]) -> tuple[list[Sample], list[Sample]]:
    rounds = [(ours(), theirs()) for _ in range(TIMES + 1)][1:]
    columns = [[Sample([one[side][part] for one in rounds]) for part in range(3)] for side in range(2)]
    return columns[0], columns[1]


def _spawn(genie: Own, name: str) -> Three:
    stamp = genie.stamp(name)
    began = _now()
    answer = genie.spawn(name, *stamp.argv)
    times = _times(began, int(answer["pid"]), stamp)
    genie.genie.kill(name)
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
