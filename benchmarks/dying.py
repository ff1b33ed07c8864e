"""From the death of a pane's process to the first step of the resumed one, beside `tmux respawn-pane`."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime

from benchmarks.figures import Figure, Sample, main
from benchmarks.harness import Own, Stamp, own, until

DEATHS = 20
SECOND_LOOK = 200


def measure() -> list[Figure]:
    ours, theirs = [], []
    with own() as genie:
        genie.plain.start()
        stamps = [genie.stamp(f"d{number}") for number in range(DEATHS)]
        pids = [int(genie.spawn(f"d{n}", *stamp.argv)["pid"]) for n, stamp in enumerate(stamps)]
        for number, stamp in enumerate(stamps):
            ours.append(_die(pids[number], stamp))
            theirs.append(_respawn(genie, number))
        until(lambda: len(genie.running()) == DEATHS)
        stages = _stages(genie, [stamp.starts()[1] - int(took * 1e6) for stamp, took in zip(stamps, ours, strict=True)])
    return [*_figures(Sample(ours), Sample(theirs)), *stages]


def _stages(genie: Own, killed: list[int]) -> list[Figure]:
    """When it was declared dead, claimed and running again, in milliseconds from its death."""
    names = {"agent.died": "declared dead", "agent.resume_claimed": "claimed", "agent.resumed": "committed as running"}
    times: dict[str, list[float]] = {name: [] for name in names}
    for number, moment in enumerate(killed):
        for happening in genie.genie.history(f"d{number}"):
            if happening["kind"] in times:
                at = datetime.fromisoformat(happening["at"]).timestamp()
                times[happening["kind"]].append(at * 1000 - moment / 1e6)
    said = ", ".join(f"{word} after {Sample(times[name]).median:.0f} ms" for name, word in names.items())
    return [Figure("its stages, medians", said)]


def _figures(ours: Sample, theirs: Sample) -> list[Figure]:
    ratio = ours.median / theirs.median
    beside = f"SIGKILL, then `tmux respawn-pane` at once: {theirs}"
    limit = f"500 ms, {SECOND_LOOK} of them the second look"
    what = "pane's process killed → resumed program runs"
    return [
        Figure(f"{what}, median", f"{ours.median:.0f} ms", beside, ratio, limit, ours.median < 500),
        Figure(f"{what}, slowest of {DEATHS}", f"{ours.most:.0f} ms", "", None, limit, ours.most < 500),
    ]


def _die(pid: int, stamp: Stamp) -> float:
    stamp.start(1)
    killed = time.time_ns()
    os.kill(pid, signal.SIGKILL)
    return (stamp.start(2) - killed) / 1e6


def _respawn(genie: Own, number: int) -> float:
    stamp = genie.stamp(f"p{number}")
    genie.plain("set-option", "-g", "remain-on-exit", "on")
    pane, pid = genie.plain.split(*stamp.argv)
    stamp.start(1)
    killed = time.time_ns()
    os.kill(pid, signal.SIGKILL)
    genie.plain("respawn-pane", "-k", "-t", pane, *stamp.argv)
    again = stamp.start(2)
    genie.plain("kill-pane", "-t", pane)
    return (again - killed) / 1e6


if __name__ == "__main__":
    main(measure)
