"""What was last weighed: the memory of each run, and how often in a row a tree was over its quota."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

FRESH = timedelta(seconds=5)
"""How long a weight may be taken for the present one."""


class Scales:
    """Kept in memory: a daemon that begins anew weighs anew."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._at: datetime | None = None
        self._runs: dict[UUID, int] = {}
        self._over: dict[UUID, int] = {}

    def put(self, runs: Mapping[UUID, int], *, at: datetime) -> None:
        """The bytes of each run, all weighed at once."""
        with self._lock:
            self._runs, self._at = dict(runs), at

    def of(self, runs: Iterable[UUID], *, now: datetime) -> int | None:
        """The bytes of these runs together; None when that was weighed too long ago. A run that was not there
        then weighs nothing yet."""
        with self._lock:
            if self._at is None or not timedelta(0) <= now - self._at <= FRESH:
                return None
            return sum(self._runs.get(run, 0) for run in runs)

    def over(self, tree: UUID, *, over: bool) -> int:
        """Count a look at a tree; how many in a row have found it over its quota."""
        with self._lock:
            self._over[tree] = self._over.get(tree, 0) + 1 if over else 0
            return self._over[tree]
