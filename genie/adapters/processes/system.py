"""The port Processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Collection
from datetime import timedelta
from uuid import UUID

import psutil

from genie.adapters.processes.table import ancestors, held, look, readable, send
from genie.adapters.processes.tree import Hunt, end


class SystemProcesses:
    """Implements `genie.ports.Processes`. `spared` gives pids that no end of a tree ever touches, nor anything
    below them: tmux servers, the database. `kill_within` is in seconds: what outlives SIGKILL longer is a survivor."""

    def __init__(self, spared: Callable[[], Collection[int]] = frozenset, *, kill_within: float = 5.0) -> None:
        self._spared = spared
        self._kill_within = kill_within

    def started(self, pid: int) -> str | None:
        process = look(pid) if pid > 0 else None
        return process.started if process else None

    def alive(self, pid: int, started: str) -> bool:
        return self.started(pid) == started

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        try:
            words = psutil.Process(pid).cmdline()
        except (psutil.Error, ValueError):
            return False
        return str(run) in words and any(word.endswith("/runner.py") for word in words)

    def terminate(self, pid: int, started: str) -> None:
        send(pid, started, signal.SIGTERM)

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        with held(pid, started) as descriptor:
            if descriptor is None:
                return True
            return readable(descriptor, within.total_seconds())

    def ancestors(self, pid: int) -> list[int]:
        return ancestors(pid)

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        hunt = Hunt(run, pid, started, frozenset(self._spared()))
        end(hunt, grace=grace.total_seconds(), kill_within=self._kill_within)
