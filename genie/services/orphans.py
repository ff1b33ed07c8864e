"""Panes without a live run: those that a crash has left behind are closed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from genie.domain.agent import Agent, Life
from genie.domain.errors import GenieError
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity, Snapshot, Standing
from genie.services.world import World


def strangers_in(
    standings: Sequence[Standing], snapshots: Sequence[Snapshot]
) -> list[tuple[ServerIdentity, PaneSeen, UUID]]:
    """Panes whose command line carries a run that no agent of this pass is in."""
    known = {standing.run.id for standing in standings if standing.run}
    return [
        (snapshot.server, seen, seen.command_run)
        for snapshot in snapshots
        if snapshot.server
        for seen in snapshot.panes
        if seen.command_run and seen.command_run not in known
    ]


def close_orphans(
    world: World, strangers: list[tuple[ServerIdentity, PaneSeen, UUID]], judged: set[UUID]
) -> list[GenieError]:
    """Close panes that a crash has left behind: those of a run of this registry that has ended and whose
    agent has gone on without it. Panes of another genie are not known here and are left alone. Returns what
    went wrong with some of them; they are tried again once they are judged anew."""
    fresh = [run for _, _, run in strangers if run not in judged]
    if not fresh:
        return []
    owners, errors = world.registry.owners(fresh), []
    for server, seen, run in strangers:
        owner = owners.get(run)
        if run in judged or owner is None or not _orphaned(world, owner.agent, run):
            continue
        # The pid of a dead pane may be another process's by now.
        started = (None if seen.dead else world.processes.started(seen.pid)) or "ended"
        try:
            world.processes.end_tree(run=run, pid=seen.pid, started=started, grace=world.rules.stop_grace)
            world.terminal.close(PaneIdentity(server, seen.pane, seen.pid, started, run))
        except GenieError as error:
            errors.append(error)
    judged.update(fresh)
    return errors


def _orphaned(world: World, agent: Agent, run: UUID) -> bool:
    """A dead agent's last pane is its own still, though a resume has failed since: it goes back there."""
    if agent.life is Life.TERMINATED:
        return True
    last = next((past.id for past in world.registry.runs(agent.id) if past.pane), None)
    return run not in (agent.run, last)
