"""/v1/search: what was said, by its words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.domain.searching import Hit, Role, Search
from genie.domain.words import one_of
from genie.services.search import search

router = APIRouter(prefix="/v1/search")


@router.get("")
def get_search(
    query: str,
    here: Annotated[Context, Depends(context)],
    role: Annotated[list[str] | None, Query()] = None,
    tool: str | None = None,
    provider: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    tag: Annotated[list[str] | None, Query()] = None,
    team: str | None = None,
    name: str | None = None,
    limit: int = 20,
) -> Answer:
    """The best hits, the best first; the matches in a headline stand between asterisks."""
    wanted = Search(
        text=query,
        roles=tuple(one_of("role", word, Role) for word in role or ()),
        tool=tool,
        provider=provider,
        since=_aware(since),
        until=_aware(until),
        tags=tuple(tag or ()),
        team=team,
        name=name,
        limit=limit,
    )
    return Answer([_hit(one) for one in search(here.world, wanted)])


def _aware(at: datetime | None) -> datetime | None:
    """A time without a zone is the host's."""
    return at.astimezone() if at and at.tzinfo is None else at


def _hit(one: Hit) -> dict[str, Any]:
    return {
        "id": one.id,
        "seq": one.seq,
        "at": one.at,
        "kind": one.kind,
        "role": one.role,
        "name": one.name,
        "team": one.team,
        "session_id": one.session,
        "provider": one.provider,
        "tool": one.tool,
        "rank": round(one.rank, 6),
        "headline": one.headline,
    }
