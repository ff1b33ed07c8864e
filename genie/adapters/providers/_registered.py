"""Claude Code's own list of the sessions that are open: a file for each process, under its configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def open_session(config: Path, pid: int) -> str | None:
    """The id of the session that this process is in now, which another one follows when its user clears it. None where
    that cannot be told: a process that has ended by force leaves its file behind, and its pid to others."""
    found = entry(config, pid)
    session = found.get("sessionId") if found else None
    return session if isinstance(session, str) and session else None


def entry(config: Path, pid: int) -> dict[str, Any] | None:
    """What the list says of that process; None for another one of its pid."""
    try:
        found = json.loads((config / "sessions" / f"{pid}.json").read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("pid") != pid or str(found.get("procStart")) != _started(pid):
        return None
    return found


def _started(pid: int) -> str | None:
    """Its start in clock ticks since the boot, as the kernel tells it on Linux."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name of the program, in brackets, may hold spaces and brackets.
    return stat.rpartition(b")")[2].split()[19].decode()
