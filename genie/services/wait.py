"""`genie wait`: what one waiter waits for, told by events and, now and then, by a look at the registry."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from genie.domain.agent import Life
from genie.domain.events import Event, Kind
from genie.domain.selecting import Selection
from genie.domain.session import Standing
from genie.services.roster import ended
from genie.services.world import World

ENDS = {
    Kind.STOPPED: Life.SUSPENDED,
    Kind.DONE: Life.DONE,
    Kind.FAILED: Life.FAILED,
    Kind.EXHAUSTED: Life.FAILED,
    Kind.TERMINATED: Life.TERMINATED,
}
"""The events that tell of an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a session has ended."""

    agent: UUID
    session: UUID | None
    name: str
    life: Life
    reason: str | None

    @property
    def success(self) -> bool:
        return self.life is Life.DONE


def at_rest(standing: Standing) -> bool:
    """Whether a session has ended: a dead one that is brought back or given up has not, nor has a suspended one that
    comes back with its parent."""
    return ended(standing) and not standing.agent.counted


def outcome(standing: Standing) -> Outcome:
    agent = standing.agent
    return Outcome(agent=agent.id, session=agent.session, name=agent.name, life=agent.life, reason=agent.reason)


class Vigil:
    """What one waiter waits for. Only `begin`, `look` and `take` ask the registry.

    `pending` are the agents that have not ended, `ended` what has become of the others, in that order. With `any_` the
    first end is enough. With `follow` sessions that come into that group are waited for, too, but for those in `told`.
    `cursor` is the id of the last event that was taken in.
    """

    def __init__(
        self,
        world: World,
        agents: Iterable[UUID],
        *,
        cursor: int,
        any_: bool = False,
        follow: Selection | None = None,
        told: Iterable[UUID] = (),
    ) -> None:
        self.pending: dict[UUID, Standing | None] = dict.fromkeys(agents)
        self.ended: list[Outcome] = []
        self.cursor = cursor
        self._world = world
        self._any = any_
        self._follow = follow
        self._told: set[UUID | None] = set(told)

    @property
    def over(self) -> bool:
        return not self.pending or (self._any and bool(self.ended))

    def begin(self) -> None:
        """Take in what has happened since the cursor, then look."""
        self._catch_up()
        self.look()

    def look(self) -> None:
        """See how those are that are waited for, and who has joined by then. One that is not in the registry is waited
        for no more."""
        found = {standing.agent.id: standing for standing in self._world.registry.standings(list(self.pending))}
        for agent in list(self.pending):
            if agent not in found:
                del self.pending[agent]
        for standing in found.values():
            self._see(standing)
        if self._follow:
            # Who joined before the last one ended must be known before it is said that all have ended.
            self._catch_up()

    def _catch_up(self) -> None:
        while page := self._world.registry.events(after=self.cursor):
            if self.concerned(page):
                self.take(page)
            self.passed(page)

    def news(self, batch: Sequence[Event]) -> list[Event]:
        """Those of these events that have not been taken in."""
        return [event for event in batch if (event.id or 0) > self.cursor]

    def concerned(self, batch: Sequence[Event]) -> bool:
        """Whether there is something in these events to take in."""
        return any(self._ends(event) or self._joins(event) for event in batch)

    def take(self, batch: Sequence[Event]) -> None:
        """Take in what has happened, in its order. Who has ended and was brought back since has ended all the same."""
        about = {event.agent for event in batch if event.agent and (self._ends(event) or self._joins(event))}
        now = {standing.agent.id: standing for standing in self._world.registry.standings(list(about))}
        for event in batch:
            standing = now.get(event.agent) if event.agent else None
            if standing is None:
                continue
            if self._joins(event) and self._in_group(standing):
                self.pending[standing.agent.id] = standing
            elif self._ends(event):
                self._settle(_told_by(event, standing))

    def passed(self, batch: Sequence[Event]) -> None:
        """These events are done with."""
        if batch:
            self.cursor = max(self.cursor, batch[-1].id or 0)

    def _see(self, standing: Standing) -> None:
        if at_rest(standing):
            self._settle(outcome(standing))
        else:
            self.pending[standing.agent.id] = standing

    def _settle(self, how: Outcome) -> None:
        del self.pending[how.agent]
        self.ended.append(how)
        self._told.add(how.session)

    def _ends(self, event: Event) -> bool:
        return event.kind in ENDS and event.agent in self.pending

    def _joins(self, event: Event) -> bool:
        """Whether a new session begins which may have to be waited for."""
        fresh = event.kind is Kind.REQUESTED and event.payload.get("decision") != "resume"
        return (
            self._follow is not None and fresh and event.agent not in self.pending and event.session not in self._told
        )

    def _in_group(self, standing: Standing) -> bool:
        follow, agent = self._follow, standing.agent
        if follow is None or follow.team not in (None, agent.team):
            return False
        return not follow.tags or bool(set(follow.tags) & set(agent.tags))


def _told_by(event: Event, standing: Standing) -> Outcome:
    """How it has ended: as it is now, unless it has gone on since."""
    agent = standing.agent
    if at_rest(standing) and agent.session == event.session:
        return outcome(standing)
    reason = event.payload.get("reason")
    return Outcome(
        agent=agent.id,
        session=event.session,
        name=agent.name,
        life=ENDS[event.kind],
        reason=str(reason) if reason is not None else None,
    )
