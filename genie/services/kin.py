"""Whose child a spawn makes."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from genie.domain.agent import IN_PANE, Agent
from genie.domain.errors import NotFound, Refused
from genie.ports import Wanted
from genie.services.order import Order
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """The parent of a new agent; all None for a root, whose depth is 0."""

    parent: UUID | None = None
    parent_name: str | None = None
    root_name: str | None = None
    depth: int = 0


def kin_of(world: World, order: Order) -> Kin:
    """The parent that `--parent` or `--parent-pid` name.

    Raises NotFound for an unknown parent, Refused for one that is not alive or a pid that is no ancestor
    of the caller in a live run.
    """
    if order.parent_pid is not None:
        return _child_of(world, _by_pid(world, order, order.parent_pid))
    if order.parent is None:
        return Kin()
    found = world.registry.find(order.parent)
    if found is None:
        raise NotFound(f"unknown parent '{order.parent}'", hint="genie ls")
    if found.agent.life not in IN_PANE:
        raise Refused(f"parent '{order.parent}' is {found.agent.life.value}", hint="a parent must be running")
    return _child_of(world, found.agent)


def _by_pid(world: World, order: Order, pid: int) -> Agent:
    ancestors = [order.caller.pid, *world.processes.ancestors(order.caller.pid)] if order.caller.pid else []
    if pid not in ancestors:
        raise Refused(f"pid {pid} is no ancestor of the caller", hint="give --parent NAME, or leave it out")
    above = set(ancestors[ancestors.index(pid) :])
    for standing in world.registry.roster(Wanted()):
        run = standing.run
        if standing.agent.life in IN_PANE and run and run.pane and run.pane.pid in above:
            return standing.agent
    raise Refused(f"pid {pid} belongs to no running agent", hint="give --parent NAME, or leave it out")


def _child_of(world: World, parent: Agent) -> Kin:
    root = parent
    by_id = {standing.agent.id: standing.agent for standing in world.registry.roster(Wanted(all=True))}
    while root.parent and root.parent in by_id:
        root = by_id[root.parent]
    return Kin(parent=parent.id, parent_name=parent.name, root_name=root.name, depth=parent.depth + 1)
