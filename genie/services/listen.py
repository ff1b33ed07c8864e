"""`genie listen` and `genie watch`: what is told in some sessions, from their beginning or from an event on, to their
end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice, takewhile
from uuid import UUID

from genie.domain.agent import Life
from genie.domain.events import Event, Kind
from genie.domain.selecting import Match, Selection
from genie.ports import Stretch
from genie.services.selecting import select
from genie.services.wait import ENDS, Outcome, Vigil
from genie.services.world import World

PAGE = 500
"""Events read, and told, at once."""


class Audience:
    """Who listens to some sessions. `horizon` is the last event before it came: those up to it are told by `replay`,
    those after it come through `sift`, and once it is `over` by `rest`. No event is told twice.

    Only `replay`, `begin`, `take` and `rest` ask the registry.
    """

    def __init__(self, world: World, matches: Sequence[Match], *, kinds: Iterable[Kind], after: int) -> None:
        self.horizon = world.registry.last_event()
        self._world = world
        self._kinds = frozenset(kinds)
        self._told = after
        self._matches = {match.id: match for match in matches if match.id}
        present = [match.standing.agent.id for match in matches if match.past is None]
        self.vigil = Vigil(world, present, cursor=self.horizon)

    @property
    def over(self) -> bool:
        return self.vigil.over

    def name(self, one: Event) -> str | None:
        """The name of the agent whose session it is told in."""
        found = self._matches.get(one.session) if one.session else None
        return found.standing.agent.name if found else None

    def replay(self) -> Iterator[list[Event]]:
        """What was told before it came, oldest first, in pages."""
        known = self._everything() if self._told == 0 else self._since(self._told)
        before = takewhile(lambda one: (one.id or 0) <= self.horizon, known)
        while page := list(islice(before, PAGE)):
            yield self.sift(page)
        self._told = max(self._told, self.horizon)

    def begin(self) -> None:
        """See who has ended already."""
        self.vigil.begin()

    def sift(self, batch: Sequence[Event]) -> list[Event]:
        """Those that are to be told: once each."""
        news = [one for one in batch if (one.id or 0) > self._told]
        self._told = max(self._told, batch[-1].id or 0) if batch else self._told
        return [one for one in news if one.session in self._matches and self._of_kind(one)]

    def rest(self) -> Iterator[list[Event]]:
        """What came to the end and was not told yet."""
        while page := self._world.registry.events(after=self._told, limit=PAGE):
            yield self.sift(page)

    def outcomes(self) -> list[Outcome]:
        """How those have ended that it has listened to."""
        past = [_past(self._world, match) for match in self._matches.values() if match.past]
        return [*past, *self.vigil.ended]

    def _of_kind(self, one: Event) -> bool:
        return not self._kinds or one.kind in self._kinds

    def _everything(self) -> Iterator[Event]:
        """From the beginning, by the sessions' own index."""
        kinds = tuple(self._kinds)
        told = [_session(self._world, Stretch(session=id_, kinds=kinds)) for id_ in self._matches if id_]
        return merge(*told, key=lambda one: one.id or 0)

    def _since(self, after: int) -> Iterator[Event]:
        while page := self._world.registry.events(after=after, limit=PAGE):
            yield from page
            after = page[-1].id or after


def audience(world: World, wanted: Selection, *, kinds: Iterable[Kind] = (), after: int = 0) -> Audience:
    """One for the sessions that are meant, after that event. Raises what `select` raises."""
    return Audience(world, select(world, wanted), kinds=kinds, after=after)


def _session(world: World, of: Stretch) -> Iterator[Event]:
    while page := world.registry.stretch(of, limit=PAGE):
        yield from page
        of = replace(of, after=page[-1].seq or of.after)


def _past(world: World, match: Match) -> Outcome:
    """How a session has ended whose agent has another one by now: by its result, else by what was told last."""
    session = match.session or UUID(int=0)
    result = world.registry.results([session]).get(session)
    of = Stretch(session=session, kinds=tuple(ENDS))
    ends = world.registry.stretch(replace(of, after=world.registry.before_last(of, 1)), limit=1)
    life = ENDS[ends[-1].kind] if ends else Life.TERMINATED
    if result and result.success is not None:
        life = Life.DONE if result.success else (life if life is not Life.DONE else Life.FAILED)
    agent = match.standing.agent
    return Outcome(agent=agent.id, session=session, name=agent.name, life=life, reason=result.error if result else None)
