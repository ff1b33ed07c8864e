"""What is said in a session: adding to it, and reading it by its own numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from genie.domain.errors import Refused
from genie.domain.events import Event, Kind, event
from genie.domain.note import Level, check_data, check_message
from genie.domain.session import Standing
from genie.ports import Stretch
from genie.services.order import Caller
from genie.services.roster import get
from genie.services.whoami import caller_in_run
from genie.services.world import World

PAGE = 500
"""Events read at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which events of a session: of these kinds (empty: all), with a `seq` between these, the `last` so many of
    them."""

    kinds: tuple[Kind, ...] = ()
    after: int = 0
    before: int | None = None
    last: int | None = None


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
    """How many events of an agent's session fit. Raises NotFound."""
    of = _stretch(world, name, asked)
    found = world.registry.measure(of) if of else 0
    return found if asked.last is None else min(found, asked.last)


def pages(world: World, name: str, asked: Asked) -> Iterator[list[Event]]:
    """The events of an agent's session that fit, the first of them first, page by page. Raises NotFound at once."""
    of = _stretch(world, name, asked)
    if of is None:
        return iter(())
    if asked.last is not None:
        of = replace(of, after=world.registry.before_last(of, asked.last))
    return _read(world, of, asked.last)


def _stretch(world: World, name: str, asked: Asked) -> Stretch | None:
    session = get(world, name).agent.session
    return Stretch(session=session, kinds=asked.kinds, after=asked.after, before=asked.before) if session else None


def _read(world: World, of: Stretch, most: int | None) -> Iterator[list[Event]]:
    """Those events, but no more than `most`: others may be added while they are read."""
    left = most
    while left is None or left > 0:
        page = world.registry.stretch(of, limit=PAGE if left is None else min(left, PAGE))
        if page:
            yield page
        if len(page) < PAGE:
            return
        of = replace(of, after=page[-1].seq or of.after)
        left = None if left is None else left - len(page)
