"""`genie team create`: a team before its first agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genie.domain.agent import LIVE
from genie.domain.amounts import Wrong
from genie.domain.errors import BadInput, Conflict, NotAllowed, NotFound
from genie.domain.events import Event, Kind
from genie.domain.team import Layout, Team, tmux_name
from genie.domain.tree import Wish, read_wish
from genie.domain.words import check_name, nearest, one_of
from genie.ports import Wanted
from genie.services.native import check_team
from genie.services.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamOrder:
    """A team as it was asked for; None means the default. `repo` is seen from `cwd`, `env` is the environment of who
    asks."""

    name: str
    cwd: str
    session: str | None = None
    layout: str | None = None
    lead: str | None = None
    limits: Mapping[str, object] = field(default_factory=dict)
    native: bool | None = None
    repo: str | None = None
    worktrees: bool = False
    env: Mapping[str, str] = field(default_factory=dict)


def create_team(world: World, order: TeamOrder) -> Team:
    """Make a team. Raises BadInput for a wrong word, Conflict where one of that name is there; for a native one also
    where Claude Code has one that is not genie's."""
    check_name("team", order.name)
    if order.session:
        check_name("tmux session", order.session)
    layout = one_of("layout", order.layout, Layout) if order.layout else world.rules.layout
    now = world.clock.now()
    team = Team(
        id=world.ids.new(),
        name=order.name,
        lead=order.lead,
        tmux_session=tmux_name(order.session or order.name),
        layout=layout.value,
        cwd=world.places.directory(order.cwd, base="/"),
        created_at=now,
        spawn=_wish(order),
        native=world.rules.native_teams if order.native is None else order.native,
        repo=_repo(world, order),
        worktrees=order.worktrees,
    )
    check_team(world, team, order.env)
    with world.registry.begin() as tx:
        there = tx.team(order.name)
        if there is None:
            tx.add_team(team)
            there = tx.team(order.name)  # of two at once one has come first
        if there is None or there.id != team.id:
            raise Conflict(f"team '{order.name}' is there already", hint=f"genie team show {order.name}")
        tx.record(Event(kind=Kind.TEAM_CREATED, at=now, payload={"team": team.name}))
    return team


def _repo(world: World, order: TeamOrder) -> str | None:
    """Where its agents work. Raises BadInput for a directory that is not there, and for worktrees of no repository."""
    if order.repo is None and not order.worktrees:
        return None
    try:
        found = world.places.directory(order.repo or ".", base=order.cwd)
    except BadInput as error:
        raise BadInput(error.message, hint="give an existing one with --repo") from error
    if order.worktrees:
        world.supplies.worktrees.check(found)
    return found


def _wish(order: TeamOrder) -> Wish:
    try:
        return read_wish(order.limits)
    except Wrong as error:
        raise BadInput(f"--limit: {error}", hint=error.hint) from error


def close_team(world: World, name: str) -> bool:
    """Close the tmux sessions that genie made for a team; false where there was none.

    Raises NotFound, and NotAllowed while an agent of the team is live.
    """
    team = next((team for team in world.registry.teams() if team.name == name), None)
    if team is None:
        raise NotFound(f"unknown team '{name}'", hint=nearest(name, [t.name for t in world.registry.teams()]))
    members = world.registry.roster(Wanted(team=name, all=True))
    live = [standing.agent.name for standing in members if standing.agent.life in LIVE]
    if live:
        raise NotAllowed(f"team '{name}' has live agents: {', '.join(live)}", hint="genie kill them first")
    sockets = {standing.agent.placement.socket for standing in members}
    closed = [world.terminal.close_session(socket, team.tmux_session) for socket in sockets]
    return any(closed)
