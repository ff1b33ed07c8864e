"""One look at everything: what is, against what is wanted. Decides, marks deaths, and says what to do.

Reading writes nothing; a healthy pass is one query and one tmux call a server.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from genie.domain.agent import ENDED, SILENT, Desired, End, Life, Reason, Why, read_end
from genie.domain.errors import GenieError, MissingProgram, TerminalAway
from genie.domain.events import Kind, event
from genie.domain.result import Need
from genie.domain.resume import Never, Resume, decide
from genie.domain.session import (
    Look,
    PaneSeen,
    Run,
    Server,
    ServerIdentity,
    Sight,
    Snapshot,
    Standing,
    look,
)
from genie.domain.settle import (
    Bring,
    CarryOn,
    Clear,
    Declare,
    Expire,
    Facts,
    Forsake,
    GiveUp,
    Hold,
    Learn,
    Note,
    Rest,
    Start,
    Step,
    TimeOut,
    next_step,
    unwanted,
)
from genie.services.begin import begin, carry_on
from genie.services.capture import capture, unnamed
from genie.services.claim import claim
from genie.services.clear import after_run, has_supplies
from genie.services.conclude import Ending, conclude, ending, verdict
from genie.services.dress import show_state
from genie.services.expire import expire
from genie.services.family import end_family, held
from genie.services.fell import fell
from genie.services.leave import pane_goes
from genie.services.orphans import strangers_in
from genie.services.want import want
from genie.services.world import World

GIVEN_UP = {Never.EXHAUSTED: "exhausted", Never.UNRESUMABLE: "unresumable", Never.EXIT: "exit"}


@dataclass(frozen=True, slots=True)
class Errand:
    """Work that takes a while and is done apart from the pass, in the agent's flight."""

    agent: UUID
    name: str
    step: Step
    work: Callable[[], object]


@dataclass(slots=True)
class Pass:
    """What a pass has found: errands, agents to look at again soon, when a wait ends, and errors by agent. `ending`
    are those that are wanted to end, `left` those whose run is over, to be left; `look_at_all` asks for another
    pass at once; `quotas` says that an agent has a memory quota; `titles` are those of the panes, by their runs."""

    away_since: datetime | None = None
    errands: list[Errand] = field(default_factory=list)
    look_again: set[UUID] = field(default_factory=set)
    wake_at: datetime | None = None
    errors: dict[str, GenieError] = field(default_factory=dict)
    live: list[Run] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    strangers: list[tuple[ServerIdentity, PaneSeen, UUID]] = field(default_factory=list)
    ending: frozenset[UUID] = frozenset()
    left: list[Standing] = field(default_factory=list)
    look_at_all: bool = False
    quotas: bool = False
    titles: dict[UUID, str] = field(default_factory=dict)

    def wait_until(self, until: datetime | None) -> None:
        if until and (self.wake_at is None or until < self.wake_at):
            self.wake_at = until


