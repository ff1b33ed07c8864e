"""What becomes of the descendants of an agent that ends, and of those that its resume brings back.

Everything is written in the transaction of the parent's own change: what is wanted of them survives a crash,
and the daemon that comes next carries it out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from genie.domain.agent import Agent, Desired, Life
from genie.domain.errors import Stale
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.domain.tree import Termination, Twig, below, heir
from genie.ports import Tx


def held(tx: Tx, agent: UUID) -> Standing | None:
    """The agent as it is now, with its tree held, and the tree that its children may go to. Raises Stale where it
    was moved to another tree just now."""
    seen = tx.standing_of(agent)
    if seen is None:
        return None
    roots = {seen.agent.root}
    lead = _lead(tx, seen.agent)
    if seen.agent.limits.termination is Termination.REPARENT and lead:
        roots.add(lead.root)
    for root in sorted(roots, key=str):
        tx.lock_tree(root)
    current = tx.standing_of(agent)
    if current and current.agent.root != seen.agent.root:
        raise Stale(f"'{seen.agent.name}' was moved to another tree just now", hint="try again")
    return current


def end_family(tx: Tx, ended: Agent, desired: Desired, *, now: datetime) -> bool:
    """Do with the descendants of an agent that ends what its policy says; whether any is to end with it.

    `desired` is what an ending descendant is wanted: `stopped` with a parent whose session is kept, `gone` with one
    whose is not. The tree must be held. Raises Stale where somebody is changing a descendant.
    """
    family = tx.descendants(ended.id)
    match ended.limits.termination:
        case Termination.CASCADE:
            taken = [_take_along(tx, ended, standing, desired, now=now) for standing in family]
            return any(taken)
        case Termination.ORPHAN:
            _orphan(tx, ended, family, now=now)
        case _:
            _reparent(tx, ended, family, now=now)
    return False


def _take_along(tx: Tx, ended: Agent, standing: Standing, desired: Desired, *, now: datetime) -> bool:
    agent = standing.agent
    if agent.desired is Desired.GONE:
        return True
    if desired is Desired.STOPPED and not agent.counted:
        return False
    if desired is Desired.STOPPED and agent.desired is Desired.STOPPED:
        return True
    saved = tx.save_agent(agent.wanting(desired, by=ended.id))
    kind = Kind.KILL_REQUESTED if desired is Desired.GONE else Kind.STOP_REQUESTED
    tx.record(event(kind, saved, standing.run, at=now, by=ended.name))
    return True


def _orphan(tx: Tx, ended: Agent, family: list[Standing], *, now: datetime) -> None:
    for standing in family:
        if standing.agent.parent == ended.id and standing.agent.counted:
            tx.record(event(Kind.ORPHANED, standing.agent, standing.run, at=now, of=ended.name))


def _reparent(tx: Tx, ended: Agent, family: list[Standing], *, now: datetime) -> None:
    line = [agent for agent in tx.line(ended.id)[1:] if agent.counted and agent.desired is Desired.RUNNING]
    lead = _lead(tx, ended)
    able = lead is not None and lead.id != ended.id and lead.counted and lead.desired is Desired.RUNNING
    twigs = [Twig(standing.agent.id, standing.agent.parent) for standing in family]
    known = {agent.id: agent for agent in (*line, *([lead] if lead else ()))}
    for standing in family:
        child = standing.agent
        if child.parent != ended.id:
            continue
        new = heir(
            child.id,
            line=[agent.id for agent in line],
            lead=lead.id if lead and able else None,
            subtree=below(child.id, twigs),
        )
        parent = known[new] if new else None
        # The lead itself may be of this family and have been moved a moment ago.
        current = tx.standing_of(parent.id) if parent else None
        moved = _hang(tx, child, current.agent if current else None)
        tx.record(event(Kind.REPARENTED, moved, standing.run, at=now, of=ended.name, to=parent.name if parent else ""))


def _hang(tx: Tx, child: Agent, parent: Agent | None) -> Agent:
    """Put a child, and all below it, under another parent; None makes it a root."""
    depth, root = (parent.depth + 1, parent.root) if parent else (0, child.id)
    moved = tx.save_agent(replace(child, parent=parent.id if parent else None, depth=depth, root=root))
    rehang(tx, moved, deeper=moved.depth - child.depth)
    return moved


def rehang(tx: Tx, top: Agent, *, deeper: int) -> None:
    """Bring depth and root of everything below `top` in line with its new place, which is so many levels deeper.
    Relative to what they were: between two of them may be one that is terminated and stays as it was."""
    for standing in tx.descendants(top.id):
        agent = standing.agent
        if deeper or agent.root != top.root:
            tx.save_agent(replace(agent, depth=agent.depth + deeper, root=top.root))


def _lead(tx: Tx, agent: Agent) -> Agent | None:
    team = tx.team(agent.team)
    found = tx.standing(team.lead) if team and team.lead else None
    return found.agent if found and found.agent.team == agent.team else None


# ---- coming back ----------------------------------------------------------------------------


def bring_family(tx: Tx, resumed: Agent) -> list[str]:
    """Want those running again that the end of this agent had suspended; their names."""
    names = []
    for standing in tx.descendants(resumed.id):
        agent = standing.agent
        if agent.life is Life.SUSPENDED and agent.suspended_with == resumed.id:
            tx.save_agent(agent.wanting(Desired.RUNNING))
            names.append(agent.name)
    return names
