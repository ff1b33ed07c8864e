"""`genie spawn`: one verb, gated by what the name already is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.agent import (
    LIVE,
    Activity,
    Agent,
    Create,
    Desired,
    Life,
    Parallel,
    Resume,
    SpawnDecision,
    Why,
    parallel_name,
)
from genie.domain.errors import Conflict, Stale, TimedOut
from genie.domain.events import Event, Kind, event
from genie.domain.result import Bond, Edge
from genie.domain.session import Attend, Launch, Session, Standing
from genie.domain.tape import Tape
from genie.domain.team import Resolution, Team, tmux_name
from genie.domain.words import next_color
from genie.ports import Ask, Tx, Worktree
from genie.services.capture import capture
from genie.services.claim import claim_in, end_leftovers, new_run
from genie.services.compose import (
    Birth,
    ask_of,
    check_order_name,
    environment_of,
    held,
    is_fed,
    launch_of,
)
from genie.services.family import rehang
from genie.services.native import left_out
from genie.services.order import Order, kept
from genie.services.plan import OverLimit, Planned, check_limits, plan
from genie.services.resuming_note import resuming_note
from genie.services.scene import look_around
from genie.services.settling import settle
from genie.services.start import start
from genie.services.supply import Supplying, Unsupplied, boxed, rehearse_supplies
from genie.services.world import World

TRIES = 5
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """The answer: the agent as it is now, and what was decided and why."""

    standing: Standing
    decision: SpawnDecision
    resolution: Resolution
    warnings: tuple[str, ...]
    worktree: Worktree | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A dry run: what a spawn would do now."""

    planned: Planned
    name: str
    launch: Launch
    color: str


def spawn(world: World, order: Order) -> Spawned:
    """Create, resume or parallel, as the table of docs/lifecycle.md says, and start it.

    Raises BadInput, NotFound, Conflict for an order that cannot be carried out (nothing is written then), Refused for
    a caller that may not, LimitReached (one event is written then), Unreachable when registry or tmux is away, and
    what a start raises.
    """
    check_order_name(order)
    with Supplying(world) as supplying:
        return _try(world, order, supplying)


def _try(world: World, order: Order, supplying: Supplying) -> Spawned:
    for _ in range(TRIES):
        boarded: list[UUID] = []
        try:
            return _spawn(world, order, boarded, supplying)
        except Unsupplied as wanting:
            supplying.fetch(wanting.planned)
        except OverLimit as error:
            _tell_refused(world, order, error)
            raise error.reached from None
        except (Stale, _Busy) as error:
            if isinstance(error, _Busy):
                world.flights.wait(error.agent, within=PATIENCE)
        finally:
            for agent in boarded:
                world.flights.land(agent)
    raise Conflict(f"'{order.name}' is being changed by others all the time", hint="try again")


def rehearse(world: World, order: Order) -> Rehearsed:
    """What `spawn` would decide and run now. Writes nothing and starts nothing."""
    check_order_name(order)
    scene = look_around(world, order)
    with world.registry.begin() as tx:
        planned = plan(world, tx, order, scene)
        try:
            check_limits(world, tx, planned)
        except OverLimit as error:
            raise error.reached from None
        session, name, color = _naming(world, tx, planned)
    if isinstance(planned.decision, Resume) and planned.row and planned.row.session:
        agent = planned.row.agent
        return Rehearsed(planned=planned, name=agent.name, launch=planned.row.session.launch, color=agent.color)
    planned = rehearse_supplies(world, planned)
    prompt_file = world.launches.prompt_path(session) if _long(planned) else None
    made = _launch(world, planned, _birth(planned, session, name), prompt_file=prompt_file)
    return Rehearsed(planned=planned, name=name, launch=made.launch, color=color)


class _Busy(TimedOut):
    """Another thread is at work on the agent that has the name."""

    def __init__(self, agent: UUID) -> None:
        super().__init__("busy")
        self.agent = agent


def _tell_refused(world: World, order: Order, error: OverLimit) -> None:
    said = {key: error.reached.details.get(key) for key in ("limit", "max", "now", "of")}
    with world.registry.begin() as tx:
        tx.record(event(Kind.SPAWN_REFUSED, error.parent, at=world.clock.now(), child=order.name, **said))


def _spawn(world: World, order: Order, boarded: list[UUID], supplying: Supplying) -> Spawned:
    scene = look_around(world, order)
    note = _note(world, order)
    with world.flights.name(order.name), world.registry.begin() as tx:
        tx.lock_name(order.name)
        planned = plan(world, tx, order, scene)
        check_limits(world, tx, planned)
        planned = supplying.onto(planned)
        standing = _write(world, tx, planned, boarded, note)
        if order.fire:
            settle(tx, order.fire, standing, at=world.clock.now())
        world.fault("spawn.before_commit")
    world.fault("spawn.committed")
    if standing.agent.life in (Life.SPAWNING, Life.RESUMING):
        if planned.row and planned.row.agent.id == standing.agent.id:
            end_leftovers(world, planned.row)
        standing = start(world, standing)
    return Spawned(
        standing=standing,
        decision=planned.decision,
        resolution=planned.resolution,
        warnings=planned.warnings + left_out(world, standing),
        worktree=planned.supplied.worktree if planned.supplied else None,
    )