class View:
    """The tmux servers as they are seen in one pass; each is asked once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._snapshots: dict[str, Snapshot | None] = {}
        self._servers: dict[ServerIdentity, Server] = {}

    def snapshot(self, socket: str) -> Snapshot | None:
        if socket not in self._snapshots:
            try:
                self._snapshots[socket] = self._world.terminal.panes(socket)
            except TerminalAway:
                self._snapshots[socket] = None
        return self._snapshots[socket]

    def away(self) -> list[str]:
        return [socket for socket, snapshot in self._snapshots.items() if snapshot is None]

    def snapshots(self) -> list[Snapshot]:
        return [snapshot for snapshot in self._snapshots.values() if snapshot]

    def titles(self) -> dict[UUID, str]:
        panes = (seen for snapshot in self.snapshots() for seen in snapshot.panes)
        return {seen.command_run: seen.title for seen in panes if seen.command_run and seen.title and not seen.dead}

    def server(self, server: ServerIdentity) -> Server:
        if server not in self._servers:
            self._servers[server] = self._judge(server)
        return self._servers[server]

    def look(self, run: Run) -> Look | None:
        if run.pane is None:
            return None
        return look(run.pane, self.snapshot(run.pane.server.socket), self.server(run.pane.server))

    def _judge(self, server: ServerIdentity) -> Server:
        snapshot = self.snapshot(server.socket)
        if snapshot and snapshot.server == server:
            return Server.SAME
        return Server.OTHER if self._world.processes.alive(server.pid, server.started) else Server.GONE


def reconcile(
    world: World,
    *,
    only: Collection[UUID] | None = None,
    skip: Collection[UUID] = (),
    away_since: datetime | None = None,
) -> Pass:
    """Look at every agent of this host, or at those named by `only`, but not at those in `skip`, whose second
    look is not due yet. Raises RegistryAway.

    `away_since` is the last time anybody looked, when that is longer ago than a beat: what died meanwhile
    is taken to have died then, so that an absence counts for nobody's stability. An error over one agent
    is kept in the pass and never stops it over the others.
    """
    now = world.clock.now()
    done, view = Pass(away_since=away_since), View(world)
    standings = world.registry.beat(world.host, at=now)
    room = world.rules.max_running - sum(1 for s in standings if s.run and s.run.ended_at is None)
    done.ending = frozenset(s.agent.id for s in standings if unwanted(s.agent) and not _held(world, s, now))
    done.quotas = any(standing.agent.limits.memory is not None for standing in standings)
    for standing in standings:
        if standing.agent.id in skip or (only is not None and standing.agent.id not in only):
            continue
        if world.flights.busy(standing.agent.id) or _held(world, standing, now):
            continue
        try:
            room -= _settle(world, standing, view, done, room=room > 0)
        except GenieError as error:
            done.errors[standing.agent.name] = error
    done.away = view.away()
    done.titles = view.titles()
    if only is None:
        done.strangers = strangers_in(standings, view.snapshots())
    return done


def _held(world: World, standing: Standing, now: datetime) -> bool:
    return world.flights.held(standing.agent.id, now=now)


def facts(world: World, standing: Standing, view: View, *, room: bool, ending: Collection[UUID] = frozenset()) -> Facts:
    """What `next_step` needs to know about an agent beyond its row. `ending` are agents that are wanted to end."""
    agent, session, run = standing.agent, standing.session, standing.run
    seen = view.look(run) if run and agent.life is Life.RUNNING else None
    resumable, blocked = session is not None, None
    if agent.life is Life.DEAD and session and _due(standing, world.clock.now()):
        try:
            environment = world.launches.environment(session.id)
            provider = world.providers.get(session.provider)
            resumable = not provider.conversational or provider.can_resume(session, env=environment)
        except MissingProgram as error:
            resumable, blocked = True, error.message
        if view.snapshot(agent.placement.socket) is None:
            blocked = "tmux unreachable"
    return Facts(
        look=seen,
        resumable=resumable,
        room=room,
        dead_cycles=world.rules.dead_cycles,
        blocked=blocked,
        unnamed=seen is not None and not seen.gone and unnamed(world, standing),
        from_above=agent.parent in ending,
    )


def _due(standing: Standing, now: datetime) -> bool:
    """Whether a resume would be tried now, if the provider can: only then is it asked."""
    past = standing.past(resumable=True, now=now)
    return isinstance(decide(past, standing.agent.policy, now=now), Resume)


def _settle(world: World, standing: Standing, view: View, done: Pass, *, room: bool) -> int:
    """Take the next steps of one agent; returns how many places it takes."""
    now = world.clock.now()
    if standing.agent.desired is Desired.RUNNING and standing.agent.life not in SILENT:
        done.wait_until(standing.agent.expires_at)
        done.wait_until(standing.timeout_at)
    step = next_step(standing, facts(world, standing, view, room=room, ending=done.ending), now=now)
    match step:
        case Rest() | Clear():
            _alive(world, standing, done)
        case Learn():
            _alive(world, standing, done)
            done.errands.append(_errand(world, standing, step))
        case Hold(until=until):
            done.wait_until(until)
        case Note():
            _note(world, standing, step, done)
        case Declare(seen):
            ended = _declare(world, standing, seen, done, at=done.away_since or now)
            return _settle(world, ended, view, done, room=room)
        case Expire():
            return _settle(world, expire(world, standing), view, done, room=room)
        case GiveUp() | Forsake() | TimeOut():
            _let_down(world, standing, step, done)
        case _:
            done.errands.append(_errand(world, standing, step))
            return int(isinstance(step, Start | Bring))
    return 0


def _alive(world: World, standing: Standing, done: Pass) -> None:
    run = standing.run
    if run is None or standing.agent.life is not Life.RUNNING:
        return
    done.live.append(run)
    if run.missed:
        _count_missed(world, standing, 0)


def _note(world: World, standing: Standing, step: Note, done: Pass) -> None:
    """First look that missed it: have tmux reap its child, so that the second look sees the status."""
    run = _count_missed(world, standing, step.missed)
    if run and run.pane and step.look.sight is Sight.DEAD and step.look.end == End():
        world.terminal.nudge(run.pane.server)
    done.look_again.add(standing.agent.id)


def _count_missed(world: World, standing: Standing, missed: int) -> Run | None:
    """Write how many looks in a row have missed the run; None where somebody has changed the agent since:
    the run that was seen may have been ended meanwhile, and must not be written back."""
    with world.registry.begin() as tx:
        current = tx.standing_of(standing.agent.id)
        if current is None or current.run is None or current.agent.version != standing.agent.version:
            return None
        run = replace(current.run, missed=missed)
        tx.save_run(run)
    return run


def _declare(world: World, standing: Standing, seen: Look, done: Pass, *, at: datetime) -> Standing:
    """The run has ended: write how, and what that makes of the agent."""
    now = world.clock.now()
    said = ending(world, standing) if seen.end.left_by_itself or _may_overspend(standing) else Ending()
    with world.registry.begin() as tx:
        tx.lock_name(standing.agent.name)
        current = held(tx, standing.agent.id)
        if current is None or current.run is None or current.agent.version != standing.agent.version:
            return current or standing
        run = current.run.ended(seen.end, at=max(at, current.run.live_at or at))
        life, reason = read_end(current.agent, seen.end)
        life, why = verdict(current.session, life, said)
        reason = why or reason
        saved = tx.save_agent(current.agent.to(life, now=now, reason=reason))
        tx.save_run(run)
        if seen.sight is Sight.FOREIGN and run.pane:
            tx.record(event(Kind.PANE_FOREIGN, saved, run, at=now, pane=run.pane.pane))
        kind = {Life.DONE: Kind.DONE, Life.DEAD: Kind.DIED, Life.FAILED: Kind.FAILED}.get(life, Kind.STOPPED)
        failed = reason if life is Life.FAILED else None
        tx.record(event(kind, saved, run, at=now, sight=seen.sight.value, end=str(seen.end), reason=failed))
        if life in ENDED:
            conclude(tx, Standing(saved, current.session, run), said, now=now)
            end_family(tx, saved, Desired.STOPPED, now=now)
            done.look_at_all = True
    world.fault("reconcile.declared")
    ended = Standing(saved, current.session, run)
    if seen.sight is Sight.DEAD and not pane_goes(ended):
        show_state(world, saved, run)
    done.left.append(ended)
    _clear_up(world, ended, done)
    return ended


def _may_overspend(standing: Standing) -> bool:
    """Whether its end can mean more than its exit code: that it has spent its budget, and is not to be brought back."""
    return standing.session is not None and standing.session.attend is not None and standing.session.attend.lasting


def _clear_up(world: World, ended: Standing, done: Pass) -> None:
    """Have what the session was supplied with cleared away. git and container engines take their time."""
    if ended.agent.life in ENDED and has_supplies(world, ended):
        agent = ended.agent
        done.errands.append(Errand(agent.id, agent.name, Rest("its run is over"), lambda: after_run(world, ended)))


def _let_down(world: World, standing: Standing, step: GiveUp | Forsake | TimeOut, done: Pass) -> None:
    """It has failed, or is about to."""
    match step:
        case GiveUp(why):
            _give_up(world, standing, why, done)
        case Forsake(need):
            _forsake(world, standing, need, done)
        case _:
            want(world, standing, Desired.STOPPED, Kind.STOP_REQUESTED, ending=Reason.TIMEOUT)
            done.look_at_all = True


def _give_up(world: World, standing: Standing, why: Never, done: Pass) -> None:
    now, said = world.clock.now(), ending(world, standing)
    with world.registry.begin() as tx:
        current = held(tx, standing.agent.id)
        if current is None or current.agent.version != standing.agent.version:
            done.look_at_all = True  # what it has said last can change what becomes of it
            return
        reason = Reason.QUOTA.value if said.outcome.overspent else GIVEN_UP[why]
        saved = tx.save_agent(current.agent.to(Life.FAILED, now=now, reason=reason))
        kind = Kind.EXHAUSTED if why is Never.EXHAUSTED else Kind.FAILED
        tx.record(event(kind, saved, current.run, at=now, reason=saved.reason, attempts=saved.attempts))
        conclude(tx, Standing(saved, current.session, current.run), said, now=now)
        end_family(tx, saved, Desired.STOPPED, now=now)
        done.look_at_all = True
    show_state(world, saved, current.run)
    done.left.append(Standing(saved, current.session, current.run))
    _clear_up(world, Standing(saved, current.session, current.run), done)


def _forsake(world: World, standing: Standing, need: Need, done: Pass) -> None:
    """What it waits for has failed, and so has it."""
    now = world.clock.now()
    with world.registry.begin() as tx:
        current = held(tx, standing.agent.id)
        if current is None or current.agent.version != standing.agent.version:
            return
        reason = f"{Reason.DEPENDENCY.value}: {need.name} ({need.source.hex[:8]})"
        saved = tx.save_agent(current.agent.to(Life.FAILED, now=now, reason=reason))
        tx.record(event(Kind.FAILED, saved, at=now, reason=reason, cause=need.source))
        error = f"'{need.name}' ({need.source}), which it waited for, has failed"
        conclude(tx, Standing(saved, current.session, None), Ending(error=error), now=now)
        end_family(tx, saved, Desired.STOPPED, now=now)
        done.look_at_all = True
    _clear_up(world, Standing(saved, current.session, None), done)


def _errand(world: World, standing: Standing, step: Step) -> Errand:
    def work() -> object:
        match step:
            case Bring(attempt):
                why = Why.AUTO_RESUME if attempt else Why.RESUME
                return claim(world, standing, why=why, attempt=attempt)
            case Start():
                return begin(world, standing)
            case Learn():
                return capture(world, standing)
            case CarryOn():
                return carry_on(world, standing)
            case _:
                return fell(world, standing)

    return Errand(standing.agent.id, standing.agent.name, step, work)
