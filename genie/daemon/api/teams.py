"""/v1/teams and /v1/templates."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import TeamBody
from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer, team, template
from genie.ports import Wanted
from genie.services.teams import close_team, create_team

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]


@router.get("/teams")
def get_teams(here: Here) -> Answer:
    """Every team, with the number of its agents."""
    registry = here.world.registry
    members = Counter(standing.agent.team for standing in registry.roster(Wanted()))
    return Answer([team(one, agents=members[one.name]) for one in registry.teams()])


@router.post("/teams")
def post_team(body: TeamBody, here: Here) -> Answer:
    """Make a team."""
    return Answer(team(create_team(here.world, body.order())))


@router.post("/teams/{name}/close")
def post_close(name: str, here: Here) -> Answer:
    """Close the team's tmux session, if genie made it and no agent lives in it."""
    return Answer({"closed": close_team(here.world, name)})


@router.get("/templates")
def get_templates(here: Here, cwd: str) -> Answer:
    """The templates that a spawn from `cwd` would find, the nearest of each name."""
    return Answer([template(one) for one in here.world.templates.all(cwd=cwd)])
