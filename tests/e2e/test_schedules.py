"""Sessions by the clock, with the real daemon: each due time once, whatever dies."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from tests.e2e.dying import crash_at, points
from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

SECOND = timedelta(seconds=1)
POINTS = points(
    ("schedule.before_claim", "schedule.claimed", "spawn.before_commit", "spawn.committed", "start.released"),
    ("schedule.claimed", "spawn.before_commit", "spawn.committed"),
)


def ticking(genie: Genie, *more: str) -> Path:
    """A schedule that has each session write down its id, every second; the file."""
    written = genie.directory / "written"
    write = f"echo $GENIE_SESSION_ID >> {written}"
    flags = ("--every", "1s", "--overlap", "allow", *more)
    genie("schedule", "add", "tick", *flags, "spawn", "ticker", "--no-auto-resume", "--", "sh", "-c", write)
    return written


def fires(genie: Genie) -> list[dict[str, Any]]:
    """What became of the due times, oldest first."""
    found: list[dict[str, Any]] = genie.json("schedule", "history", "tick", "-n", "1000")
    return found[::-1]


def lines(written: Path) -> list[str]:
    return written.read_text().split() if written.exists() else []


def test_each_due_time_is_started_once_though_the_daemon_is_killed(genie: Genie) -> None:
    written = ticking(genie, "--missed", "run-all")
    for point in POINTS:
        genie.until_gone(crash_at(genie, point))
        genie("schedule", "ls")
    genie("schedule", "pause", "tick")
    until(lambda: all(fire["outcome"] == "started" for fire in fires(genie)), within=30, what="the end of all starts")
    done = fires(genie)
    due = [datetime.fromisoformat(fire["due"]) for fire in done]
    assert len(due) >= len(POINTS)
    assert due == [due[0] + n * SECOND for n in range(len(due))]
    sessions = [fire["session_id"] for fire in done]
    assert len(set(sessions)) == len(sessions)
    until(lambda: len(lines(written)) >= len(sessions), within=30, what="a line of each session")
    assert sorted(lines(written)) == sorted(sessions)
    genie("schedule", "remove", "tick")


def test_it_goes_on_after_the_registry_was_put_back(genie: Genie) -> None:
    ticking(genie)
    until(lambda: bool(fires(genie)), what="a first fire")
    backup = genie.directory / "backup"
    genie("db", "backup", str(backup))
    genie("db", "restore", "--yes", str(backup))
    before = {fire["due"] for fire in fires(genie)}
    until(lambda: bool({fire["due"] for fire in fires(genie)} - before), within=20, what="another fire")
    genie("schedule", "remove", "tick")
    assert genie.json("schedule", "ls") == []
