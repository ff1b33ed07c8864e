"""`genie retry`: what was asked of a session, once more, as a new one."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from genie.domain.errors import NotAllowed
from genie.domain.result import Bond
from genie.domain.selecting import Match
from genie.services.order import Caller, again
from genie.services.spawn import Spawned, spawn
from genie.services.wait import at_rest
from genie.services.world import World


def retry(world: World, match: Match, *, model: str | None = None) -> Spawned:
    """Run it again where it was run, with what was asked of it then, and the environment of then; `model` is another
    model. Raises NotAllowed for one that has not ended or was not run by `genie run`, and what `spawn` raises."""
    standing, source = match.standing, match.id
    name = standing.agent.name
    stored = world.registry.order(source) if source else None
    if source is None or stored is None:
        raise NotAllowed(f"'{name}' was not started by genie run", hint=f"genie resume {name}")
    if match.past is None and not at_rest(standing):
        raise NotAllowed(f"'{name}' is {standing.agent.life.value}", hint=f"genie wait {name}, or genie cancel {name}")
    cwd = str(stored.get("cwd_of") or standing.agent.cwd)
    order = again(stored, Caller(cwd=cwd, env=world.launches.environment(source)))
    wanted = order.assignment
    sources = [(edge.bond, edge.source) for edge in world.registry.edges([source]) if edge.bond is not Bond.RETRY]
    if wanted and model:
        wanted = replace(wanted, size=None)
    bonds = ((Bond.RETRY, source), *sources)
    return spawn(world, replace(order, name=name, model=model or order.model, assignment=wanted, bonds=bonds))


def attempts(world: World, session: UUID) -> int:
    """How often it was tried, this session among them."""
    count, here = 1, session
    while source := _tried_before(world, here):
        count, here = count + 1, source
    return count


def _tried_before(world: World, session: UUID) -> UUID | None:
    edges = world.registry.edges([session])
    return next((edge.source for edge in edges if edge.bond is Bond.RETRY), None)
