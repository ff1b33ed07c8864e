"""Run every benchmark, each in a process of its own, and write RESULTS.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Figure, table

HERE = Path(__file__).parent
SCRIPTS = (
    "command_line",
    "spawning",
    "fifty",
    "dying",
    "beating",
    "following",
    "transcripts",
    "footprint",
    "hooking",
    "starting",
    "tree",
    "runs",
)
HEAD = """# How fast it is

Written by `make bench`. Each figure and what it is compared with were measured by turns in one run on one machine;
`p50 (min–max, n)`, times in milliseconds of wall time unless it says CPU. The ratio is that of the medians.
"""


def run(names: list[str]) -> int:
    """The exit code: 1 where a benchmark broke or a limit was not kept, 2 for a name that is none. Only a run of all
    of them is written down."""
    if unknown := [name for name in names if name not in SCRIPTS]:
        print(f"unknown benchmark '{unknown[0]}' -- one of {', '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    broken = []
    for name in names or SCRIPTS:
        print(f"{name} …", file=sys.stderr)
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", "--json"], stdout=subprocess.PIPE, check=False
        )
        if done.returncode:
            broken.append(name)
            continue
        found = [Figure(**figure) for figure in json.loads(done.stdout)]
        print(table(found))
        figures += found
    text = f"{HEAD}\n{machine()}\n{table(figures)}"
    if broken:
        text += f"\nBroke: {', '.join(broken)}.\n"
    if not names:
        (HERE / "RESULTS.md").write_text(text)
    return int(bool(broken) or any(figure.met is False for figure in figures))


def machine() -> str:
    """What it was measured on, as a list in Markdown."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    facts = {
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "CPU": f"{_cpu()}, {os.cpu_count()} cores, load at the end {load}",
        "Kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": platform.python_version(),
        "tmux": _said("tmux", "-V"),
        "PostgreSQL": _postgres(),
    }
    return "".join(f"- {name}: {value}\n" for name, value in facts.items())


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _postgres() -> str:
    from genie.adapters.postgres.binaries import owner, programs

    return _said(str(programs(owner()) / "postgres"), "--version")


def _said(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
