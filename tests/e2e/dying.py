"""Where the daemon is killed while it works on a tree. Every point that has a name is died at in the tests of the use
cases, and with one agent on the real system (test_crashes.py); with a tree some are there, and all of them with
CHAOS_SEEDS set (`make chaos`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tests.fixtures.daemon import Genie, environ


def points(every: Sequence[str], some: Sequence[str]) -> list[str]:
    """All of them in a long run, else those that are worth most."""
    assert set(some) <= set(every)
    return list(every if "CHAOS_SEEDS" in os.environ else some)


def crash_at(genie: Genie, point: str) -> int:
    """A daemon that will die at that point; its pid."""
    pid = genie.daemon_pid()
    if pid and armed(genie):
        file = Path(genie.env["GENIE_FAULT_POINT"].removeprefix("@"))
        fresh = file.with_suffix(".new")
        fresh.write_text(point)
        fresh.replace(file)
        return pid
    if pid:
        genie.kill_daemon()
    genie("daemon", "start", env={"GENIE_FAULT_POINT": point})
    pid = genie.daemon_pid()
    assert pid is not None
    return pid


def armed(genie: Genie) -> bool:
    """Whether its daemon, where it has one, dies at the point that is in the file of its environment."""
    pid, file = genie.daemon_pid(), genie.env.get("GENIE_FAULT_POINT", "")
    return file.startswith("@") and (pid is None or f"GENIE_FAULT_POINT={file}".encode() in environ(pid))
