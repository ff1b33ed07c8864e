"""/v1/tree and /v1/runs: who has spawned whom, and what they use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from genie.daemon.api.context import Context, context
from genie.daemon.api.vitals_wire import node, vital
from genie.daemon.api.wire import Answer
from genie.ports import Wanted
from genie.services import grove

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]


@router.get("/tree")
def get_tree(here: Here, name: str | None = None, all: bool = False) -> Answer:  # noqa: A002  its name in the query
    """Spawn trees in the order of drawing: each parent before its children."""
    return Answer([node(one) for one in grove.tree(here.world, name, everything=all)])


@router.get("/runs")
def get_runs(
    here: Here,
    name: Annotated[list[str] | None, Query()] = None,
    team: str | None = None,
    tag: Annotated[list[str] | None, Query()] = None,
) -> Answer:
    """The live runs, and what they used in the last minutes."""
    wanted = Wanted(names=tuple(name or ()), team=team, tags=tuple(tag or ()))
    return Answer([vital(one) for one in grove.runs(here.world, wanted)])
