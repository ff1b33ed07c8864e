"""Read models: the spawn trees as `genie tree` draws them, and the live runs of `genie ps`. Reading writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.usage import Sample
from genie.ports import Leaf, Vital, Wanted
from genie.services import roster
from genie.services.world import World

PAST = timedelta(minutes=4)
"""How much of the past `runs` tells: 48 samples, two to a column of a sparkline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An agent in its tree. `level` is that of the drawing, 0 for what stands at the left; `tree_rss` is the resident
    memory, in bytes, of its run and of all below it; None where no fresh sample is of them."""

    row: roster.Row
    level: int
    latest: Sample | None
    tree_rss: int | None


def tree(world: World, name: str | None, *, everything: bool) -> list[Node]:
    """All spawn trees, or that agent and those below it, in the order of drawing: each parent before its children,
    children by their creation. Terminated ones only with `everything`, or above a live one. Raises NotFound."""
    now = world.clock.now()
    leaves = world.registry.grove(top=name, everything=everything, now=now)
    if name is not None and not leaves:
        roster.get(world, name)
    drawn = _drawn(leaves)
    weights = _weights([leaf for leaf, _ in drawn])
    return [
        Node(row=_row(leaf, now), level=level, latest=leaf.latest, tree_rss=weights[leaf.standing.agent.id])
        for leaf, level in drawn
    ]


def _row(leaf: Leaf, now: datetime) -> roster.Row:
    return roster.row_of(leaf.standing, parent=leaf.parent, root=leaf.root, beat=leaf.beat, now=now)


def _drawn(leaves: Sequence[Leaf]) -> list[tuple[Leaf, int]]:
    """Depth first, with the level of each; of several with one parent as they come."""
    there = {leaf.standing.agent.id for leaf in leaves}
    children: dict[UUID | None, list[Leaf]] = {}
    for leaf in leaves:
        parent = leaf.standing.agent.parent
        children.setdefault(parent if parent in there else None, []).append(leaf)
    drawn: list[tuple[Leaf, int]] = []
    pending = [(leaf, 0) for leaf in reversed(children.get(None, []))]
    while pending:
        leaf, level = pending.pop()
        drawn.append((leaf, level))
        pending += [(child, level + 1) for child in reversed(children.get(leaf.standing.agent.id, []))]
    return drawn


def _weights(leaves: Sequence[Leaf]) -> dict[UUID, int | None]:
    """Of each its own memory and that of all below it; parents come before their children."""
    weights = {leaf.standing.agent.id: leaf.latest.rss if leaf.latest else None for leaf in leaves}
    for leaf in reversed(leaves):
        own, parent = weights[leaf.standing.agent.id], leaf.standing.agent.parent
        if own is not None and parent in weights:
            weights[parent] = own + (weights[parent] or 0)
    return weights


def runs(world: World, wanted: Wanted) -> list[Vital]:
    """The live runs of this host that are wanted, with what they used in the last minutes. Raises NotFound for a name
    that nobody has; an agent that does not run has no line."""
    now = world.clock.now()
    found = world.registry.vitals(world.host, wanted=wanted, since=now - PAST, now=now)
    for name in sorted(set(wanted.names) - {vital.standing.agent.name for vital in found}):
        roster.get(world, name)
    return found
