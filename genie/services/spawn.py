"""`genie spawn`: one verb, gated by what the name already is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from genie.domain.agent import (
    Activity,
    Agent,
    Create,
    Desired,
    Life,
    Parallel,
    Placement,
    Resume,
    SpawnDecision,
    Why,
    decide_spawn,
    parallel_name,
)
from genie.domain.errors import BadInput, Conflict, NotFound, Stale, TimedOut
from genie.domain.events import Event, Kind, event
from genie.domain.session import Launch, Session, Standing
from genie.domain.team import Resolution, Team, tmux_name
from genie.domain.template import Template
from genie.domain.words import nearest, next_color
from genie.ports import Ask, Provider, Tx
from genie.services.claim import claim_in, end_leftovers, new_run
from genie.services.compose import (
    Birth,
    Wishes,
    ask_of,
    check_order_name,
    environment_of,
    launch_of,
    placement_of,
    understand,
)
from genie.services.kin import Kin
from genie.services.order import Order
from genie.services.resolve import resolve_team
from genie.services.scene import Scene, look_around
from genie.services.start import start
from genie.services.world import Rules, World

TRIES = 5
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Everything about a spawn that is settled before anything is written."""

    order: Order
    row: Standing | None
    role: str
    template: Template | None
    provider: Provider
    resolution: Resolution
    decision: SpawnDecision
    wishes: Wishes
    rules: Rules
    placement: Placement
    kin: Kin
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spawned:
    """The answer: the agent as it is now, and what was decided and why."""

    standing: Standing
    decision: SpawnDecision
    resolution: Resolution
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A dry run: what a spawn would do now."""

    planned: Planned
    name: str
    launch: Launch
    color: str


def spawn(world: World, order: Order) -> Spawned:
    """Create, resume or parallel, as the table of docs/lifecycle.md says, and start it.

    Raises BadInput, NotFound, Conflict for an order that cannot be carried out (nothing is written then),
    Unreachable when registry or tmux is away, and what a start raises.
    """
    check_order_name(order)
    for _ in range(TRIES):
        boarded: list[UUID] = []
        try:
            return _spawn(world, order, boarded)
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
        planned = _plan(world, tx, order, scene)
        session, name, color = _naming(world, tx, planned)
    if isinstance(planned.decision, Resume) and planned.row and planned.row.session:
        agent = planned.row.agent
        return Rehearsed(planned=planned, name=agent.name, launch=planned.row.session.launch, color=agent.color)
    prompt_file = world.launches.prompt_path(session) if _long(planned) else None
    launch, _, _ = _launch(world, planned, _birth(planned, session, name), prompt_file=prompt_file)
    return Rehearsed(planned=planned, name=name, launch=launch, color=color)


class _Busy(TimedOut):
    """Another thread is at work on the agent that has the name."""

    def __init__(self, agent: UUID) -> None:
        super().__init__("busy")
        self.agent = agent


def _spawn(world: World, order: Order, boarded: list[UUID]) -> Spawned:
    scene = look_around(world, order)
    with world.flights.name(order.name), world.registry.begin() as tx:
        tx.lock_name(order.name)
        planned = _plan(world, tx, order, scene)
        standing = _write(world, tx, planned, boarded)
        world.fault("spawn.before_commit")
    world.fault("spawn.committed")
    if standing.agent.life in (Life.SPAWNING, Life.RESUMING):
        if planned.row and planned.row.agent.id == standing.agent.id:
            end_leftovers(world, planned.row)
        standing = start(world, standing)
    return Spawned(
        standing=standing, decision=planned.decision, resolution=planned.resolution, warnings=planned.warnings
    )


# ---- deciding -------------------------------------------------------------------------------


def _plan(world: World, tx: Tx, order: Order, scene: Scene) -> Planned:
    row = tx.standing(order.name)
    agent = row.agent if row else None
    rules = scene.rules
    role = order.role or (agent.role if agent else order.name)
    template = world.templates.find(role, cwd=order.caller.cwd)
    resolution = _resolution(world, order, scene, role=role, template=template, row=agent)
    provider = world.providers.get(_provider_name(world, order, template, role, row))
    team = scene.team(resolution.team)
    wishes = understand(world, order, template, rules, team)
    order = _with_its_command(order, provider, row)
    same = agent is not None and agent.provider == provider.name
    resumable = same and provider.conversational and not order.command
    decision = decide_spawn(agent, team=resolution.team, role=role, resumable=resumable)
    placement = placement_of(order, scene, resolution, team, wishes.layout)
    return Planned(
        order=order,
        row=row,
        role=role,
        template=template,
        provider=provider,
        resolution=resolution,
        decision=decision,
        wishes=wishes,
        rules=rules,
        placement=placement,
        kin=scene.kin,
        warnings=scene.warnings + _warnings(order, decision, placement, team, resolution),
    )


def _resolution(
    world: World, order: Order, scene: Scene, *, role: str, template: Template | None, row: Agent | None
) -> Resolution:
    """The team. Where neither a tier nor a template answers, a name that is nearly right helps most."""
    try:
        return resolve_team(order, scene, role=role, template=template, row=row)
    except NotFound as error:
        if error.details.get("kind") == "team":
            raise
        near = nearest(role, [known.name for known in world.templates.all(cwd=order.caller.cwd)])
        raise NotFound(error.message, hint=f"{near} -- or {error.hint}", kind="template", name=role) from error


def _provider_name(world: World, order: Order, template: Template | None, role: str, row: Standing | None) -> str:
    if order.command and order.provider not in (None, "shell"):
        raise BadInput(f"provider {order.provider} takes no command of yours", hint="leave out '-- COMMAND'")
    if order.provider or order.command:
        return order.provider or "shell"
    if _is_plain_command(world, order, row) and row:
        return row.agent.provider
    if template:
        return template.provider
    if row and row.session:
        return row.agent.provider
    names = [known.name for known in world.templates.all(cwd=order.caller.cwd)]
    raise NotFound(
        f"no template '{role}'",
        hint=f"{nearest(role, names)} -- or give --role TEMPLATE, --provider, or a command after --",
        kind="template",
        name=role,
    )


def _is_plain_command(world: World, order: Order, row: Standing | None) -> bool:
    """Whether the name is that of a command, and nothing else is asked of it now."""
    if row is None or row.session is None or order.role is not None:
        return False
    return not world.providers.get(row.agent.provider).conversational


def _with_its_command(order: Order, provider: Provider, row: Standing | None) -> Order:
    """A plain command that is spawned anew without being named again is the one that it was."""
    if order.command or provider.conversational or row is None or row.session is None:
        return order
    return replace(order, command=row.session.launch.argv) if row.session.provider == provider.name else order


def _warnings(
    order: Order, decision: SpawnDecision, placement: Placement, team: Team | None, resolution: Resolution
) -> tuple[str, ...]:
    said = []
    home = team.tmux_session if team else tmux_name(resolution.team)
    if order.session and placement.session != home:
        said.append(f"tmux session '{order.session}' is not that of team {resolution.team}")
    if isinstance(decision, Resume) and order.shapes:
        said.append(f"a resumed session keeps what it was spawned with; ignored: {', '.join(order.shapes)}")
    return tuple(said)


# ---- writing: transaction 1 -----------------------------------------------------------------


def _write(world: World, tx: Tx, planned: Planned, boarded: list[UUID]) -> Standing:
    if isinstance(planned.decision, Resume) and planned.row:
        _board(world, planned.row.agent.id, boarded)
        return _resume(world, tx, planned, planned.row)
    if isinstance(planned.decision, Create) and planned.decision.anew and planned.row:
        _board(world, planned.row.agent.id, boarded)
    return _create(world, tx, planned, boarded)


def _resume(world: World, tx: Tx, planned: Planned, row: Standing) -> Standing:
    claimed = claim_in(world, tx, row, why=Why.RESUME, attempt=0)
    if planned.order.prompt and claimed.run:
        world.launches.keep_prompt(claimed.run.id, planned.order.prompt)
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
    kin = planned.kin
    return Birth(
        session=session,
        name=name,
        team=planned.resolution.team,
        parent=kin.parent_name,
        root=kin.root_name,
        depth=kin.depth,
    )


def _long(planned: Planned) -> str:
    """The prompt, when it is too long for the provider's command line; else empty."""
    prompt = planned.order.prompt or ""
    return prompt if len(prompt.encode()) > planned.provider.prompt_limit else ""