# ---- writing: transaction 1 -----------------------------------------------------------------


def _note(world: World, order: Order) -> tuple[Agent, str] | None:
    """What the agent of that name is told where it is brought back without anything new to do, and as it was then."""
    found = world.registry.find(order.name) if order.prompt is None and order.assignment is None else None
    if found is None or found.agent.life in LIVE | {Life.TERMINATED} or world.flights.busy(found.agent.id):
        return None
    note = resuming_note(world, replace(found, session=capture(world, found)))
    return (found.agent, note) if note is not None else None


def _write(world: World, tx: Tx, planned: Planned, boarded: list[UUID], note: tuple[Agent, str] | None) -> Standing:
    if isinstance(planned.decision, Resume) and planned.row:
        _board(world, planned.row.agent.id, boarded)
        told = note[1] if note and note[0].run == planned.row.agent.run else planned.order.prompt
        return _resume(world, tx, planned, planned.row, told=told)
    if isinstance(planned.decision, Create) and planned.decision.anew and planned.row:
        _board(world, planned.row.agent.id, boarded)
    return _create(world, tx, planned, boarded)


def _resume(world: World, tx: Tx, planned: Planned, row: Standing, *, told: str | None) -> Standing:
    ttl = planned.wishes.ttl if planned.order.ttl is not None else None
    claimed = claim_in(world, tx, row, why=Why.RESUME, attempt=0, ttl=ttl)
    if told and claimed.run:
        world.launches.keep_prompt(claimed.run.id, told)
    return claimed


def _board(world: World, agent: UUID, boarded: list[UUID]) -> None:
    if not world.flights.board(agent):
        raise _Busy(agent)
    boarded.append(agent)


def _naming(world: World, tx: Tx, planned: Planned) -> tuple[UUID, str, str]:
    """The session's id, the agent's name and its colour."""
    session, order = world.ids.new(), planned.order
    name = order.name
    if isinstance(planned.decision, Parallel):
        name = parallel_name(order.name, session, tx.taken(order.name[:29]))
    color = planned.wishes.color or next_color(tx.colors(planned.resolution.team))
    return session, name, color.value


def _birth(planned: Planned, session: UUID, name: str) -> Birth:
    return Birth(session=session, name=name, team=planned.resolution.team, kin=planned.kin)


def _long(planned: Planned) -> str:
    """The prompt, when it is too long for the provider's command line; else empty. One that is read from a file is
    as long as it likes."""
    typed = planned.order.assignment is None and not is_fed(planned.provider)
    prompt = (planned.order.prompt or "") if typed else ""
    return prompt if len(prompt.encode()) > planned.provider.prompt_limit else ""


@dataclass(frozen=True, slots=True)
class Made:
    """A launch, the environment's values, the provider's own id of the session, how it is attended to, and what it
    reads first."""

    launch: Launch
    environment: dict[str, str]
    provider_session: str | None
    attend: Attend | None
    stdin: str | None


def _launch(world: World, planned: Planned, birth: Birth, *, prompt_file: str | None) -> Made:
    ask: Ask = ask_of(planned.order, planned.template, planned.wishes, birth, prompt_file=prompt_file)
    plan, attend, stdin = held(planned.provider, ask, planned.order.assignment, planned.wishes)
    environment = environment_of(ask, plan, planned.provider, birth, world.home)
    launch = launch_of(plan, planned.wishes, environment)
    launch = boxed(world, planned, launch, plan, session=birth.session, environment=environment)
    return Made(launch, environment, plan.provider_session, attend, stdin)


