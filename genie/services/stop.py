"""`genie stop`: end an agent's process and keep its session."""

from __future__ import annotations

from genie.domain.agent import STOPPABLE, Desired, Life
from genie.domain.errors import NotFound
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.services.finish import finish
from genie.services.roster import known_names
from genie.services.world import World


def stop(world: World, name: str) -> tuple[Standing, bool]:
    """Stop the agent of that name; returns it, and whether there was anything to stop.

    What is wanted is written before anything is done, so that a crash in the middle is finished later.
    Raises NotFound, and what `finish` raises.
    """
    found = world.registry.find(name)
    if found is None or found.agent.life is Life.TERMINATED:
        raise NotFound(f"unknown agent '{name}'", hint=known_names(world, name))
    with world.flights.taken(found.agent.id, within=world.rules.start_timeout):
        wanted = want(world, found, Desired.STOPPED, Kind.STOP_REQUESTED)
        if wanted is None:
            return world.registry.find(name) or found, False
        world.fault("stop.wanted")
        return finish(world, wanted), True


def want(world: World, found: Standing, desired: Desired, kind: Kind) -> Standing | None:
    """Write what is wanted of an agent; None where it is that way already or is not to be touched."""
    with world.registry.begin() as tx:
        tx.lock_name(found.agent.name)
        current = tx.standing_of(found.agent.id)
        if current is None or current.agent.life is Life.TERMINATED:
            return None
        if desired is Desired.STOPPED and current.agent.life not in STOPPABLE:
            return None
        saved = tx.save_agent(current.agent.wanting(desired))
        tx.record(event(kind, saved, current.run, at=world.clock.now()))
        return Standing(saved, current.session, current.run)
