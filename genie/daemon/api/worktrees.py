"""/v1/worktrees."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import Body, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.ports import Worktree
from genie.services.worktrees import list_worktrees, remove_worktree

router = APIRouter(prefix="/v1/worktrees")

Here = Annotated[Context, Depends(context)]


class WorktreeBody(Body):
    """POST /v1/worktrees/remove: a name, or a path."""

    name: Text


@router.get("")
def get_worktrees(here: Here) -> Answer:
    """The worktrees that genie has made, with what would be lost and who is in them."""
    return Answer(
        [
            worktree(seen.worktree) | {"state": seen.state, "problem": seen.problem, "agents": seen.agents}
            for seen in list_worktrees(here.world)
        ]
    )


@router.post("/remove")
def post_remove(body: WorktreeBody, here: Here) -> Answer:
    """Remove one in which nothing would be lost."""
    return Answer(worktree(remove_worktree(here.world, body.name)))


def worktree(one: Worktree) -> dict[str, Any]:
    return {
        "name": one.name,
        "path": one.path,
        "branch": one.branch,
        "repository": one.repo.removesuffix("/.git"),
        "base": one.base,
    }
