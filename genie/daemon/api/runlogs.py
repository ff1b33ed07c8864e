"""/v1/agents/{name}/log: what a plain command wrote."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.services.screen import log_of

router = APIRouter(prefix="/v1/agents")


@router.get("/{name}/log")
def get_log(
    name: str,
    here: Annotated[Context, Depends(context)],
    lines: Annotated[int | None, Query(ge=1, le=10_000_000)] = None,
    after: Annotated[str | None, Query(max_length=200)] = None,
) -> Answer:
    """A piece of the log of the latest run that has one: from the beginning of what is kept, of the last lines, or
    after the mark of an earlier answer. `more` says that the next piece is there already."""
    found = log_of(here.world, name, lines=lines, after=after)
    return Answer({"text": found.text, "path": found.path, "run_id": found.run, "mark": found.mark, "more": found.more})
