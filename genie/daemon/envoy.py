"""The daemon's envoy to Claude Code's own teams: it keeps their folders as the registry says, and reads what members
write to their lead."""

from __future__ import annotations

from threading import Event, Thread
from time import monotonic

import structlog

from genie.domain.errors import GenieError
from genie.domain.events import Kind
from genie.ports import Feed, Subscription
from genie.services.native import FOLLOWED, Trouble, follow
from genie.services.native_lead import Tell, hear
from genie.services.world import World

log = structlog.get_logger("genie.envoy")

POLL = 1.0
"""Seconds between two looks at the lead's inboxes: as often as members look at theirs."""
IDLE_POLL = 30.0
"""The same where there is no team."""
AGAIN = 10.0
"""Seconds after which folders are looked at though nothing was told."""
_ANSWERS = frozenset({Kind.PERMISSION_ANSWERED, Kind.PERMISSION_WITHDRAWN, Kind.PERMISSION_EXPIRED})


class Envoy:
    """One thread, pushed by what is committed, which looks for itself as long as there are teams. `tell` learns what
    members wait for. Trouble over one team stops no other: it is told once."""

    def __init__(self, world: World, feed: Feed, tell: Tell) -> None:
        self._world = world
        self._feed = feed
        self._tell_of = tell
        self._woken = Event()
        self._stopping = False
        self._follow_at = 0.0
        self._hear_at = 0.0
        self._troubles: dict[str, str] = {}
        self._thread = Thread(target=self._run, name="envoy", daemon=True)

    def start(self) -> None:
        """Begin with what a daemon before has left."""
        self._thread.start()

    def stop(self) -> None:
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
            except GenieError as error:
                self._tell([("", error)])
                self._follow_at = self._hear_at = monotonic() + POLL
            except Exception:
                log.exception("envoy_failed")
                self._follow_at = self._hear_at = monotonic() + POLL
            self._woken.wait(max(min(self._follow_at, self._hear_at) - monotonic(), 0.0))
            self._woken.clear()
        if subscription is not None:
            subscription.close()

    def _round(self, subscription: Subscription) -> None:
        kinds = {event.kind for event in subscription.take()}
        now = monotonic()
        follows = now >= self._follow_at or not kinds.isdisjoint(FOLLOWED)
        hears = now >= self._hear_at or not kinds.isdisjoint(_ANSWERS)
        troubles: list[Trouble] = []
        if follows:
            troubles += follow(self._world)
        if hears:
            troubles += hear(self._world, self._tell_of)
        if follows or hears:
            teams = bool(self._world.natives.rolls())
            self._follow_at = now + (AGAIN if teams else IDLE_POLL)
            self._hear_at = now + (POLL if teams else IDLE_POLL)
            self._tell(troubles)

    def _tell(self, troubles: list[Trouble]) -> None:
        for team, error in troubles:
            if self._troubles.get(team) != error.message:
                log.warning("native_team", team=team or None, error=error.message)
        self._troubles = {team: error.message for team, error in troubles}
