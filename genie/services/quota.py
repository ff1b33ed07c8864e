"""Hold spawn trees to their memory quotas: weigh, count the looks that find one over it, and act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from genie.domain.agent import Agent, Desired, Life, Reason
from genie.domain.amounts import write_size
from genie.domain.errors import GenieError
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.domain.tree import SAMPLES_OVER, Breach, Twig, Weight, below, victims
from genie.ports import Wanted
from genie.services.limits import roots_of
from genie.services.want import want
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """An agent with a quota: the bytes of its tree, the looks in a row that found it over, and who was ended."""

    agent: Agent
    used: int
    over: int
    ended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tree:
    """What one quota is for: an agent, and the live members of its tree."""

    top: Standing
    quota: int
    members: tuple[Standing, ...]


def enforce_quotas(world: World) -> list[Weighed]:
    """One look at every tree with a quota; returns what was found. Where nobody has a quota nothing is weighed.

    Raises RegistryAway. An error over one tree is left for the next look.
    """
    living = (Life.SPAWNING, Life.RUNNING, Life.RESUMING)
    standings = [s for s in world.registry.roster(Wanted(lives=living)) if s.agent.host == world.host]
    trees = _trees(standings)
    if not trees:
        return []
    concerned = {s.agent.id: s for tree in trees for s in tree.members}
    weights = world.processes.memory(roots_of(list(concerned.values())))
    world.scales.put(weights, at=world.clock.now())
    return [_judge(world, tree, weights) for tree in trees]


def _trees(standings: Sequence[Standing]) -> list[_Tree]:
    """Whole trees with a quota, and parts of them that were given a tighter one."""
    by_root: defaultdict[UUID, list[Standing]] = defaultdict(list)
    for standing in standings:
        if standing.agent.limits.memory is not None:
            by_root[standing.agent.root].append(standing)
    trees = []
    for group in by_root.values():
        widest = max(_quota(standing) for standing in group)
        trees.append(_Tree(min(group, key=lambda s: (s.agent.depth, s.agent.created_at)), widest, tuple(group)))
        trees += [_Tree(top, _quota(top), _part(top.agent.id, group)) for top in _tighter(group, widest)]
    return trees


def _quota(standing: Standing) -> int:
    return standing.agent.limits.memory or 0


def _tighter(group: Sequence[Standing], widest: int) -> list[Standing]:
    """The agents that did not simply inherit their quota."""
    quotas = {standing.agent.id: _quota(standing) for standing in group}
    return [s for s in group if _quota(s) < widest and quotas.get(s.agent.parent or s.agent.root) != _quota(s)]


def _part(top: UUID, group: Sequence[Standing]) -> tuple[Standing, ...]:
    inside = below(top, [Twig(standing.agent.id, standing.agent.parent) for standing in group]) | {top}
    return tuple(standing for standing in group if standing.agent.id in inside)


def _judge(world: World, tree: _Tree, weights: Mapping[UUID, int]) -> Weighed:
    agent, family = tree.top.agent, tree.members
    used = sum(weights.get(root.run, 0) for root in roots_of(family))
    over = world.scales.over(agent.id, over=used > tree.quota)
    if over == SAMPLES_OVER:
        _tell(world, tree, used=used)
    chosen = victims(
        agent.limits.on_breach,
        agent.id,
        [Weight(s.agent.id, s.agent.created_at.timestamp()) for s in family if s.agent.desired is Desired.RUNNING],
        samples_over=over,
    )
    ended = [name for name in (_end(world, family, victim, top=agent) for victim in chosen) if name]
    if ended:
        world.scales.over(agent.id, over=False)
    return Weighed(agent=agent, used=used, over=over, ended=tuple(ended))


def _tell(world: World, tree: _Tree, *, used: int) -> None:
    agent, policy = tree.top.agent, tree.top.agent.limits.on_breach.value
    said = {"used": used, "quota": tree.quota, "policy": policy}
    text = f"{used // 2**20} MiB of {write_size(tree.quota)}"
    with world.registry.begin() as tx:
        tx.record(event(Kind.QUOTA_EXCEEDED, agent, tree.top.run, at=world.clock.now(), said=text, **said))


def _end(world: World, family: Sequence[Standing], victim: UUID, *, top: Agent) -> str | None:
    """Want that agent stopped as failed(quota), with its descendants as its policy says: the daemon's next pass ends
    it. Under kill-tree all end, whatever the policy of the top is."""
    whole = top.limits.on_breach is Breach.KILL_TREE
    found = [s for s in family if whole or s.agent.id == victim]
    return ", ".join(s.agent.name for s in found if _stop(world, s, top)) or None


def _stop(world: World, standing: Standing, top: Agent) -> bool:
    """Whether it was there to be stopped. One that others change all the time is left for the next look."""
    try:
        kind = Kind.STOP_REQUESTED
        return want(world, standing, Desired.STOPPED, kind, ending=Reason.QUOTA, quota=top.name) is not None
    except GenieError:
        return False
