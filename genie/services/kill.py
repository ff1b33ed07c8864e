"""`genie kill`: end an agent for good. Its history stays readable, its name is free."""

from __future__ import annotations

from genie.domain.agent import Desired, Life
from genie.domain.errors import NotFound
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.services.fell import fell
from genie.services.roster import known_names
from genie.services.want import want
from genie.services.world import World


def kill(world: World, name: str, *, reason: str | None = None) -> Standing:
    """Kill the agent of that name, whatever its state, and everything it started; its descendants as its policy
    says. `reason` is told with the event.

    Raises NotFound, and what `fell` raises.
    """
    found = world.registry.find(name)
    if found is None or found.agent.life is Life.TERMINATED:
        raise NotFound(f"unknown agent '{name}'", hint=known_names(world, name))
    return kill_found(world, found, reason=reason)


def kill_found(world: World, found: Standing, *, reason: str | None = None) -> Standing:
    """The same for an agent that was found before: never for another one that has got its name since."""
    with world.flights.taken(found.agent.id, within=world.rules.start_timeout):
        wanted = want(world, found, Desired.GONE, Kind.KILL_REQUESTED, reason=reason)
        if wanted is None:
            return next(iter(world.registry.standings([found.agent.id])), found)
        world.fault("kill.wanted")
        return fell(world, wanted)
