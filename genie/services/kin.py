"""Whose child a spawn makes: found out by its token, or by the kernel's word on who asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from genie.domain.agent import IN_PANE, Agent, Desired
from genie.domain.errors import NotFound, Refused, Stale
from genie.domain.session import PaneIdentity, Standing
from genie.ports import Tx
from genie.services.order import Caller, Order
from genie.services.world import World

TOKEN = "GENIE_AGENT_TOKEN"  # noqa: S105  the name of the variable
UNSET = f"unset {TOKEN} where you are in no agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kin:
    """The line of a new agent: its parent first, its root last; empty for a root, whose depth is 0. `pid` is the
    process of the parent's pane."""

    line: tuple[Agent, ...] = ()
    pid: int | None = None

    @property
    def parent(self) -> Agent | None:
        return self.line[0] if self.line else None

    @property
    def root(self) -> Agent | None:
        return self.line[-1] if self.line else None

    @property
    def depth(self) -> int:
        return self.line[0].depth + 1 if self.line else 0


# ---- who asks -------------------------------------------------------------------------------


def parent_of(world: World, order: Order) -> UUID | None:
    """The agent that spawns; None for a caller that is in no run.

    Raises Refused for a token that is forged, of an ended run or of another genie, for a parent that is not the
    caller's to name or not alive, and NotFound for an unknown one.
    """
    own = caller_of(world, order.caller)
    if order.parent_pid is not None:
        return _by_pid(world, order, order.parent_pid, own)
    if order.parent is None:
        return own.id if own else None
    if own is not None and own.name != order.parent:
        raise Refused(
            f"you are in '{own.name}', and cannot spawn for '{order.parent}'",
            hint="leave out --parent: it is for people",
        )
    return _named(world, order.parent).id


def caller_of(world: World, caller: Caller) -> Agent | None:
    """The agent in whose run a caller is: by its token, else by the kernel's word; None for one that is in no run.

    Raises Refused for a token that is forged, of an ended run or of another genie.
    """
    return _by_token(world, caller) or _by_kernel(world, caller)


def _by_token(world: World, caller: Caller) -> Agent | None:
    token = caller.env.get(TOKEN)
    if not token:
        return None
    found = world.registry.bearer(world.secrets.digest(token))
    if found is None:
        raise Refused(f"{TOKEN} is not a token of this genie", hint=UNSET, token="unknown")  # noqa: S106
    standing, run = found
    if run.ended_at is not None or standing.agent.run != run.id:
        name = standing.agent.name
        raise Refused(f"{TOKEN} is that of an ended run of '{name}'", hint=UNSET, token="expired")  # noqa: S106
    return standing.agent


def _by_kernel(world: World, caller: Caller) -> Agent | None:
    """The agent in whose run the caller is, though it shows no token: by the nearest ancestor that is a pane's
    process, by its session, by the run id in an environment."""
    if not caller.pid:
        return None
    panes = world.registry.live_panes(world.host)
    if not panes:
        return None
    lineage = world.processes.lineage(caller.pid)
    run = _run_around(world, panes, (*lineage.pids, lineage.session))
    return _in_run(world, run or next((run for run in lineage.runs if run in panes), None))


def _run_around(world: World, panes: Mapping[UUID, PaneIdentity], pids: Iterable[int]) -> UUID | None:
    """The run whose pane's process is the first of these that is one."""
    by_pid = {pane.pid: pane for pane in panes.values()}
    inside = (by_pid[pid] for pid in pids if pid in by_pid)
    return next((pane.run for pane in inside if world.processes.alive(pane.pid, pane.started)), None)


def _in_run(world: World, run: UUID | None) -> Agent | None:
    owner = world.registry.owners([run]).get(run) if run else None
    return owner.agent if owner and run and _is_in(owner, run) else None


def _is_in(owner: Standing, run: UUID) -> bool:
    return owner.run is not None and owner.run.id == run and owner.run.ended_at is None


def _by_pid(world: World, order: Order, pid: int, own: Agent | None) -> UUID:
    above = (order.caller.pid, *world.processes.ancestors(order.caller.pid)) if order.caller.pid else ()
    if pid not in above:
        raise Refused(f"pid {pid} is no ancestor of the caller", hint="give --parent NAME, or leave it out")
    panes = world.registry.live_panes(world.host)
    found = _in_run(world, _run_around(world, panes, above[above.index(pid) :]))
    if found is None:
        raise Refused(f"pid {pid} belongs to no running agent", hint="give --parent NAME, or leave it out")
    if own is not None and own.id != found.id:
        raise Refused(f"you are in '{own.name}', and pid {pid} belongs to '{found.name}'", hint="leave it out")
    return found.id


def _named(world: World, name: str) -> Agent:
    found = world.registry.find(name)
    if found is None:
        raise NotFound(f"unknown parent '{name}'", hint="genie ls")
    return found.agent


# ---- its line, within the transaction -------------------------------------------------------


def kin_of(tx: Tx, parent: UUID | None, *, row: Agent | None = None) -> Kin:
    """The line above a new agent, with its tree held until the end of the transaction; the tree that `row` is in
    is held, too.

    Raises Refused for a parent that does not run or is being ended, Stale when it changed trees just now.
    """
    line = tx.line(parent) if parent else []
    roots = {agent.root for agent in (line[-1:] + ([row] if row else []))}
    for root in sorted(roots, key=str):
        tx.lock_tree(root)
    if parent is None:
        return Kin()
    again = tx.line(parent)
    if not again or again[-1].id != line[-1].id:
        raise Stale("the parent was moved to another tree just now", hint="try again")
    _check_parent(again[0])
    standing = tx.standing_of(parent)
    pane = standing.run.pane if standing and standing.run else None
    return Kin(line=tuple(again), pid=pane.pid if pane else None)


def _check_parent(parent: Agent) -> None:
    if parent.life not in IN_PANE:
        raise Refused(f"parent '{parent.name}' is {parent.life.value}", hint="a parent must be running")
    if parent.desired is not Desired.RUNNING:
        raise Refused(f"parent '{parent.name}' is being ended", hint="spawn it without a parent")
