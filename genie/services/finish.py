"""Carry out that an agent is wanted stopped or gone: end its tree, close its pane, say so."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from genie.domain.agent import ENDED, IN_PANE, Agent, Desired, End, Life, stopped
from genie.domain.errors import Foreign, Stale, Survivors, TerminalAway
from genie.domain.events import Event, Kind, event
from genie.domain.session import PaneIdentity, Run, Standing
from genie.domain.team import tmux_name
from genie.ports import Tx, Wanted
from genie.services.anew import anew
from genie.services.clear import after_run, end_container
from genie.services.conclude import Ending, conclude, ending
from genie.services.leave import leave
from genie.services.world import World

RETRY_AFTER_SURVIVORS = timedelta(seconds=30)
TO_THE_LAST = timedelta(seconds=1)


def finish(world: World, standing: Standing) -> Standing:
    """Bring an agent to what is wanted of it, `stopped` or `gone`. The caller has its flight.

    Raises Survivors when processes outlive SIGKILL (the agent then stays as it is and is tried again),
    TerminalAway when tmux does not answer: nothing has been changed then; Stale when somebody has brought it
    back since.
    """
    end = _end_of(world, standing)
    _end_processes(world, standing)
    end_container(world, standing)
    said = ending(world, standing) if _for_good(standing.agent) else Ending()
    world.fault("finish.ended")
    _close_pane(world, standing)
    world.fault("finish.closed")
    settled = anew(lambda: _settle(world, standing, end, said))
    leave(world, settled)
    after_run(world, settled)
    if settled.agent.life is Life.TERMINATED and settled.agent.team_tier is None:
        _close_home_of_one(world, settled.agent)
    return settled


def _for_good(agent: Agent) -> bool:
    """Whether its session ends with it; one that is stopped goes on some day."""
    return agent.desired is Desired.GONE or agent.ending is not None


def _end_processes(world: World, standing: Standing) -> None:
    run = standing.run
    if run is None:
        return
    world.launches.withdraw(run.id)
    pane = run.pane or _pane_of_start(world, standing)
    if standing.agent.desired is Desired.STOPPED and pane:
        _ask_politely(world, pane)
    try:
        world.processes.end_tree(
            run=run.id,
            pid=pane.pid if pane else None,
            started=pane.started if pane else None,
            grace=_grace(world, standing.agent),
        )
    except Survivors as error:
        _tell_survivors(world, standing, error)
        raise


def _grace(world: World, agent: Agent) -> timedelta:
    """Time between SIGTERM and SIGKILL for what is left: none for a kill, a moment for an end that came by itself."""
    if agent.desired is Desired.STOPPED:
        return TO_THE_LAST
    over = agent.expires_at is not None and agent.expires_at <= world.clock.now()
    return world.rules.ttl_grace if over else timedelta(0)


def _ask_politely(world: World, pane: PaneIdentity) -> None:
    """SIGTERM, and time to leave. Nothing is typed: Enter in an open permission dialog would approve it."""
    world.processes.terminate(pane.pid, pane.started)
    world.processes.gone(pane.pid, pane.started, within=world.rules.stop_grace)


def _pane_of_start(world: World, standing: Standing) -> PaneIdentity | None:
    """The pane of a run whose start was interrupted before the registry knew it."""
    run = standing.run
    if run is None or standing.agent.life not in IN_PANE:
        return None
    snapshot = world.terminal.panes(standing.agent.placement.socket)
    seen = snapshot.of_run(run.id)
    if seen is None or snapshot.server is None:
        return None
    # The pid of a dead pane may be another process's by now.
    started = None if seen.dead else world.processes.started(seen.pid)
    return PaneIdentity(snapshot.server, seen.pane, seen.pid, started or "ended", run.id)


def _end_of(world: World, standing: Standing) -> End:
    """How the run's process had ended before anybody touched it, where tmux knows."""
    run = standing.run
    if run is None or run.pane is None:
        return End()
    snapshot = world.terminal.panes(run.pane.server.socket)
    seen = snapshot.pane(run.pane.pane)
    if snapshot.server == run.pane.server and seen and seen.dead and seen.is_of(run.id):
        return End(seen.exit_code, seen.signal)
    return End()


def _close_pane(world: World, standing: Standing) -> None:
    """Close the last pane that the agent was in, if it is still the agent's."""
    own = standing.run.pane if standing.run else None
    pane = own or _pane_of_start(world, standing) or _former_pane(world, standing.agent)
    if pane:
        with suppress(Foreign):
            world.terminal.close(pane)


def _former_pane(world: World, agent: Agent) -> PaneIdentity | None:
    return next((run.pane for run in world.registry.runs(agent.id) if run.pane), None)


def _close_home_of_one(world: World, agent: Agent) -> None:
    """The tmux session of a team of one goes with its one agent, if nothing but the keeper is in it."""
    if world.registry.roster(Wanted(team=agent.team)):
        return
    with suppress(TerminalAway):
        world.terminal.close_session(agent.placement.socket, tmux_name(agent.team))


def _settle(world: World, standing: Standing, end: End, said: Ending) -> Standing:
    now = world.clock.now()
    with world.registry.begin() as tx:
        current = tx.standing_of(standing.agent.id) or standing
        _check_not_overtaken(standing.agent, current.agent)
        run = current.run
        if run and run.ended_at is None:
            run = run.ended(end, at=now)
            tx.save_run(run)
        if current.agent.desired is Desired.GONE:
            saved = _terminated(world, tx, current)
        else:
            life, reason = stopped(current.agent)
            saved = tx.save_agent(current.agent.to(life, now=now, reason=reason))
            tx.record(event(Kind.FAILED if life is Life.FAILED else Kind.STOPPED, saved, run, at=now, reason=reason))
        if saved.life in ENDED:
            conclude(tx, Standing(saved, current.session, run), said, now=now)
        world.fault("finish.before_commit")
    return Standing(saved, current.session, run)


def _check_not_overtaken(seen: Agent, now: Agent) -> None:
    """Raises Stale for an agent that was stopped and brought back since it was seen: its new run is not the one
    that has been ended here."""
    if (seen.desired, seen.run) != (now.desired, now.run):
        raise Stale(f"'{now.name}' was changed by somebody else just now", hint="try again")


def _terminated(world: World, tx: Tx, current: Standing) -> Agent:
    now = world.clock.now()
    saved = tx.save_agent(current.agent.to(Life.TERMINATED, now=now))
    if current.session:
        tx.save_session(replace(current.session, ended_at=now))
    tx.record(event(Kind.TERMINATED, saved, current.run, at=now))
    return saved


def _tell_survivors(world: World, standing: Standing, error: Survivors) -> None:
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.record(_survived(standing.agent, standing.run, error, world))
    world.flights.hold(standing.agent.id, until=now + RETRY_AFTER_SURVIVORS)


def _survived(agent: Agent, run: Run | None, error: Survivors, world: World) -> Event:
    return event(Kind.SURVIVORS, agent, run, at=world.clock.now(), error=error.message, **error.details)
