"""What is said in a session: adding to it, and reading it by its own numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from uuid import UUID

from genie.domain.errors import BadInput, Refused
from genie.domain.events import Event, Kind, event
from genie.domain.note import Level, check_data, check_message
from genie.domain.selecting import Selection
from genie.domain.session import Standing
from genie.ports import Stretch, Wanted
from genie.services.order import Caller
from genie.services.selecting import select_one
from genie.services.whoami import caller_in_run
from genie.services.world import World

PAGE = 500
"""Events read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events of a session: of these kinds (empty: all), with a `seq` between these, the `last` so many of
    them; with `every` of all sessions of that name."""

    kinds: tuple[Kind, ...] = ()
    after: int = 0
    before: int | None = None
    last: int | None = None
    every: bool = False


def note(world: World, caller: Caller, message: str, *, level: Level = Level.INFO, data: object = None) -> Standing:
    """Add a message to the caller's session; whose that is.

    Raises NotFound for a caller that is in no run, Refused for a token that is not good and for a run that has ended
    meanwhile, BadInput for what cannot be kept.
    """
    check_message(message)
    check_data(data)
    agent = caller_in_run(world, caller)
    with world.registry.begin() as tx:
        standing = tx.standing_of(agent.id)
        run = standing.run if standing else None
        if standing is None or run is None or run.id != agent.run or run.ended_at is not None:
            raise Refused(f"the run of '{agent.name}' has ended", hint="nothing more is said in its session")
        said = {"message": message, "level": level.value, "data": data}
        tx.record(event(Kind.USER_EVENT, standing.agent, run, at=world.clock.now(), **said))
    return standing


def count(world: World, name: str, asked: Asked) -> int:
    """How many events fit. Raises NotFound, Conflict, BadInput."""
    found = sum(world.registry.measure(of) for of in _stretches(world, name, asked))
    return found if asked.last is None else min(found, asked.last)


def pages(world: World, name: str, asked: Asked) -> Iterator[list[Event]]:
    """The events that fit, the first of them first, page by page: of an agent's present session, of the session that
    has that id, or of every session of that agent and of those that had its name before. Raises NotFound, Conflict and
    BadInput at once."""
    wanted = _stretches(world, name, asked)
    if asked.last is not None:
        wanted = _last(world, wanted, asked.last)
    return _read(world, wanted, asked.last)


def _stretches(world: World, name: str, asked: Asked) -> list[Stretch]:
    """One a session, the oldest first."""
    if asked.every and (asked.after or asked.before is not None):
        raise BadInput("the numbers of events begin anew in each session", hint="leave them out, or read one")
    match = select_one(world, Selection(words=(name,)))
    sessions = _sessions(world, match.standing.agent.name) if asked.every else [match.id]
    return [
        Stretch(session=session, kinds=asked.kinds, after=asked.after, before=asked.before)
        for session in sessions
        if session
    ]


def _sessions(world: World, name: str) -> list[UUID]:
    agents = [standing.agent for standing in world.registry.roster(Wanted(names=(name,), all=True))]
    found = [session for agent in agents for session in world.registry.sessions(agent.id)]
    return [session.id for session in sorted(found, key=lambda session: session.created_at)]


def _last(world: World, wanted: list[Stretch], most: int) -> list[Stretch]:
    """The end of them, in which the last so many events are."""
    kept: list[Stretch] = []
    left = most
    for of in reversed(wanted):
        if left > 0:
            kept.insert(0, replace(of, after=world.registry.before_last(of, left)))
            left -= world.registry.measure(kept[0])
    return kept


def _read(world: World, wanted: Iterable[Stretch], most: int | None) -> Iterator[list[Event]]:
    """Those events, but no more than `most`: others may be added while they are read."""
    left = most
    for of in wanted:
        for page in _pages(world, of):
            yield page if left is None else page[:left]
            if left is not None:
                left -= min(left, len(page))
                if not left:
                    return


def _pages(world: World, of: Stretch) -> Iterator[list[Event]]:
    while page := world.registry.stretch(of, limit=PAGE):
        yield page
        if len(page) < PAGE:
            return
        of = replace(of, after=page[-1].seq or of.after)
