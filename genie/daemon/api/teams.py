"""/v1/teams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import Body, CallerBody, TeamBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.errors import body_of
from genie.daemon.api.peer import check_peer
from genie.daemon.api.wire import Answer, team
from genie.domain.agent import Agent
from genie.domain.teamfile import (
    CannotBe,
    ChangeTeam,
    CreateTeam,
    LeaveAlone,
    ResumeMember,
    SpawnMember,
    Step,
)
from genie.ports import Wanted
from genie.services.order import Caller
from genie.services.team_life import (
    Farewell,
    add_member,
    archive_team,
    disband,
    plan_disband,
    remove_member,
    rename_team,
    unarchive_team,
)
from genie.services.team_up import Outcome, Up, bring_up, plan_down, plan_up, take_down
from genie.services.teams import close_team, create_team

router = APIRouter(prefix="/v1/teams")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

DOES = {
    CreateTeam: "create",
    ChangeTeam: "change",
    SpawnMember: "spawn",
    ResumeMember: "resume",
    LeaveAlone: "leave",
    CannotBe: "refuse",
}


class UpBody(Body):
    """POST /v1/teams/up: the file at `path`, or the nearest project's."""

    caller: CallerBody
    path: Text | None = None
    done_too: bool = False
    dry_run: bool = False

    def order(self, *, pid: int) -> Up:
        env = {str(key): str(value) for key, value in self.caller.env.items()}
        caller = Caller(cwd=self.caller.cwd, env=env, pid=pid or self.caller.pid)
        return Up(caller=caller, path=self.path, done_too=self.done_too)


class DownBody(Body):
    """POST /v1/teams/down: a team, or the members of the file at `path`, or of the nearest project's."""

    cwd: Text
    path: Text | None = None
    team: str | None = None
    dry_run: bool = False


class NamesBody(Body):
    """POST /v1/teams/{name}/add and remove."""

    names: tuple[str, ...]


class RenameBody(Body):
    """POST /v1/teams/{name}/rename."""

    to: str


class DisbandBody(Body):
    """POST /v1/teams/{name}/disband."""

    dry_run: bool = False


@router.get("")
def get_teams(here: Here, all: bool = False) -> Answer:  # noqa: A002  the parameter's name in the query
    """Every team, with the number of its agents; archived ones with `all`."""
    registry = here.world.registry
    members = Counter(standing.agent.team for standing in registry.roster(Wanted()))
    shown = [one for one in registry.teams() if all or one.archived_at is None]
    return Answer([team(one, agents=members[one.name]) for one in shown])


@router.post("")
def post_team(body: TeamBody, here: Here) -> Answer:
    """Make a team."""
    return Answer(team(create_team(here.world, body.order())))


@router.post("/up")
def post_up(body: UpBody, here: Here, peer: Peer) -> Answer:
    """Bring a team to what its file says."""
    if body.dry_run:
        file, steps = plan_up(here.world, body.order(pid=peer))
        return Answer({"team": file.name, "file": file.source, "steps": [_step(one) for one in steps]})
    file, done = bring_up(here.world, body.order(pid=peer))
    return Answer({"team": file.name, "file": file.source, "steps": [_outcome(one) for one in done]})


@router.post("/down")
def post_down(body: DownBody, here: Here) -> Answer:
    """Stop a team; sessions are kept."""
    name, names = plan_down(here.world, path=body.path, team=body.team, cwd=body.cwd)
    if body.dry_run:
        return Answer({"team": name, "names": names})
    return Answer({"team": name, "steps": [_outcome(one) for one in take_down(here.world, names)]})


@router.post("/{name}/close")
def post_close(name: str, here: Here) -> Answer:
    """Close the team's tmux session, if genie made it and no agent lives in it."""
    return Answer({"closed": close_team(here.world, name)})


@router.post("/{name}/add")
def post_add(name: str, body: NamesBody, here: Here) -> Answer:
    """Move agents into a team."""
    return Answer([_moved(add_member(here.world, name, agent)) for agent in body.names])


@router.post("/{name}/remove")
def post_remove(name: str, body: NamesBody, here: Here) -> Answer:
    """Take agents out of a team: each is a team of one then."""
    return Answer([_moved(remove_member(here.world, name, agent)) for agent in body.names])


@router.post("/{name}/rename")
def post_rename(name: str, body: RenameBody, here: Here) -> Answer:
    """Give a team another name."""
    return Answer(team(rename_team(here.world, name, body.to)))


@router.post("/{name}/archive")
def post_archive(name: str, here: Here) -> Answer:
    """Put a team away."""
    return Answer(team(archive_team(here.world, name)))


@router.post("/{name}/unarchive")
def post_unarchive(name: str, here: Here) -> Answer:
    """Fetch a team back."""
    return Answer(team(unarchive_team(here.world, name)))


@router.post("/{name}/disband")
def post_disband(name: str, body: DisbandBody, here: Here) -> Answer:
    """End a team for good, or tell what that would end."""
    if body.dry_run:
        return Answer(_farewell(plan_disband(here.world, name)))
    done = disband(here.world, name)
    return Answer(
        _farewell(done.farewell)
        | {
            "ended": done.ended,
            "removed": done.removed,
            "kept": [{"path": path, "reason": why} for path, why in done.kept],
            "failed": [{"name": agent, "error": body_of(error)} for agent, error in done.troubles],
        }
    )


def _farewell(one: Farewell) -> dict[str, Any]:
    return {
        "team": one.team.name,
        "agents": one.agents,
        "along": one.along,
        "worktrees": [made.path for made in one.worktrees],
        "tmux_session": one.team.tmux_session,
    }


def _moved(agent: Agent) -> dict[str, Any]:
    return {"name": agent.name, "team": agent.team, "state": agent.life}


def _step(one: Step) -> dict[str, Any]:
    said: Mapping[str, Any] = asdict(one)
    return {
        "name": one.name,
        "does": DOES[type(one)],
        "reason": one.reason,
        "after": said.get("after", ()),
        "hint": said.get("hint", ""),
    }


def _outcome(one: Outcome) -> dict[str, Any]:
    error = body_of(one.error) if one.error else None
    return {"name": one.name, "outcome": one.did, "detail": one.detail, "state": one.state, "error": error}