def _create(world: World, tx: Tx, planned: Planned, boarded: list[UUID]) -> Standing:
    now = world.clock.now()
    session_id, name, color = _naming(world, tx, planned)
    birth = _birth(planned, session_id, name)
    long = _long(planned)
    prompt_file = world.launches.prompt_path(session_id) if long else None
    made = _launch(world, planned, birth, prompt_file=prompt_file)
    if long or made.stdin is not None:
        world.launches.keep_prompt(session_id, long or made.stdin or "")
    world.launches.keep_environment(session_id, made.environment)
    tx.add_team(_team(world, planned))
    if planned.template:
        tx.keep_template(planned.template, host=world.host)
    anew = planned.row.agent if isinstance(planned.decision, Create) and planned.row else None
    agent = _agent(world, planned, name=name, color=color, session=session_id, anew=anew)
    room = tx.live_count(world.host) < world.rules.max_running and not _waits(planned)
    run = new_run(world, agent, why=Why.SPAWN, attempt=0) if room else None
    if anew is None:
        _board(world, agent.id, boarded)
    agent = replace(agent, life=Life.SPAWNING if run else Life.QUEUED, run=run.id if run else None)
    session = Session(
        id=session_id,
        agent=agent.id,
        provider=planned.provider.name,
        provider_session=made.provider_session,
        launch=made.launch,
        role_prompt=planned.template.prompt if planned.template else "",
        created_at=now,
        attend=made.attend,
        retried_from=_retried(planned),
        on_resume=planned.on_resume,
    )
    saved = _save(tx, agent, session, anew=anew)
    _keep_ties(world, tx, planned, session)
    if planned.kin.line:
        tx.add_spawn(saved, line=[ancestor.id for ancestor in planned.kin.line], at=now)
    if run:
        tx.add_run(run)
    tx.record(_requested(planned, saved, now), event(Kind.SPAWNING if run else Kind.QUEUED, saved, run, at=now))
    return Standing(saved, session, run)


def _waits(planned: Planned) -> bool:
    """Whether it waits for others: the daemon's next look starts it, where all of them are done."""
    return any(bond is Bond.DEPENDS for bond, _ in planned.order.bonds)


def _retried(planned: Planned) -> UUID | None:
    return next((source for bond, source in planned.order.bonds if bond is Bond.RETRY), None)


def _keep_ties(world: World, tx: Tx, planned: Planned, session: Session) -> None:
    """What it has to do with, what was asked for, and where its conversation is read."""
    places: Counter[Bond] = Counter()
    for bond, source in planned.order.bonds:
        tx.add_edges(Edge(session=session.id, source=source, bond=bond, place=places[bond]))
        places[bond] += 1
    if session.attend and planned.order.assignment:
        tx.keep_order(session.id, kept(planned.supplied.asked if planned.supplied else planned.order))
    if session.attend:
        path = world.recordings.path(session.id)
        tx.save_tape(Tape(session=session.id, provider=session.provider, path=path, form=session.attend.form))


def _save(tx: Tx, agent: Agent, session: Session, *, anew: Agent | None) -> Agent:
    if anew is None:
        tx.add_agent(agent)
        tx.add_session(session)
        return agent
    tx.add_session(session)
    saved = tx.save_agent(agent)
    rehang(tx, saved, deeper=saved.depth - anew.depth)
    return saved


def _requested(planned: Planned, agent: Agent, now: datetime) -> Event:
    return event(
        Kind.REQUESTED,
        agent,
        at=now,
        decision=type(planned.decision).__name__.lower(),
        reason=planned.decision.reason,
        team=agent.team,
        tier=agent.team_tier,
        role=agent.role,
        parent=planned.kin.parent.name if planned.kin.parent else None,
        ttl=agent.ttl,
    )


def _team(world: World, planned: Planned) -> Team:
    return Team(
        id=world.ids.new(),
        name=planned.resolution.team,
        lead=None,
        tmux_session=tmux_name(planned.resolution.team),
        layout=planned.wishes.layout.value,
        cwd=planned.supplied.base if planned.supplied else planned.wishes.cwd,
        created_at=world.clock.now(),
        native=planned.rules.native_teams,
    )


def _agent(world: World, planned: Planned, *, name: str, color: str, session: UUID, anew: Agent | None) -> Agent:
    now, order, wishes = world.clock.now(), planned.order, planned.wishes
    if anew:
        anew.to(Life.QUEUED, now=now)
    id_ = anew.id if anew else world.ids.new()
    kin = planned.kin
    return Agent(
        id=id_,
        name=name,
        role=planned.role,
        host=world.host,
        team=planned.resolution.team,
        team_tier=planned.resolution.tier,
        team_explicit=planned.resolution.explicit,
        team_chain=planned.resolution.chain,
        provider=planned.provider.name,
        model=order.model or (planned.template.model if planned.template else None),
        color=color,
        life=Life.QUEUED,
        desired=Desired.RUNNING,
        reason=None,
        activity=Activity.UNKNOWN,
        activity_since=now,
        activity_source="none",
        session=session,
        run=None,
        auto_resume=wishes.auto_resume,
        restart=wishes.restart,
        policy=wishes.policy,
        attempts=0,
        last_attempt=None,
        limited_until=None,
        cwd=wishes.cwd,
        tags=tuple(dict.fromkeys(order.tags)),
        description=order.description or (planned.template.description if planned.template else ""),
        parent=kin.parent.id if kin.parent else None,
        root=kin.root.id if kin.root else id_,
        depth=kin.depth,
        limits=planned.limits,
        ttl=wishes.ttl,
        expires_at=now + wishes.ttl if wishes.ttl else None,
        ending=None,
        suspended_with=None,
        placement=planned.placement,
        created_at=anew.created_at if anew else now,
        changed_at=now,
        version=anew.version if anew else 1,
    )
