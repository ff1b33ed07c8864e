"""The limits of a spawn tree, checked under its lock: racing spawns cannot pass one together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from genie.domain.agent import Agent
from genie.domain.session import Standing
from genie.domain.tree import Branch, Limits, Pace, Wish, check_room, check_spawn
from genie.ports import Rooted, Tx, Windows
from genie.services.world import World


def check_tree_spawn(world: World, tx: Tx, line: Sequence[Agent]) -> None:
    """Whether the first of the line, whose tree is held, may have one more child. Raises LimitReached."""
    check_spawn(*_counted(world, tx, line))


def check_tree_room(world: World, tx: Tx, agent: Agent) -> None:
    """Whether an agent that takes no place in its tree now may take one; the tree must be held. Raises
    LimitReached."""
    if agent.parent is None or agent.counted:
        return
    line = tx.line(agent.parent)
    check_room(_counted(world, tx, line)[0])


def limits_of(parent: Agent | None, rules: Limits, *wishes: Wish) -> Limits:
    """A child's: its parent's, tightened by each wish. A root's: the configured ones, each wish over them."""
    limits = parent.limits if parent else rules
    for wish in wishes:
        limits = limits.tightened(wish) if parent else limits.over(wish)
    return limits


def _counted(world: World, tx: Tx, line: Sequence[Agent]) -> tuple[list[Branch], Pace]:
    now = world.clock.now()
    since = Windows(parent=now - line[0].limits.rate.per, root=now - line[-1].limits.rate.per)
    branches, pace = tx.census(line, since=since)
    return [replace(branch, memory=memory_of(world, tx, branch)) for branch in branches], pace


def memory_of(world: World, tx: Tx, branch: Branch) -> int | None:
    """What an agent with a quota and all below it use, in bytes: as last weighed, else weighed now."""
    if branch.limits.memory is None:
        return None
    own = tx.standing_of(branch.id)
    family = ([own] if own else []) + tx.descendants(branch.id)
    roots = roots_of(family)
    known = world.scales.of([root.run for root in roots], now=world.clock.now())
    return sum(world.processes.memory(roots).values()) if known is None else known


def roots_of(family: Sequence[Standing]) -> list[Rooted]:
    """The live runs of these agents."""
    runs = [standing.run for standing in family if standing.run and standing.run.ended_at is None]
    return [Rooted(run.id, run.pane.pid, run.pane.started) for run in runs if run.pane]