def _launch(
    world: World, planned: Planned, birth: Birth, *, prompt_file: str | None
) -> tuple[Launch, dict[str, str], str | None]:
    ask: Ask = ask_of(planned.order, planned.template, planned.wishes, birth, prompt_file=prompt_file)
    plan = planned.provider.plan(ask)
    environment = environment_of(ask, plan, planned.provider, birth, world.home)
    return launch_of(plan, planned.wishes, environment), environment, plan.provider_session


def _create(world: World, tx: Tx, planned: Planned, boarded: list[UUID]) -> Standing:
    now = world.clock.now()
    session_id, name, color = _naming(world, tx, planned)
    birth = _birth(planned, session_id, name)
    long = _long(planned)
    prompt_file = world.launches.prompt_path(session_id) if long else None
    launch, environment, provider_session = _launch(world, planned, birth, prompt_file=prompt_file)
    if long:
        world.launches.keep_prompt(session_id, long)
    world.launches.keep_environment(session_id, environment)
    tx.add_team(_team(world, planned))
    if planned.template:
        tx.keep_template(planned.template)
    anew = planned.row.agent if isinstance(planned.decision, Create) and planned.row else None
    agent = _agent(world, planned, name=name, color=color, session=session_id, anew=anew)
    room = tx.live_count(world.host) < world.rules.max_running
    run = new_run(world, agent, why=Why.SPAWN, attempt=0) if room else None
    if anew is None:
        _board(world, agent.id, boarded)
    agent = replace(agent, life=Life.SPAWNING if run else Life.QUEUED, run=run.id if run else None)
    session = Session(
        id=session_id,
        agent=agent.id,
        provider=planned.provider.name,
        provider_session=provider_session,
        launch=launch,
        role_prompt=planned.template.prompt if planned.template else "",
        created_at=now,
    )
    saved = _save(tx, agent, session, anew=anew)
    if run:
        tx.add_run(run)
    tx.record(_requested(planned, saved, now), event(Kind.SPAWNING if run else Kind.QUEUED, saved, run, at=now))
    return Standing(saved, session, run)


def _save(tx: Tx, agent: Agent, session: Session, *, anew: Agent | None) -> Agent:
    if anew is None:
        tx.add_agent(agent)
        tx.add_session(session)
        return agent
    tx.add_session(session)
    return tx.save_agent(agent)


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
    )


def _team(world: World, planned: Planned) -> Team:
    return Team(
        id=world.ids.new(),
        name=planned.resolution.team,
        lead=None,
        tmux_session=tmux_name(planned.resolution.team),
        layout=planned.wishes.layout.value,
        cwd=planned.wishes.cwd,
        created_at=world.clock.now(),
    )


def _agent(world: World, planned: Planned, *, name: str, color: str, session: UUID, anew: Agent | None) -> Agent:
    now, order, wishes = world.clock.now(), planned.order, planned.wishes
    if anew:
        anew.to(Life.QUEUED, now=now)
    return Agent(
        id=anew.id if anew else world.ids.new(),
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
        parent=planned.kin.parent,
        depth=planned.kin.depth,
        placement=planned.placement,
        created_at=anew.created_at if anew else now,
        changed_at=now,
        version=anew.version if anew else 1,
    )
