"""/v1/events: every change, as NDJSON, replayed and followed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from genie.daemon.api.context import Context, context
from genie.daemon.api.streams import MOST, NDJSON, Sieve, ndjson
from genie.daemon.api.waiting import following
from genie.daemon.api.wire import Answer, event
from genie.domain.events import Event, kinds_of

router = APIRouter(prefix="/v1/events")

Here = Annotated[Context, Depends(context)]


@router.get("")
async def get_events(
    request: Request,
    here: Here,
    after: Annotated[int, Query(ge=-1, le=MOST)] = -1,
    follow: bool = False,
    type: Annotated[list[str] | None, Query()] = None,  # noqa: A002  its name in the query
    team: str | None = None,
    tag: Annotated[list[str] | None, Query()] = None,
) -> StreamingResponse:
    """Events after that id, oldest first (-1: from now on), then what comes, with `follow`. Of these types, and of
    agents of that team, or with one of these tags, where that is said."""
    sieve = Sieve(kinds_of(type or ()), team, tag or ())
    cursor = await run_in_threadpool(here.world.registry.last_event) if after < 0 else after
    lines = _follow(request, here, cursor, sieve) if follow else _replay(here, cursor, sieve)
    return StreamingResponse(lines, media_type=NDJSON)


@router.get("/last")
def get_last(here: Here) -> Answer:
    """The id of the last event: after it comes what happens from now on."""
    return Answer({"id": here.world.registry.last_event()})


async def _replay(here: Context, cursor: int, sieve: Sieve) -> AsyncIterator[bytes]:
    names: dict[UUID, str] = {}
    while page := await run_in_threadpool(here.world.registry.events, after=cursor):
        if lines := await _lines(here, page, names, sieve):
            yield lines
        cursor = page[-1].id or cursor


async def _follow(request: Request, here: Context, cursor: int, sieve: Sieve) -> AsyncIterator[bytes]:
    names: dict[UUID, str] = {}
    async with following(here, after=cursor) as batches:
        async for batch in batches:
            if await request.is_disconnected():
                return
            if batch and (lines := await _lines(here, batch, names, sieve)):
                yield lines


async def _lines(here: Context, batch: list[Event], names: dict[UUID, str], sieve: Sieve) -> bytes:
    registry = here.world.registry
    if sieve.looks:
        wanted = await run_in_threadpool(sieve.sift, registry, batch)
    else:
        wanted = sieve.sift(registry, batch)
    unknown = [one.agent for one in wanted if one.agent and one.agent not in names]
    if unknown:
        names |= await run_in_threadpool(registry.agent_names, unknown)
    told = (event(one, name=names.get(one.agent) if one.agent else None) for one in wanted)
    return b"".join(map(ndjson, told))
