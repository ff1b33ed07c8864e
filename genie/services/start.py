"""Bring a claimed run into a pane and release it: the second half of every spawn and resume.

Each step can be the last one of a daemon: `start` begun anew finds what the former one has made by
the run id on the pane's command line and goes on from there.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.agent import Agent, End, Life, Why
from genie.domain.envelope import with_context
from genie.domain.errors import Failed, Foreign, GenieError, MissingProgram, NotAllowed, TerminalAway, Unreachable
from genie.domain.events import Kind, event
from genie.domain.resume_note import GO_ON, is_note
from genie.domain.session import Attend, PaneIdentity, PaneSeen, Run, ServerIdentity, Session, Standing
from genie.services.anew import anew
from genie.services.clear import after_run
from genie.services.conclude import Ending, conclude, results_of
from genie.services.dress import face
from genie.services.leave import tell_started
from genie.services.native import enlist
from genie.services.world import World

RETRY_AFTER_FAULT = timedelta(seconds=5)
SAY = '{"genie": "say"'
"""How a line of a session's input begins that is one message."""
RUNNER_GAVE_UP = 75
"""Exit code of a runner whose launch file has not come: nothing was started."""


def start(world: World, standing: Standing, *, interrupted: bool = False) -> Standing:
    """Make the run of a `spawning` or `resuming` agent live; returns it running.

    The caller has the agent's flight. `interrupted` says that another daemon may have begun: its pane is
    looked for first. Raises what went wrong, after the registry says so: a spawn is then
    `failed(start_failed)`; a resume goes back to `dead`, and is not counted where the fault was ours.
    """
    agent, session, run = _parts(standing)
    pane = None
    try:
        begun = _begun(world, agent, run) if interrupted else None
        pane = begun or _back_in_place(world, agent, session, run) or _new_pane(world, agent, session, run)
        world.fault("start.created")
        world.terminal.dress(pane, face(replace(agent, life=Life.RUNNING)))
        world.fault("start.dressed")
        if begun is None or world.processes.waits_for_launch(pane.pid, run.id):
            _record(world, session, pane)
            world.processes.enclose(run.id, pane.pid, memory=agent.limits.memory)
            if begun:  # its runner has read nothing of what it may have been given
                world.launches.untold(run.id)
            _release(world, standing, pane, interrupted=interrupted)
        world.fault("start.released")
    except GenieError as error:
        if interrupted and isinstance(error, Unreachable):
            # Its process may live in a pane that cannot be seen now: nothing changes until it can.
            world.flights.hold(agent.id, until=world.clock.now() + RETRY_AFTER_FAULT)
            raise
        _undo(world, agent, run, pane, error)
        raise
    return _live(world, agent, run, pane)


def _parts(standing: Standing) -> tuple[Agent, Session, Run]:
    if standing.session is None or standing.run is None:
        raise Failed(f"'{standing.agent.name}' has no run to start")
    return standing.agent, standing.session, standing.run


# ---- the pane -------------------------------------------------------------------------------


def _begun(world: World, agent: Agent, run: Run) -> PaneIdentity | None:
    """The pane that an interrupted start has made for this run; one whose runner has given up is closed.

    One whose process has ended in another way had been released: it ran, and must not run a second time.
    """
    snapshot = world.terminal.panes(agent.placement.socket)
    seen = snapshot.of_run(run.id)
    if seen and seen.dead and snapshot.server and (seen.exit_code, seen.signal) == (None, None):
        world.terminal.nudge(snapshot.server)
        snapshot = world.terminal.panes(agent.placement.socket)
        seen = snapshot.of_run(run.id)
    if seen is None or snapshot.server is None:
        return None
    if not seen.dead:
        return _identity(world, snapshot.server, seen, run.id)
    ended = PaneIdentity(snapshot.server, seen.pane, seen.pid, "ended", run.id)
    if seen.exit_code != RUNNER_GAVE_UP:
        return ended
    world.launches.untold(run.id)
    _close(world, ended)
    return None


def _back_in_place(world: World, agent: Agent, session: Session, run: Run) -> PaneIdentity | None:
    """The agent's last pane with the new run in it; None when it never had one, or has it no more."""
    if agent.version == 1:  # made just now: it never had a pane
        return None
    former = next((past.pane for past in world.registry.runs(agent.id) if past.pane), None)
    if former is None:
        return None
    try:
        seen = world.terminal.respawn(former, run=run.id, cwd=session.launch.cwd)
    except Foreign:
        return None
    return _identity(world, former.server, seen, run.id)


