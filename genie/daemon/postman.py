"""The daemon's postman: it brings messages to agents as soon as these can take them."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic
from uuid import UUID

import structlog

from genie.domain.errors import GenieError, RegistryAway
from genie.domain.events import Kind
from genie.ports import Feed, Subscription
from genie.services.deliver import deliver
from genie.services.world import World

log = structlog.get_logger("genie.postman")

POLL = 1.0
"""Seconds between two looks at agents for whom something lies there."""
IDLE_POLL = 10.0
"""Seconds between two looks whether something does, of which nobody has told."""
_NEWS = frozenset({Kind.MESSAGE_QUEUED, Kind.RUNNING, Kind.RESUMED, Kind.ADOPTED, Kind.KILL_REQUESTED, Kind.TERMINATED})
"""After these something may lie there for an agent of which nothing was known."""
_MOVING = frozenset({Kind.ACTIVITY, Kind.USER_MESSAGE, Kind.SESSION_RESULT, Kind.PROVIDER_STATUS})
"""After these a message that lies there can perhaps be delivered, or is known to have been."""


class Postman:
    """One thread, pushed by what is committed, which looks for itself now and then. Trouble over one agent's messages
    stops no other's: it is told once."""

    def __init__(self, world: World, feed: Feed) -> None:
        self._world = world
        self._feed = feed
        self._woken = Event()
        self._stopping = False
        self._waiting: set[UUID] = set()
        self._troubles: dict[UUID | None, str] = {}
        self._look_at = 0.0
        self._thread = Thread(target=self._run, name="postman", daemon=True)

    def start(self) -> None:
        """Begin with what was left."""
        self._thread.start()

    def stop(self) -> None:
        """End; a message that is being handed over is finished first."""
        self._stopping = True
        self._woken.set()
        self._thread.join(timeout=30)

    def _run(self) -> None:
        subscription: Subscription | None = None
        while not self._stopping:
            try:
                if subscription is None or subscription.closed:
                    after = self._world.registry.last_event()
                    subscription = self._feed.subscribe(after=after, wake=self._woken.set)
                self._round(subscription)
                self._troubles.pop(None, None)
            except GenieError as error:
                self._tell(None, error)
                self._look_at = monotonic() + POLL
            except Exception:
                log.exception("postman_failed")
                self._look_at = monotonic() + POLL
            self._woken.wait(max(self._look_at - monotonic(), 0.0))
            self._woken.clear()
        if subscription is not None:
            subscription.close()

    def _round(self, subscription: Subscription) -> None:
        due: dict[UUID, None] = {}
        for event in subscription.take():
            if event.agent and (event.kind in _NEWS or (event.kind in _MOVING and event.agent in self._waiting)):
                due[event.agent] = None
        if monotonic() >= self._look_at:
            found = self._world.registry.mailboxes(self._world.host)
            self._waiting = set(found)
            due |= dict.fromkeys(found)
            self._look_at = monotonic() + (POLL if found else IDLE_POLL)
        elif due:
            self._look_at = min(self._look_at, monotonic() + POLL)
        self._waiting |= due.keys()
        for agent in due:
            if self._stopping:
                return
            self._deliver(agent)

    def _deliver(self, agent: UUID) -> None:
        try:
            deliver(self._world, agent)
            self._troubles.pop(agent, None)
        except RegistryAway:
            raise
        except GenieError as error:
            self._tell(agent, error)
        except Exception:
            log.exception("not_delivered", agent=str(agent))

    def _tell(self, agent: UUID | None, error: GenieError) -> None:
        if self._troubles.get(agent) != error.message:
            log.warning("not_delivered", agent=str(agent) if agent else None, error=error.message)
        self._troubles[agent] = error.message
