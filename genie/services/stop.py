"""`genie stop`: end an agent's process and keep its session."""

from __future__ import annotations

from genie.domain.agent import STOPPABLE, Desired, Life, Reason
from genie.domain.errors import NotFound, Stale
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.services.family import end_family, held
from genie.services.fell import fell
from genie.services.roster import known_names
from genie.services.world import World

TRIES = 5


def stop(world: World, name: str) -> tuple[Standing, bool]:
    """Stop the agent of that name, and its descendants as its policy says; returns it, and whether there was
    anything to stop.

    What is wanted is written before anything is done, so that a crash in the middle is finished later.
    Raises NotFound, and what `fell` raises.
    """
    found = world.registry.find(name)
    if found is None or found.agent.life is Life.TERMINATED:
        raise NotFound(f"unknown agent '{name}'", hint=known_names(world, name))
    with world.flights.taken(found.agent.id, within=world.rules.start_timeout):
        wanted = want(world, found, Desired.STOPPED, Kind.STOP_REQUESTED)
        if wanted is None:
            return world.registry.find(name) or found, False
        world.fault("stop.wanted")
        return fell(world, wanted), True


def want(
    world: World, found: Standing, desired: Desired, kind: Kind, *, ending: Reason | None = None, **said: object
) -> Standing | None:
    """Write what is wanted of an agent, and of its descendants by its policy; None where it is that way already or
    is not to be touched. Raises Stale where others change its tree all the time."""
    for _ in range(TRIES):
        try:
            return _want(world, found, desired, kind, ending, said)
        except Stale as error:
            stale = error
    raise stale


def _want(
    world: World, found: Standing, desired: Desired, kind: Kind, ending: Reason | None, said: dict[str, object]
) -> Standing | None:
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.lock_name(found.agent.name)
        current = held(tx, found.agent.id)
        if current is None or current.agent.life is Life.TERMINATED:
            return None
        if desired is Desired.STOPPED and current.agent.life not in STOPPABLE:
            return None
        saved = tx.save_agent(current.agent.wanting(desired, ending=ending))
        tx.record(event(kind, saved, current.run, at=now, **said))
        end_family(tx, saved, desired, now=now)
        return Standing(saved, current.session, current.run)