def _new_pane(world: World, agent: Agent, session: Session, run: Run) -> PaneIdentity:
    server, seen = world.terminal.create(agent.placement, team=agent.team, run=run.id, cwd=session.launch.cwd)
    return _identity(world, server, seen, run.id)


def _identity(world: World, server: ServerIdentity, seen: PaneSeen, run: UUID) -> PaneIdentity:
    started = world.processes.started(seen.pid)
    if started is None:
        raise Failed(f"the process of pane {seen.pane} ended before it was started", hint="genie doctor")
    return PaneIdentity(server, seen.pane, seen.pid, started, run)


def _record(world: World, session: Session, pane: PaneIdentity) -> None:
    """Keep what a plain command writes. A conversation has its transcript."""
    with suppress(GenieError):  # a command without a log is better than none
        if session.attend is None and not world.providers.get(session.provider).conversational:
            world.terminal.record(pane, world.run_logs.begin(pane.run))


# ---- the runner -----------------------------------------------------------------------------


def _release(world: World, standing: Standing, pane: PaneIdentity, *, interrupted: bool) -> None:
    _, session, run = _parts(standing)
    environment = world.launches.environment(session.id)
    argv = _argv(world, session, run, environment, interrupted=interrupted)
    argv, joined = enlist(world, standing, pane, argv, environment)
    world.launches.release(
        run.id,
        argv=argv,
        env=environment | joined | _of_run(world, standing.agent, run),
        cwd=session.launch.cwd,
        attend=_attend(world, session, run, session.attend) if session.attend else None,
    )
    world.launches.told(run.id)


def _of_run(world: World, agent: Agent, run: Run) -> dict[str, str]:
    """What is another with each run; its team may have got another name since the session was made."""
    return {"GENIE_RUN_ID": str(run.id), "GENIE_AGENT_TOKEN": _token(world, run), "GENIE_TEAM": agent.team}


def _attend(world: World, session: Session, run: Run, attend: Attend) -> dict[str, object]:
    """What the attendant is to do. What the session reads first lies in a file: with the results before it of those
    that it waited for, where it is told them."""
    first = world.launches.prompt(session.id)
    path = None if first is None else world.launches.prompt_path(session.id)
    if _goes_on(world, session, run):
        path = _told_again(world, run, attend)
    elif attend.inject:
        results = results_of(world, [need.source for need in world.registry.needs(session.id)])
        path = world.launches.keep_prompt(run.id, with_context(first or "", results))
    fifo = world.recordings.fifo(session.id) if attend.keep_open else None
    if fifo:
        world.inputs.make(fifo)
    return {
        "form": attend.screen,
        "log": world.recordings.path(session.id),
        "stdin": path,
        "keep_open": attend.keep_open,
        "fifo": fifo,
    }


def _told_again(world: World, run: Run, attend: Attend) -> str | None:
    """The file of what it reads first when it goes on; None for one that waits for what it is fed."""
    told = world.launches.prompt(run.id)
    if told is None and attend.keep_open:
        return None
    if attend.keep_open and told and not told.startswith(SAY):  # what it is fed is lines, and this is one message
        told = json.dumps({"genie": "say", "text": told})
    return world.launches.keep_prompt(run.id, told or GO_ON)


def _token(world: World, run: Run) -> str:
    """The run's token, kept until it is live. A start that another daemon has begun goes on with the token that it was
    released with; where it had come to no release, with a new one."""
    token = world.launches.token(run.id) or world.tokens.pop(run.id, None) or _new_token(world, run)
    world.launches.keep_token(run.id, token)
    return token


def _new_token(world: World, run: Run) -> str:
    token = world.secrets.token()
    with world.registry.begin() as tx:
        current = tx.standing_of(run.agent)
        if current is None or current.run is None or current.run.id != run.id:
            raise NotAllowed("the agent was changed while it was started")
        tx.save_run(replace(current.run, token=world.secrets.digest(token)))
    return token


def _argv(
    world: World, session: Session, run: Run, environment: dict[str, str], *, interrupted: bool
) -> tuple[str, ...]:
    """The spawn's own, or the provider's for going on. An interrupted spawn may have spoken already: its provider
    knows."""
    if run.why is Why.SPAWN and (session.attend or not interrupted):
        return session.launch.argv
    provider = world.providers.get(session.provider)
    if session.attend:
        return provider.resume(session.launch, session=session, env=environment)
    argv = provider.resume(session.launch, session=session, env=environment)
    told = world.launches.prompt(run.id)
    if told is None or (is_note(told) and _begins_anew(session, argv)):
        return argv
    if len(told.encode()) > provider.prompt_limit:
        told = (
            f"Your task is in the file {world.launches.prompt_path(run.id)}. Read all of it first and do what it says."
        )
    return provider.tell(argv, told)


