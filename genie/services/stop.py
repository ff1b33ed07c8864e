"""`genie stop`: end an agent's process and keep its session."""

from __future__ import annotations

from genie.domain.agent import Desired, Life
from genie.domain.errors import NotFound
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.services.fell import fell
from genie.services.roster import known_names
from genie.services.want import want
from genie.services.world import World


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
