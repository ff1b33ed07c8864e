"""Which process serves a data directory: its pid file is believed only if that process is the one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The running server of a data directory. `ready` says that it takes connections."""

    pid: int
    port: int
    socket_dir: str
    ready: bool


def postmaster(cluster: Path) -> Postmaster | None:
    """The server that runs in that data directory, or None. Costs a millisecond."""
    try:
        lines = (cluster / "postmaster.pid").read_text().splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    if not serves(pid, cluster):
        return None
    if len(lines) < 8:
        return Postmaster(pid, 0, "", ready=False)
    return Postmaster(pid, int(lines[3]), lines[4], ready=lines[7].strip() == "ready")


def serves(pid: int, cluster: Path) -> bool:
    """Whether that process is the server of that directory.

    A zombie has no command line, the children of a server have titles instead, a recycled pid another.
    """
    try:
        argv = psutil.Process(pid).cmdline()
    except (psutil.Error, ValueError, OverflowError):
        return False
    return bool(argv) and Path(argv[0]).name == "postgres" and str(cluster) in argv


def orphans(cluster: Path) -> list[psutil.Process]:
    """Processes of a server of that directory, which stand in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("postgres") and process.cwd() == str(cluster.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found
