"""Systems without inotify: the notify library of watchfiles, which looks every few milliseconds whether it has news."""

from __future__ import annotations

import threading

from watchfiles import Change as Kind
from watchfiles._rust_notify import RustNotify

from genie.adapters.wakes._notifier import Change

STEP = 5
"""Milliseconds between two looks. It takes two of them to tell a change; at 5 a look costs 0.5 % of a core."""
SLICE = 3600.0


class Watchfiles:
    """Its set of directories is fixed when it is made: a change of the set makes it anew, and what happens in
    between is told as "anything may have changed"."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: frozenset[str] = frozenset()
        self._made: frozenset[str] = frozenset()
        self._notify: RustNotify | None = None
        self._woken = threading.Event()

    def watch(self, directory: str) -> bool:
        with self._lock:
            new = directory not in self._wanted
            self._wanted |= {directory}
        if new:
            self._woken.set()
        return True

    def unwatch(self, directory: str) -> None:
        with self._lock:
            self._wanted -= {directory}

    def wait(self, timeout: float | None) -> list[Change]:
        fresh = self._make()
        if fresh:
            return fresh
        if self._notify is None:
            self._woken.wait(timeout)
            self._woken.clear()
            return []
        span = round(1000 * (SLICE if timeout is None else timeout)) or 1
        seen = self._notify.watch(STEP, STEP, span, self._woken)
        self._woken.clear()
        if isinstance(seen, str):
            # A wait that was ended early has thrown away what it knew.
            return [Change(directory, maybe=True) for directory in sorted(self._made)] if seen == "stop" else []
        return self._changes(seen)

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        if self._notify is not None:
            self._notify.close()
        self._notify = None

    def _make(self) -> list[Change]:
        """Watch what is wanted now; all of it may have changed before it is watched."""
        with self._lock:
            wanted = self._wanted
        if wanted == self._made:
            return []
        self.close()
        self._made = wanted
        try:
            self._notify = RustNotify(sorted(wanted), False, False, 0, False, True) if wanted else None
        except (OSError, RuntimeError):
            return self._lost(wanted)
        return [Change(directory, maybe=True) for directory in sorted(self._made)]

    def _lost(self, wanted: frozenset[str]) -> list[Change]:
        """One of them is not there, and the library does not say which: who wanted them looks again."""
        with self._lock:
            self._wanted -= wanted
        self._made = frozenset()
        return [Change(directory, gone=True) for directory in sorted(wanted)]

    def _changes(self, seen: set[tuple[int, str]]) -> list[Change]:
        changes: dict[Change, None] = {}
        for kind, path in seen:
            directory, _, name = path.rpartition("/")
            if path in self._made:
                changes[Change(path, gone=kind == Kind.deleted)] = None
            changes[Change(directory, name)] = None
        gone = {change.directory for change in changes if change.gone}
        if gone:
            with self._lock:
                self._wanted -= gone
        return list(changes)
