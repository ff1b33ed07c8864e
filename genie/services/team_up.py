"""`genie team up` and `team down`: bring a team to what its file says, and take it down again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from genie.domain.agent import ENDED, IN_PANE, STOPPABLE, Agent, Desired, Life
from genie.domain.errors import Conflict, GenieError, NotAllowed, NotFound
from genie.domain.events import Event, Kind
from genie.domain.result import Bond
from genie.domain.team import Team
from genie.domain.teamfile import (
    CannotBe,
    ChangeTeam,
    CreateTeam,
    LeaveAlone,
    ResumeMember,
    SpawnMember,
    Step,
    TeamFile,
    Until,
    differences,
    falling,
    plan,
)
from genie.domain.words import nearest
from genie.ports import Wanted
from genie.services.kill import kill_found
from genie.services.native import check_team
from genie.services.order import Caller, Order
from genie.services.resume import resume
from genie.services.spawn import spawn
from genie.services.stop import stop
from genie.services.teams import TeamOrder, create_team
from genie.services.world import World

AT_ONCE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a step: `did` in a word, the state that the agent is in then, and what went wrong."""

    name: str
    did: str
    detail: str = ""
    state: Life | None = None
    error: GenieError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A team file to be brought up: the nearest one where no path is said. `done_too` also brings back those that are
    done."""

    caller: Caller
    path: str | None = None
    done_too: bool = False


# ---- up ------------------------------------------------------------------------------------


def plan_up(world: World, asked: Up) -> tuple[TeamFile, tuple[Step, ...]]:
    """The file, and what `bring_up` would do now. Raises NotFound, BadTeamFile, BadTemplate, NotAllowed."""
    file = world.templates.team_file(asked.path, cwd=asked.caller.cwd)
    _check_templates(world, file)
    team = _team(world, file.name)
    if team and team.archived_at:
        raise NotAllowed(f"team '{file.name}' is archived", hint=f"genie team unarchive {file.name}")
    if team and file.session and team.tmux_session != file.session:
        hint = f"genie team disband {file.name}, or take session out of {file.source}"
        raise Conflict(f"team '{file.name}' is in the tmux session '{team.tmux_session}'", hint=hint)
    return file, plan(file, team, _agents(world, file), done_too=asked.done_too)


def bring_up(world: World, asked: Up) -> tuple[TeamFile, list[Outcome]]:
    """Do it, step by step; what fails keeps only those from it that come after it. Raises what `plan_up` raises."""
    file = world.templates.team_file(asked.path, cwd=asked.caller.cwd)
    with world.flights.name(f"team {file.name}"):  # two at once would both miss the same members
        file, steps = plan_up(world, asked)
        caller = replace(asked.caller, cwd=file.base)
        return file, [_tried(step.name, partial(_do, world, file, step, caller)) for step in steps]


def _check_templates(world: World, file: TeamFile) -> None:
    """Refuse the whole file for a member whose template is not there, or does not read: nobody is spawned then."""
    known = [found.name for found in world.templates.all(cwd=file.base)]
    for member in file.members:
        if member.role and world.templates.find(member.role, cwd=file.base) is None:
            hint = f"{nearest(member.role, known)} -- or genie template new {member.role}"
            raise NotFound(f"{file.source}: no template '{member.role}'", hint=hint, kind="template", name=member.role)


def _team(world: World, name: str) -> Team | None:
    return next((team for team in world.registry.teams() if team.name == name), None)


def _agents(world: World, file: TeamFile) -> list[Agent]:
    own = world.registry.roster(Wanted(team=file.name))
    named = world.registry.roster(Wanted(names=file.names))
    return list({one.agent.id: one.agent for one in (*own, *named)}.values())


def _tried(name: str, work: Callable[[], Outcome]) -> Outcome:
    try:
        return work()
    except GenieError as error:
        return Outcome(name=name, did="failed", detail=error.message, error=error)


def _do(world: World, file: TeamFile, step: Step, caller: Caller) -> Outcome:
    match step:
        case CreateTeam():
            return _create(world, file, caller)
        case ChangeTeam():
            return _change(world, file, step, caller)
        case SpawnMember():
            return _wait(world, file, step) or _spawn(world, file, step, caller)
        case ResumeMember():
            return _wait(world, file, step) or _resume(world, step)
        case CannotBe():
            raise Conflict(f"'{step.name}': {step.reason}", hint=step.hint)
        case _:
            return _leave(world, step)


def _leave(world: World, step: LeaveAlone) -> Outcome:
    found = world.registry.find(step.name)
    return Outcome(name=step.name, did="left", detail=step.reason, state=found.agent.life if found else None)


def _create(world: World, file: TeamFile, caller: Caller) -> Outcome:
    create_team(
        world,
        TeamOrder(
            name=file.name,
            cwd=file.base,
            session=file.session,
            layout=file.layout.value if file.layout else None,
            lead=file.lead,
            limits=file.limits_said,
            native=file.native,
            env=caller.env,
        ),
    )
    return Outcome(name=file.name, did="created")


def _change(world: World, file: TeamFile, step: ChangeTeam, caller: Caller) -> Outcome:
    with world.registry.begin() as tx:
        team = tx.team(file.name)
        if team is None:
            raise NotFound(f"unknown team '{file.name}'", hint="genie team up once more")
        changed = {key: new for key, (_, new) in differences(file, team).items()}
        spawn_wish = file.limits if "limits" in changed else team.spawn
        layout, lead = str(changed.get("layout", team.layout)), changed.get("lead", team.lead)
        native = bool(changed.get("native", team.native))
        after = replace(team, layout=layout, lead=str(lead) if lead else None, spawn=spawn_wish, native=native)
        check_team(world, after, caller.env)
        tx.save_team(after)
        told = {"team": team.name, "changed": sorted(changed)}
        tx.record(Event(kind=Kind.TEAM_CHANGED, at=world.clock.now(), payload=told))
    return Outcome(name=file.name, did="changed", detail=step.reason)


def _wait(world: World, file: TeamFile, step: SpawnMember | ResumeMember) -> Outcome | None:
    """Why it cannot come yet; None where it can. One that waits for others to be done is queued behind them."""
    done = isinstance(step, SpawnMember) and step.member.until is Until.DONE
    for name in step.after:
        found = world.registry.find(name)
        there = found is not None and found.agent.team == file.name
        life = found.agent.life if found and there else None
        if done and found and there and life is not Life.TERMINATED and not _tried_again(world, found.agent):
            continue
        if not done and life in (Life.RUNNING, Life.DONE):
            continue
        word = life.value if life else "not there"
        return Outcome(name=step.name, did="waits", detail=f"'{name}' is {word}: genie team up once more, later")
    return None


def _tried_again(world: World, agent: Agent) -> bool:
    """Whether its session goes on after an end that has left a result: whoever waits would take that for its end."""
    if agent.session is None or agent.life in ENDED:
        return agent.session is None
    known = world.registry.results([agent.session]).get(agent.session)
    return known is not None and known.success is not None


def _spawn(world: World, file: TeamFile, step: SpawnMember, caller: Caller) -> Outcome:
    if step.anew and (found := world.registry.find(step.name)):
        kill_found(world, found, reason="it never ran")
    member = step.member
    done = spawn(
        world,
        Order(
            name=step.name,
            caller=caller,
            team=file.name,
            role=member.role,
            provider=member.provider,
            command=member.command,
            prompt=member.prompt,
            model=member.model,
            permission_mode=member.permission_mode.value if member.permission_mode else None,
            tags=member.tags,
            description=member.description,
            on_resume=member.on_resume,
            cwd=member.cwd,
            env=dict(member.env),
            worktree="" if member.worktree else None,
            bonds=_bonds(world, step),
        ),
    )
    agent = done.standing.agent
    detail = "; ".join(done.warnings) or (f"waits for {', '.join(step.after)}" if agent.life is Life.QUEUED else "")
    return Outcome(name=agent.name, did="spawned", detail=detail, state=agent.life)


def _bonds(world: World, step: SpawnMember) -> tuple[tuple[Bond, UUID], ...]:
    """The sessions that have to be done before its own begins."""
    if step.member.until is not Until.DONE:
        return ()
    found = [world.registry.find(name) for name in step.after]
    return tuple((Bond.DEPENDS, one.agent.session) for one in found if one and one.agent.session)


def _resume(world: World, step: ResumeMember) -> Outcome:
    try:
        life = resume(world, step.name).agent.life
    except NotAllowed:  # the daemon may have brought it back since
        found = world.registry.find(step.name)
        if found is None or found.agent.life not in IN_PANE or found.agent.desired is not Desired.RUNNING:
            raise
        return Outcome(name=step.name, did="left", detail=f"it is {found.agent.life.value}", state=found.agent.life)
    return Outcome(name=step.name, did="resumed", detail=step.reason, state=life)


# ---- down ----------------------------------------------------------------------------------


def plan_down(world: World, *, path: str | None, team: str | None, cwd: str) -> tuple[str, list[str]]:
    """The team, and the names of those that would be stopped, in the order of that: the members of a file, or all of a
    team that is named. Raises NotFound, BadTeamFile."""
    if team is None:
        file = world.templates.team_file(path, cwd=cwd)
        own = {one.agent.name for one in world.registry.roster(Wanted(team=file.name)) if _stops(one.agent)}
        return file.name, [name for name in falling(file) if name in own]
    if _team(world, team) is None:
        names = [one.name for one in world.registry.teams()]
        raise NotFound(f"unknown team '{team}'", hint=nearest(team, names), kind="team", name=team)
    return team, [one.agent.name for one in world.registry.roster(Wanted(team=team)) if _stops(one.agent)]


def _stops(agent: Agent) -> bool:
    return agent.life in STOPPABLE and agent.desired is not Desired.GONE


def take_down(world: World, names: Sequence[str]) -> list[Outcome]:
    """Stop these agents, at the same time; their sessions are kept. One that cannot be stopped keeps no other from
    it."""
    if not names:
        return []
    with ThreadPoolExecutor(min(len(names), AT_ONCE), thread_name_prefix="down") as pool:
        return list(pool.map(lambda name: _tried(name, partial(_stop, world, name)), names))


def _stop(world: World, name: str) -> Outcome:
    standing, done = stop(world, name)
    life = standing.agent.life
    return Outcome(
        name=name, did="stopped" if done else "left", detail="" if done else f"it is {life.value}", state=life
    )
