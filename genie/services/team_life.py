"""`genie team add`, `remove`, `rename`, `archive`, `unarchive`, `disband`: teams as they change, and their end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from genie.domain.agent import STOPPABLE, Agent, Life
from genie.domain.errors import Conflict, GenieError, NotAllowed, NotFound, TerminalAway
from genie.domain.events import Event, Kind, event
from genie.domain.session import Standing
from genie.domain.team import Team, TierAnswer, tmux_name
from genie.domain.tree import Termination
from genie.domain.words import check_name, nearest
from genie.ports import Tx, Wanted, Worktree
from genie.services.anew import anew
from genie.services.dress import show_state
from genie.services.kill import kill_found
from genie.services.roster import get
from genie.services.worktrees import remove_worktree
from genie.services.world import World

BY_HAND = "genie team add"


def find_team(world: World, name: str) -> Team:
    """Raises NotFound with the nearest name."""
    teams = {team.name: team for team in world.registry.teams()}
    if name not in teams:
        hint = nearest(name, teams) or f"genie team create {name}"
        raise NotFound(f"there is no team '{name}'", hint=hint, kind="team", name=name, team=name)
    return teams[name]


def members(world: World, team: str) -> list[Standing]:
    """Its agents that are not terminated."""
    return world.registry.roster(Wanted(team=team))


# ---- who is in it --------------------------------------------------------------------------


def add_member(world: World, team: str, name: str) -> Agent:
    """Move an agent into a team, by hand: as if it had been spawned with `--team`. Its pane stays where it is until it
    gets another. Raises NotFound, NotAllowed for an archived team."""
    into = find_team(world, team)
    if into.archived_at:
        raise NotAllowed(f"team '{team}' is archived", hint=f"genie team unarchive {team}")
    return _move(world, get(world, name), into, tier=1)


def remove_member(world: World, team: str, name: str) -> Agent:
    """Take an agent out of a team: it is a team of one then. Raises NotFound, Conflict where it is in another team."""
    find_team(world, team)
    found = get(world, name)
    if found.agent.team != team:
        raise Conflict(f"'{name}' is not in team '{team}'", hint=f"it is in {found.agent.team}")
    if name == team:
        raise NotAllowed(f"'{name}' is the agent that team '{team}' is named after", hint="genie team add OTHER NAME")
    own = Team(
        id=world.ids.new(),
        name=name,
        lead=None,
        tmux_session=tmux_name(name),
        layout=found.agent.placement.layout,
        cwd=found.agent.cwd,
        created_at=world.clock.now(),
    )
    return _move(world, found, own, tier=None)


def _move(world: World, found: Standing, into: Team, *, tier: int | None) -> Agent:
    with world.flights.taken(found.agent.id, within=world.rules.start_timeout):
        moved, was = anew(lambda: _moved(world, found.agent, into, tier=tier))
        if was != into.name:
            show_state(world, moved.agent, moved.run)
    return moved.agent


def _moved(world: World, agent: Agent, into: Team, *, tier: int | None) -> tuple[Standing, str]:
    """As it is then, and the team that it was in."""
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.lock_name(agent.name)
        current = tx.standing_of(agent.id)
        if current is None or current.agent.life is Life.TERMINATED:
            raise NotFound(f"'{agent.name}' was killed", hint="genie ls --all")
        was = current.agent.team
        if was == into.name:
            return current, was
        tx.add_team(into)
        _take_lead_away(tx, current.agent, now)
        saved = tx.save_agent(_in_team(current.agent, into, tier))
        tx.record(event(Kind.MOVED, saved, current.run, at=now, team=into.name, was=was))
        return replace(current, agent=saved), was


def _in_team(agent: Agent, into: Team, tier: int | None) -> Agent:
    chain = (TierAnswer(1, BY_HAND, into.name, "given"),) if tier else ()
    home = tmux_name(into.name)
    placement = replace(agent.placement, session=into.tmux_session, window=home, layout=into.layout, beside=None)
    return replace(
        agent, team=into.name, team_tier=tier, team_explicit=tier == 1, team_chain=chain, placement=placement
    )


def _take_lead_away(tx: Tx, agent: Agent, now: datetime) -> None:
    """Who leaves a team leads it no more."""
    former = tx.team(agent.team)
    if former and former.lead == agent.name:
        tx.save_team(replace(former, lead=None))
        told = {"team": former.name, "changed": ["lead"]}
        tx.record(Event(kind=Kind.TEAM_CHANGED, at=now, payload=told))


# ---- its name, and putting it away ---------------------------------------------------------


def rename_team(world: World, old: str, new: str) -> Team:
    """Raises BadInput, NotFound, Conflict where the name is taken, NotAllowed while one of its agents lives: that
    knows its team by the old name. Raises Stale where an agent is spawned into it at the same time."""
    check_name("team", new)
    team = find_team(world, old)
    _refuse_live(_agents(world, team), team, "rename")
    session = tmux_name(new) if team.tmux_session == tmux_name(old) else team.tmux_session
    renamed = replace(team, id=world.ids.new(), name=new, tmux_session=session)
    world.fault("rename.looked")
    with world.registry.begin() as tx:
        if tx.team(new):
            raise Conflict(f"team '{new}' is there already", hint=f"genie team show {new}")
        moved = tx.rename_team(old, renamed)
        _refuse_live(moved, team, "rename")  # who came to life since
        for agent in moved:
            tx.save_agent(_following(agent, team, renamed))
        tx.record(Event(kind=Kind.TEAM_RENAMED, at=world.clock.now(), payload={"team": new, "was": old}))
    return renamed


def _following(agent: Agent, team: Team, renamed: Team) -> Agent:
    """The agent, whose next pane is made in the place of the team's new name."""
    placement = agent.placement
    if placement.session == team.tmux_session:
        placement = replace(placement, session=renamed.tmux_session)
    if placement.window == tmux_name(team.name):
        placement = replace(placement, window=tmux_name(renamed.name))
    return replace(agent, placement=placement)


