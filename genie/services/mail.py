"""Who hands messages to an agent: one at a time, in this daemon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock, RLock
from uuid import UUID
from weakref import WeakValueDictionary


class _Box:
    """Kept as long as somebody is at it."""

    def __init__(self) -> None:
        self.lock = RLock()


class Mail:
    """What a daemon keeps of its deliveries; it ends with it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._boxes: WeakValueDictionary[UUID, _Box] = WeakValueDictionary()
        self._since: datetime | None = None
        self._drafts: dict[UUID, tuple[UUID, datetime]] = {}

    @contextmanager
    def box(self, agent: UUID) -> Iterator[None]:
        """Nobody else hands anything to that agent meanwhile."""
        with self._lock:
            box = self._boxes.get(agent) or _Box()
            self._boxes[agent] = box
        with box.lock:
            yield

    def since(self, now: datetime) -> datetime:
        """When this was first asked: the daemon has read what was said since then, and soon what was said before."""
        with self._lock:
            self._since = self._since or now
            return self._since

    def drafted(self, agent: UUID, message: UUID, now: datetime) -> timedelta:
        """How long that message has waited for a draft in the box of that agent to go, so far as is known."""
        with self._lock:
            first, since = self._drafts.get(agent, (message, now))
            self._drafts[agent] = (message, since if first == message else now)
            return now - self._drafts[agent][1]

    def settled(self, agent: UUID) -> None:
        """Whatever waited for a draft in that agent's box does not any more."""
        with self._lock:
            self._drafts.pop(agent, None)
