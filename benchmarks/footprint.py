"""Memory and idle CPU of the daemon with 100 agents; memory of a runner that waits."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from uuid import uuid4

import psutil

from benchmarks.figures import Figure, main
from benchmarks.harness import Meter, Own, own
from genie import bootstrap

AGENTS = 100
IDLE = 20
"""Seconds."""
IMPORTS = "import fastapi, uvicorn, sqlalchemy, psycopg, libtmux, apscheduler, pydantic_settings, structlog, alembic"
SLEEPS = "import time; time.sleep(30)"


def measure() -> list[Figure]:
    with own(GENIE_MAX_RUNNING="200") as genie:
        empty = _resident(genie.pid)[0]
        genie.fill(AGENTS, teams=4)
        for _ in range(20):
            genie.genie.ls()
        return [_memory(genie, empty), _runner(genie), *_idle(genie)]


def _memory(genie: Own, empty: float) -> Figure:
    full, alone = _resident(genie.pid)
    floor, _ = _resident_of([sys.executable, "-c", f"{IMPORTS}; {SLEEPS}"], 5)
    measured = f"{full:.0f} MB resident ({alone:.0f} its own; {empty:.0f} before the first agent)"
    beside = f"its libraries imported and nothing done: {floor:.0f} MB"
    return Figure(f"daemon with {AGENTS} agents", measured, beside, full / floor, "150 MB", full < 150)


def _runner(genie: Own) -> Figure:
    program = str(bootstrap.HERE / "runner.py")
    nowhere = str(genie.directory / "nowhere.json")
    ours, alone = _resident_of([sys.executable, "-I", "-S", program, str(uuid4()), nowhere], 1)
    bare, _ = _resident_of([sys.executable, "-I", "-S", "-c", SLEEPS], 1)
    measured = f"{ours:.1f} MB resident ({alone:.1f} its own), until it has become the agent"
    return Figure("a waiting runner", measured, f"`python -I -S`, asleep: {bare:.1f} MB", ours / bare)


def _idle(genie: Own) -> list[Figure]:
    """In percent of one core."""
    meter = Meter(genie)
    time.sleep(IDLE)
    used = {name: value / IDLE / 10 for name, value in meter.used().items()}
    measured = f"{used.pop('daemon'):.2f} % of a core over {IDLE} s"
    others = ", ".join(f"{name} {value:.2f} %" for name, value in used.items())
    return [Figure(f"idle CPU of the daemon, {AGENTS} agents", measured, others)]


def _resident(pid: int) -> tuple[float, float]:
    """MB resident, and of them those that no other process shares."""
    memory = psutil.Process(pid).memory_full_info()
    return memory.rss / 1e6, memory.uss / 1e6


def _resident_of(argv: Sequence[str], settle: float) -> tuple[float, float]:
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        time.sleep(settle)
        found = _resident(process.pid)
        process.kill()
    return found


if __name__ == "__main__":
    main(measure)
