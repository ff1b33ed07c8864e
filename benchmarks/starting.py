"""The daemon's start, and how soon a new one has taken up the panes of one that was killed."""

from __future__ import annotations

import sys
import time

from benchmarks.figures import Figure, Sample, alternate, beside, command, main
from benchmarks.footprint import IMPORTS
from benchmarks.harness import Own, own, until

FIRST = 3
LATER = 5
KILLS = 5
PANES = 100


def measure() -> list[Figure]:
    first = Sample([_first() for _ in range(FIRST)])
    with own(GENIE_MAX_RUNNING="200") as genie:
        imports = command(sys.executable, "-c", IMPORTS)
        later, floor = alternate(LATER, lambda: _later(genie), imports)
        figures = [
            beside("daemon → ready, first start (database made)", first, floor, "its libraries imported"),
            beside("daemon → ready, later starts (PostgreSQL started too)", later, floor, "its libraries imported"),
        ]
        rows = genie.fill(PANES, teams=4)
        pids = {row["name"]: row["pid"] for row in rows}
        rounds, bare = alternate(KILLS, lambda: _adopted(genie, pids), imports)
        what = f"daemon killed; start of the next → its first pass over {PANES} panes done, none lost"
        figure = beside(what, rounds, bare, "its libraries imported")
        return [*figures, Figure(what, figure.measured, figure.beside, figure.ratio, "max < 2 s", rounds.most < 2000)]


def _first() -> float:
    with own(started=False) as genie:
        return genie.launch()


def _later(genie: Own) -> float:
    genie.stop()
    return genie.launch()


def _adopted(genie: Own, pids: dict[str, int]) -> float:
    genie.kill()
    began = time.perf_counter()
    genie.launch()
    until(lambda: genie.genie.daemon()["heartbeat"]["passes"] > 0)
    took = (time.perf_counter() - began) * 1000
    if {row["name"]: row["pid"] for row in genie.running()} != pids:
        raise LookupError("not every agent runs on in its process")
    return took


if __name__ == "__main__":
    main(measure)
