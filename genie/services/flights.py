"""Who is at work on which agent, within this process.

The registry's versions keep two daemons from acting on one agent; a flight keeps two threads of one
daemon from it, and tells a start that is under way from one that a dead daemon left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Condition
from uuid import UUID

from genie.domain.errors import TimedOut


class Flights:
    """At most one thread at work on an agent. Threads that must do it wait; the reconcile passes by."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._busy: set[UUID] = set()
        self._held: dict[UUID, datetime] = {}
        self._names: set[str] = set()

    def busy(self, agent: UUID) -> bool:
        with self._changed:
            return agent in self._busy

    def count(self) -> int:
        with self._changed:
            return len(self._busy)

    def board(self, agent: UUID) -> bool:
        """Take the agent if nobody has it."""
        with self._changed:
            if agent in self._busy:
                return False
            self._busy.add(agent)
            return True

    def land(self, agent: UUID) -> None:
        with self._changed:
            self._busy.discard(agent)
            self._changed.notify_all()

    def wait(self, agent: UUID, *, within: timedelta) -> None:
        """Wait until nobody is at work on it. Raises TimedOut."""
        with self._changed:
            if not self._changed.wait_for(lambda: agent not in self._busy, within.total_seconds()):
                raise TimedOut("another command is still at work on this agent", hint="try again")

    @contextmanager
    def taken(self, agent: UUID, *, within: timedelta) -> Iterator[None]:
        """Have the agent for the length of the block. Raises TimedOut."""
        with self._changed:
            if not self._changed.wait_for(lambda: agent not in self._busy, within.total_seconds()):
                raise TimedOut("another command is still at work on this agent", hint="try again")
            self._busy.add(agent)
        try:
            yield
        finally:
            self.land(agent)

    @contextmanager
    def name(self, name: str) -> Iterator[None]:
        """Have a name for the length of the block. Spawns of one name wait here, and not each with a connection
        to the registry in its hand."""
        with self._changed:
            self._changed.wait_for(lambda: name not in self._names)
            self._names.add(name)
        try:
            yield
        finally:
            with self._changed:
                self._names.discard(name)
                self._changed.notify_all()

    def hold(self, agent: UUID, *, until: datetime) -> None:
        """Keep the reconcile from trying it again before `until`, after a fault that is not the agent's."""
        with self._changed:
            self._held[agent] = until

    def held(self, agent: UUID, *, now: datetime) -> bool:
        with self._changed:
            until = self._held.get(agent)
            if until is None or now >= until:
                self._held.pop(agent, None)
                return False
            return True
