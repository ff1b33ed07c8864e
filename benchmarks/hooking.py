"""What the hooks of agents and their status lines cost: each is a program that runs from its start to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.figures import Figure, Sample, alternate, cpu_of_children, main, timed
from benchmarks.harness import own
from genie import bootstrap

RUNS = 200
LIMIT = 25.0
"""Milliseconds."""
REFRESH = 10
"""Seconds between two runs of the status line of an agent that does nothing."""
BARE = (sys.executable, "-I", "-S", "-c", "pass")
HOOK = {"hook_event_name": "Stop", "last_assistant_message": "done " * 100}
STATUS = {
    "model": {"id": "m", "display_name": "Model"},
    "workspace": {"current_dir": "/", "project_dir": "/"},
    "cost": {"total_cost_usd": 0.1},
    "context_window": {"used_percentage": 12, "context_window_size": 1_000_000},
    "rate_limits": {"five_hour": {"used_percentage": 12.5, "resets_at": 4_000_000_000}},
}
Before = Callable[[], object]


def measure() -> list[Figure]:
    with own(started=False) as genie:
        state, config = genie.directory / "status", genie.directory / "config"
        config.mkdir()
        hook = _program("hook.py", genie.home.socket, genie.home.spool, "claude.Stop")
        line = _program("statusline.py", genie.home.socket, state)
        env = {**os.environ, "CLAUDE_CONFIG_DIR": str(config), "GENIE_AGENT_TOKEN": "none"}
        env["GENIE_RUN_ID"] = "00000000-0000-4000-8000-000000000000"
        away = _figure("a hook without a daemon", hook, HOOK, env, lambda: _emptied(genie.home.spool))
        genie.launch()
        found = [
            _figure("a hook that the daemon takes", hook, HOOK, env),
            away,
            _figure("the status line, which has nothing new", line, STATUS, env, idle=True),
            _figure("the status line, which tells the daemon", line, STATUS, env, lambda: _emptied(state)),
        ]
        own_line = {"statusLine": {"type": "command", "command": "true"}}
        (config / "settings.json").write_text(json.dumps(own_line))
        return [*found, _figure("the status line with one of the user's own", line, STATUS, env)]


def _program(name: str, *words: object) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", str(bootstrap.HERE / name), *map(str, words))


def _figure(
    what: str,
    argv: Sequence[str],
    payload: object,
    env: Mapping[str, str],
    before: Before = lambda: None,
    *,
    idle: bool = False,
) -> Figure:
    """By turns with a bare interpreter."""
    said, cpu = json.dumps(payload).encode(), []

    def run(words: Sequence[str]) -> float:
        return timed(lambda: subprocess.run(words, input=said, env=env, stdout=subprocess.DEVNULL, check=True))

    def ours() -> float:
        before()
        used = cpu_of_children()
        took = run(argv)
        cpu.append(cpu_of_children() - used)
        return took

    mine, bare = alternate(RUNS, ours, lambda: run(BARE))
    used = Sample(cpu).median
    costs = f", {used / REFRESH / 10:.2f} % of a core at a run every {REFRESH} s" if idle else ""
    measured = f"{_shown(mine)}, CPU {used:.1f} ms{costs}"
    beside = f"`python -I -S -c pass`: {_shown(bare)}"
    return Figure(what, measured, beside, mine.median / bare.median, f"{LIMIT:g} ms", mine.median < LIMIT)


def _shown(sample: Sample) -> str:
    return f"p50 {sample.median:.1f} ms, p95 {sample.at(95):.1f} (n={len(sample.values)})"


def _emptied(directory: Path) -> None:
    for path in directory.iterdir() if directory.is_dir() else ():
        if path.is_file():
            path.unlink()


if __name__ == "__main__":
    main(measure)
