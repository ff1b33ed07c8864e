"""/v1/needs: the agents for which a human is needed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer, row
from genie.services.notify import needed
from genie.services.roster import rows

router = APIRouter(prefix="/v1/needs")

Here = Annotated[Context, Depends(context)]


@router.get("")
def get_needs(here: Here, team: str | None = None) -> Answer:
    """Who waits for a human, longest first: rows as those of the roster, with `need` and `need_since`."""
    found = [one for one in needed(here.world) if team in (None, one.standing.agent.team)]
    shown = rows(here.world, [one.standing for one in found])
    return Answer(
        [
            row(line) | {"need": one.need.occasion, "need_since": one.need.since, "need_detail": one.need.detail}
            for one, line in zip(found, shown, strict=True)
        ]
    )
