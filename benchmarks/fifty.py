"""Fifty spawns of one name at once, beside fifty `tmux split-window` at once."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from benchmarks.figures import Figure, Sample, beside, main
from benchmarks.harness import SLEEP, Meter, Own, own
from genie.domain.errors import GenieError

MANY = 50
ROUNDS = 5


def measure() -> list[Figure]:
    ours, theirs, facts, used = [], [], [], []
    with own(GENIE_MAX_RUNNING="1000") as genie:
        genie.spawn("first", *SLEEP)
        for number in range(ROUNDS):
            theirs.append(_plain(genie, number))
            took, fact, cost = _spawns(genie, f"many{number}")
            ours.append(took)
            facts.append(fact)
            used.append(cost)
    figure = beside(
        f"{MANY} spawns of one name at once → all running", Sample(ours), Sample(theirs), f"{MANY} `tmux new-window`"
    )
    worst = max(ours)
    said = Figure(f"{figure.what}: {_tell(facts)}", figure.measured, figure.beside, figure.ratio, "max < 3 s")
    good = all(fact == (1, MANY - 1, MANY, 0) for fact in facts)
    return [
        Figure(said.what, said.measured, said.beside, said.ratio, said.limit, worst < 3000 and good),
        Figure(f"{MANY} spawns at once: CPU, without the runners'", *_cpu(used)),
    ]


def _cpu(used: list[dict[str, float]]) -> tuple[str, str]:
    """On two quiet cores the wall time is at least half of the sum."""
    each = {name: statistics.median(one[name] for one in used) for name in used[0]}
    return f"{sum(each.values()):.0f} ms", ", ".join(f"{name} {value:.0f} ms" for name, value in each.items())


def _tell(facts: list[tuple[int, int, int, int]]) -> str:
    worst = sorted(set(facts))
    return "; ".join(
        f"{one} canonical, {more} parallels, {up} running, {lost} unowned panes" for one, more, up, lost in worst
    )


def _spawns(genie: Own, name: str) -> tuple[float, tuple[int, int, int, int], dict[str, float]]:
    """Milliseconds until all run; canonical ones, parallels, running ones, panes that nobody owns; and the CPU."""
    together, meter = Barrier(MANY + 1), Meter(genie)

    def one() -> str:
        together.wait()
        try:
            return str(genie.spawn(name, *SLEEP)["decision"])
        except GenieError as error:
            return f"refused: {error.message}"

    with ThreadPoolExecutor(MANY) as pool:
        jobs = [pool.submit(one) for _ in range(MANY)]
        together.wait()
        began = time.perf_counter()
        decisions = Counter(job.result() for job in jobs)
        took = (time.perf_counter() - began) * 1000
    cost = meter.used()
    everybody = genie.running()
    rows = [row for row in everybody if row["name"] == name or row["name"].startswith(f"{name}-")]
    owned = {row["run_id"] for row in everybody}
    panes = genie.tmux()("list-panes", "-a", "-F", "#{@genie_run} #{pane_start_command}").splitlines()
    tags = [line.split(" ", 1)[0] for line in panes if "runner.py" in line]
    facts = decisions["create"], decisions["parallel"], len(rows), sum(tag not in owned for tag in tags)
    for row in rows:
        genie.genie.kill(row["name"])
    for words in {word for word in decisions if word.startswith("refused")}:
        print(f"{decisions[words]} × {words}", file=sys.stderr)
    return took, facts, cost


def _plain(genie: Own, number: int) -> float:
    """The same number of windows by that many tmux clients at once: they always find room."""
    if number == 0:
        genie.plain.start()
    argv = ["tmux", "-u", "-S", genie.plain.socket, "new-window", "-d", "-t", "plain:", *SLEEP]
    began = time.perf_counter()
    clients = [subprocess.Popen(argv) for _ in range(MANY)]
    for client in clients:
        client.wait()
    took = (time.perf_counter() - began) * 1000
    genie.plain("kill-window", "-a", "-t", "plain:0")
    return took


if __name__ == "__main__":
    main(measure)