def _begins_anew(session: Session, argv: tuple[str, ...]) -> bool:
    """Whether its provider had nothing to go on with, and is given the first prompt: there is no turn to go on with."""
    launch = session.launch
    return launch.prompt is not None and launch.argv[launch.prompt] in argv[1:]


def _goes_on(world: World, session: Session, run: Run) -> bool:
    """Whether its provider goes on with the conversation; a plain command is given again what it was given first."""
    if run.why is Why.SPAWN or not world.providers.get(session.provider).conversational:
        return False
    environment = world.launches.environment(session.id)
    return _argv(world, session, run, environment, interrupted=False) != session.launch.argv


# ---- what the registry says afterwards ------------------------------------------------------


def _live(world: World, agent: Agent, run: Run, pane: PaneIdentity) -> Standing:
    """Transaction 2: running, with the pane's identity."""
    standing, live = anew(lambda: _now_live(world, agent, run, pane))
    world.fault("start.committed")
    world.launches.forget_token(run.id)
    world.watch(live)
    tell_started(world, standing)
    return standing


def _now_live(world: World, agent: Agent, run: Run, pane: PaneIdentity) -> tuple[Standing, Run]:
    now = world.clock.now()
    with world.registry.begin() as tx:
        current = tx.standing_of(agent.id)
        if current is None or current.run is None or current.session is None or current.run.id != run.id:
            raise NotAllowed(f"'{agent.name}' was changed while it was started", hint=f"genie show {agent.name}")
        live = replace(current.run, pane=pane, live_at=now)
        session = replace(current.session, prompted=True)
        saved = tx.save_agent(current.agent.to(Life.RUNNING, now=now))
        tx.save_run(live)
        tx.save_session(session)
        kind = Kind.RUNNING if run.why is Why.SPAWN else Kind.RESUMED
        tx.record(event(kind, saved, run, at=now, pane=pane.pane, pid=pane.pid, why=run.why.value))
        if run.why is not Why.SPAWN:
            tx.close_attempt(run.id, "running")
        world.fault("start.before_commit")
    return Standing(saved, session, live), live


def _undo(world: World, agent: Agent, run: Run, pane: PaneIdentity | None, error: GenieError) -> None:
    """End what a failed start has made and say in the registry that it failed."""
    world.launches.withdraw(run.id)
    world.tokens.pop(run.id, None)
    if pane:
        world.processes.end_tree(run=run.id, pid=pane.pid, started=pane.started, grace=timedelta(0))
    if pane and run.why is Why.SPAWN:
        _close(world, pane)
    failed = anew(lambda: _now_failed(world, agent, run, pane, error))
    if failed is None:
        return
    world.flights.hold(agent.id, until=world.clock.now() + RETRY_AFTER_FAULT)
    after_run(world, failed)


def _now_failed(world: World, agent: Agent, run: Run, pane: PaneIdentity | None, error: GenieError) -> Standing | None:
    """What its agent is then; None where another run is its present one."""
    now = world.clock.now()
    with world.registry.begin() as tx:
        current = tx.standing_of(agent.id)
        if current is None or current.run is None or current.run.id != run.id:
            return None
        tx.save_run(replace(current.run.ended(End(), at=now), pane=pane))
        failed = _after_failure(current.agent, run, ours=isinstance(error, Unreachable | MissingProgram), now=now)
        tx.save_agent(failed)
        if failed.life is Life.FAILED and current.session:
            conclude(tx, Standing(failed, current.session, current.run), Ending(error=error.message), now=now)
        kind = Kind.FAILED if failed.life is Life.FAILED else Kind.RESUME_FAILED
        tx.record(event(kind, failed, run, at=now, reason=failed.reason, error=error.message))
        if run.why is not Why.SPAWN:
            tx.close_attempt(run.id, f"failed: {error.message}")
    return Standing(failed, current.session, current.run)


def _close(world: World, pane: PaneIdentity) -> None:
    with suppress(Foreign, TerminalAway):
        world.terminal.close(pane)


def _after_failure(agent: Agent, run: Run, *, ours: bool, now: datetime) -> Agent:
    if run.why is Why.SPAWN:
        return agent.to(Life.FAILED, now=now, reason="start_failed")
    spent = agent.attempts - 1 if ours and run.why is Why.AUTO_RESUME else agent.attempts
    return replace(agent.to(Life.DEAD, now=now, reason="start_failed"), attempts=max(spent, 0))
