"""End an agent with everything below it that is wanted to end: leaves first, and a generation at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from genie.domain.errors import GenieError
from genie.domain.session import Standing
from genie.domain.settle import unwanted
from genie.domain.tree import Twig, leaves_first
from genie.services.finish import finish
from genie.services.world import World

AT_ONCE = 8


def fell(world: World, standing: Standing) -> Standing:
    """Bring an agent and its descendants to what is wanted of them. The caller has the agent's flight.

    One that has been ended meanwhile, or is wanted again, is left as it is. One that cannot be ended keeps no other
    from it. Raises what `finish` raises, the agent's own trouble before that of a descendant.
    """
    with world.registry.begin() as tx:
        current = tx.standing_of(standing.agent.id)
        family = tx.descendants(standing.agent.id)
    if current is None or not unwanted(current.agent):
        return current or standing
    generations = _generations(world, family)
    troubles = [trouble for generation in generations for trouble in _all(world, generation)]
    ended = finish(world, current)
    if troubles:
        raise troubles[0]
    return ended


def _generations(world: World, family: Sequence[Standing]) -> list[list[UUID]]:
    here = [one.agent for one in family if unwanted(one.agent) and one.agent.host == world.host]
    return leaves_first(Twig(agent.id, agent.parent) for agent in here)


def _all(world: World, agents: Sequence[UUID]) -> list[GenieError]:
    if len(agents) == 1:
        troubles = [_end(world, agents[0])]
    else:
        with ThreadPoolExecutor(min(len(agents), AT_ONCE), thread_name_prefix="fell") as pool:
            troubles = list(pool.map(lambda agent: _end(world, agent), agents))
    return [trouble for trouble in troubles if trouble]


def _end(world: World, agent: UUID) -> GenieError | None:
    try:
        with world.flights.taken(agent, within=world.rules.start_timeout):
            with world.registry.begin() as tx:
                current = tx.standing_of(agent)
            if current and unwanted(current.agent):
                finish(world, current)
    except GenieError as error:
        return error
    return None
