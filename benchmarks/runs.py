"""Sessions that are run to their end: 200 at once, what `genie run` takes to answer, and waiting for them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Thread

import psutil
import psycopg

from benchmarks.figures import Figure, Sample, alternate, beside, command, main, timed
from benchmarks.harness import Own, cpu_ms, own

COUNT = 200
SINGLE = 20
ROUNDS = 100
IDLE = 10.0
"""Seconds that a wait is watched in which nothing ends."""
LIMIT = 20.0
"""Milliseconds from the last end to the return of `wait`."""
GENIE = str(Path(sys.executable).with_name("genie"))
PASS = (sys.executable, "-I", "-S", "-c", "pass")
ENDS = frozenset({"agent.done", "agent.failed", "agent.terminated"})


def measure() -> list[Figure]:
    with own() as genie:
        figures = _accepted(genie)
        figures += _waited(genie)
        figures.append(_idle(genie))
        return figures + _many(genie)


# ---- one -------------------------------------------------------------------------------------


def _accepted(genie: Own) -> list[Figure]:
    typed = (GENIE, "run", "-q", "--root", "/", "--", "true")
    ours, typer, asked = alternate(
        SINGLE,
        command(*typed),
        command(sys.executable, "-c", "import typer"),
        lambda: timed(lambda: _run(genie)),
    )
    name = '`python -c "import typer"`'
    return [
        beside("`genie run -- true`: answered, its process started", ours, typer, name),
        beside("its request alone", asked, typer, name),
    ]


def _run(genie: Own, name: str = "", script: str = "true", tag: str = "other") -> None:
    genie.genie.run(name=name, command=("sh", "-c", script), cwd="/", tags=(tag,))


# ---- waiting ---------------------------------------------------------------------------------


def _waited(genie: Own) -> list[Figure]:
    with psycopg.connect(genie.dsn(), autocommit=True) as listener:
        listener.execute("listen genie")
        took = Sample([_wait(genie, listener, f"waited-{number}") for number in range(ROUNDS)])
    figure = "the last end is committed → `wait --tag` of 3 has returned"
    said = "counted from the NOTIFY of that event"
    return [Figure(figure, took.spread(), said, None, f"p99 {LIMIT:.0f} ms", took.at(99) <= LIMIT)]


def _wait(genie: Own, listener: psycopg.Connection[tuple[object, ...]], tag: str) -> float:
    fifos = {f"{tag}-{number}": genie.directory / f"{tag}-{number}.fifo" for number in range(3)}
    for name, fifo in fifos.items():
        os.mkfifo(fifo)
        _run(genie, name, f"read line < {fifo}", tag)
    returned: list[float] = []

    def wait() -> None:
        genie.genie.wait(tags=(tag,), timeout=60)
        returned.append(time.perf_counter())

    waiter = Thread(target=wait)
    waiter.start()
    time.sleep(0.1)
    for fifo in fifos.values():
        fifo.write_text("go\n")
    told: dict[int, float] = {}
    while waiter.is_alive() or not told:
        for notice in listener.notifies(timeout=0.05, stop_after=1):
            told[int(notice.payload)] = time.perf_counter()
    last = max(event["id"] for name in fifos for event in genie.genie.history(name) if event["kind"] in ENDS)
    return (returned[0] - told[last]) * 1000


def _ends(genie: Own, names: list[str]) -> list[float]:
    """When these have ended, as seconds since the epoch."""
    histories = [genie.genie.history(name) for name in names]
    return [_moment(event["at"]) for events in histories for event in events if event["kind"] in ENDS]


def _moment(at: object) -> float:
    return datetime.fromisoformat(str(at)).timestamp()


def _idle(genie: Own) -> Figure:
    """What a wait costs in which nothing ends, and what the daemon beats without it."""
    _run(genie, "idle", "exec sleep 1000", "idle")
    time.sleep(2)
    alone = _used(lambda: cpu_ms(genie.pid))
    with subprocess.Popen([GENIE, "wait", "idle"], stdout=subprocess.DEVNULL) as waiter:
        process = psutil.Process(waiter.pid)
        time.sleep(1)
        before = cpu_ms(waiter.pid)
        beside_it = _used(lambda: cpu_ms(genie.pid))
        itself = cpu_ms(waiter.pid) - before
        threads = process.num_threads()
        genie.genie.cancel("idle")
    measured = f"{itself:.1f} ms of CPU of the waiter ({threads} thread), {beside_it:.0f} ms of the daemon"
    met = itself < 1.0
    return Figure(f"{IDLE:.0f} s of an idle `genie wait`", measured, f"daemon without it: {alone:.0f} ms", met=met)


def _used(cpu: Callable[[], float]) -> float:
    before = cpu()
    time.sleep(IDLE)
    return cpu() - before


# ---- very many -------------------------------------------------------------------------------


def _many(genie: Own) -> list[Figure]:
    names = [f"many-{number}" for number in range(COUNT)]
    began = time.time()
    with ThreadPoolExecutor(COUNT) as pool:
        took = list(pool.map(lambda name: timed(lambda: _run(genie, name, f"echo {name}", "many")), names))
    genie.genie.wait(tags=("many",), timeout=300)
    ends = _ends(genie, names)
    found = genie.genie.collect(tags=("many",))
    sessions = len({row["session_id"] for row in found})
    right = sum(row["result_text"] == row["name"] for row in found)
    wall, accepted = max(ends) - began, Sample(took)
    whole = (len(ends), sessions, right) == (COUNT,) * 3
    said = f"{wall:.1f} s to the last end, {COUNT / wall:.1f} a second; {sessions} sessions, {right} results"
    return [
        Figure(f"{COUNT} `genie run` at once", said, f"{COUNT} × `python -I -S -c pass`: {_plain():.1f} s", met=whole),
        Figure(f"{COUNT} at once: a request answered", accepted.spread()),
    ]


def _plain() -> float:
    """Seconds that so many interpreters take on all processors: each attendant is one."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return timed(lambda: list(pool.map(lambda _: command(*PASS)(), range(COUNT)))) / 1000


if __name__ == "__main__":
    main(measure)