def archive_team(world: World, name: str) -> Team:
    """Put a team away: neither lists nor tiers know it. Raises NotFound, NotAllowed while one of its agents lives."""
    team = find_team(world, name)
    _refuse_live(_agents(world, team), team, "archive")
    if team.archived_at:
        return team
    return _put(world, replace(team, archived_at=world.clock.now()), Kind.TEAM_ARCHIVED)


def unarchive_team(world: World, name: str) -> Team:
    """Raises NotFound."""
    team = find_team(world, name)
    return _put(world, replace(team, archived_at=None), Kind.TEAM_UNARCHIVED) if team.archived_at else team


def _put(world: World, team: Team, kind: Kind) -> Team:
    with world.registry.begin() as tx:
        tx.save_team(team)
        tx.record(Event(kind=kind, at=world.clock.now(), payload={"team": team.name}))
    return team


def _agents(world: World, team: Team) -> list[Agent]:
    return [one.agent for one in members(world, team.name)]


def _refuse_live(agents: Sequence[Agent], team: Team, verb: str) -> None:
    live = [agent.name for agent in agents if agent.life in STOPPABLE]
    if live:
        shown = ", ".join(live[:5]) + (", …" if len(live) > 5 else "")
        raise NotAllowed(
            f"team '{team.name}' has live agents: {shown}",
            hint=f"genie team down {team.name}, then {verb} it",
            agents=live,
        )


# ---- its end -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """What a disbanding ends: the agents of the team, those elsewhere that end with them, and the worktrees of genie's
    that they are in. `sockets` are those of the tmux servers that its panes are on."""

    team: Team
    agents: tuple[str, ...]
    along: tuple[str, ...]
    worktrees: tuple[Worktree, ...]
    sockets: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbanded:
    """What became of it: who was ended, which worktrees were removed, and which were kept, and why."""

    farewell: Farewell
    ended: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]
    troubles: tuple[tuple[str, GenieError], ...]


def plan_disband(world: World, name: str) -> Farewell:
    """What `disband` would end now. Writes nothing. Raises NotFound."""
    team = find_team(world, name)
    mine = members(world, name)
    own = {one.agent.name for one in mine}
    along = {one.agent.name for standing in mine for one in _below(world, standing)} - own
    made = world.supplies.worktrees.list()
    cwds = [one.session.launch.cwd for one in mine if one.session and one.agent.host == world.host]
    worktrees = tuple(one for one in made if any(one.holds(cwd) for cwd in cwds))
    return Farewell(
        team=team,
        agents=tuple(sorted(own)),
        along=tuple(sorted(along)),
        worktrees=worktrees,
        sockets=frozenset(one.agent.placement.socket for one in mine),
    )


def _below(world: World, standing: Standing) -> Sequence[Standing]:
    """Who ends with it, by its policy."""
    if standing.agent.limits.termination is not Termination.CASCADE:
        return ()
    with world.registry.begin() as tx:
        return tx.descendants(standing.agent.id)


def disband(world: World, name: str) -> Disbanded:
    """End a team for good: kill its agents, each with what its policy says, close the tmux session that genie has made,
    and remove genie's own worktrees of them in which nothing would be lost. Repositories are never touched.

    The team stays where one of its agents cannot be ended. Raises NotFound.
    """
    farewell = plan_disband(world, name)
    troubles = [trouble for standing in members(world, name) if (trouble := _end(world, standing))]
    removed, kept = _clear(world, farewell.worktrees)
    left = {one.agent.name for one in members(world, name)}
    if not left:
        _close(world, farewell)
        _put(world, replace(farewell.team, disbanded_at=world.clock.now()), Kind.TEAM_DISBANDED)
    ended = tuple(agent for agent in farewell.agents if agent not in left)
    return Disbanded(farewell=farewell, ended=ended, removed=removed, kept=kept, troubles=tuple(troubles))


def _end(world: World, standing: Standing) -> tuple[str, GenieError] | None:
    try:
        kill_found(world, standing, reason="its team is disbanded")
    except GenieError as error:
        return standing.agent.name, error
    return None


def _clear(world: World, worktrees: Sequence[Worktree]) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Those that are gone now, and those that are kept with the reason."""
    kept: list[tuple[str, str]] = []
    for made in worktrees:
        try:
            remove_worktree(world, made.path)
        except NotFound:  # its last agent's end has removed it
            continue
        except GenieError as error:
            kept.append((made.path, error.message))
    staying = {path for path, _ in kept}
    return tuple(made.path for made in worktrees if made.path not in staying), tuple(kept)


def _close(world: World, farewell: Farewell) -> None:
    for socket in farewell.sockets:
        with suppress(TerminalAway):
            world.terminal.close_session(socket, farewell.team.tmux_session)
