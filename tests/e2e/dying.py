"""Where the daemon is killed while it works on a tree. Every point that has a name is died at in the tests of the use
cases, and with one agent on the real system (test_crashes.py); with a tree some are there, and all of them with
CHAOS_SEEDS set (`make chaos`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.fixtures.daemon import Genie, environ
from tests.fixtures.tmux import until


def points(every: Sequence[str], some: Sequence[str]) -> list[str]:
    """All of them in a long run, else those that are worth most."""
    assert set(some) <= set(every)
    return list(every if "CHAOS_SEEDS" in os.environ else some)


def crash_at(genie: Genie, point: str) -> int:
    """A daemon that will die at that point; its pid."""
    pid = _armed_daemon(genie)
    file = _file(genie)
    fresh = file.with_suffix(".new")
    fresh.write_text(point)
    fresh.replace(file)
    return pid


def armed(genie: Genie) -> bool:
    """Whether its daemon, where it has one, dies at the point that is in the file of its environment."""
    pid = genie.daemon_pid()
    return pid is None or _is_armed(genie, pid)


def _armed_daemon(genie: Genie) -> int:
    """tmux starts daemons, too, and those are not: they know nothing of the test's environment. So a daemon that dies
    is started first and told where afterwards; one that would die at once could be gone before its pid is known."""
    found: list[int] = []

    def there() -> bool:
        pid = genie.daemon_pid()
        if pid and _is_armed(genie, pid):
            found.append(pid)
        elif pid:
            genie.kill_daemon()
        else:
            genie("daemon", "start", env={"GENIE_FAULT_POINT": f"@{_file(genie)}"})
        return bool(found)

    until(there, within=30, what="a daemon that dies where it is told to")
    return found[-1]


def _is_armed(genie: Genie, pid: int) -> bool:
    with suppress(OSError):
        return f"GENIE_FAULT_POINT=@{_file(genie)}".encode() in environ(pid)
    return False


def _file(genie: Genie) -> Path:
    return genie.directory / "fault"
