"""`genie resume`: bring an agent back by hand, whatever its budget says."""

from __future__ import annotations

from genie.domain.agent import Why, check_resume_by_hand
from genie.domain.errors import NotFound
from genie.domain.session import Standing
from genie.services.anew import anew
from genie.services.claim import bring, write_claim
from genie.services.roster import known_names
from genie.services.world import World


def resume(world: World, name: str) -> Standing:
    """Resume the agent of that name; returns it running. The budget is neither asked nor spent, but reset.

    Raises NotFound, NotAllowed for a live or killed one or one without a session, and what a start raises.
    """
    found = world.registry.find(name)
    if found is None:
        raise NotFound(f"unknown agent '{name}'", hint=known_names(world, name))
    with world.flights.taken(found.agent.id, within=world.rules.start_timeout):
        return bring(world, *anew(lambda: _claimed(world, found)))


def _claimed(world: World, found: Standing) -> tuple[Standing, Standing]:
    """As it was seen, and as it is claimed."""
    seen = world.registry.find(found.agent.name) or found
    check_resume_by_hand(seen.agent)
    return seen, write_claim(world, seen, why=Why.RESUME, attempt=0)
