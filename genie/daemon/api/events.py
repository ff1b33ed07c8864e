"""/v1/events: every change, as NDJSON, replayed and followed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from genie.daemon.api.context import Context, context
from genie.daemon.api.waiting import following
from genie.daemon.api.wire import event, plain
from genie.domain.events import Event

router = APIRouter(prefix="/v1/events")


@router.get("")
async def get_events(
    request: Request,
    here: Annotated[Context, Depends(context)],
    after: Annotated[int, Query(ge=-1)] = -1,
    follow: bool = False,
) -> StreamingResponse:
    """Events after that id, oldest first (-1: from now on), then what comes, with `follow`."""
    registry = here.world.registry
    cursor = await run_in_threadpool(registry.last_event) if after < 0 else after
    lines = _follow(request, here, cursor) if follow else _replay(here, cursor)
    return StreamingResponse(lines, media_type="application/x-ndjson")


async def _replay(here: Context, cursor: int) -> AsyncIterator[bytes]:
    names: dict[UUID, str] = {}
    while page := await run_in_threadpool(here.world.registry.events, after=cursor):
        yield await _lines(here, page, names)
        cursor = page[-1].id or cursor


async def _follow(request: Request, here: Context, cursor: int) -> AsyncIterator[bytes]:
    names: dict[UUID, str] = {}
    async with following(here, after=cursor) as batches:
        async for batch in batches:
            if await request.is_disconnected():
                return
            if batch:
                yield await _lines(here, batch, names)


async def _lines(here: Context, batch: list[Event], names: dict[UUID, str]) -> bytes:
    unknown = [one.agent for one in batch if one.agent and one.agent not in names]
    if unknown:
        names |= await run_in_threadpool(here.world.registry.agent_names, unknown)
    told = (event(one, name=names.get(one.agent) if one.agent else None) for one in batch)
    return b"".join(json.dumps(one, default=plain, separators=(",", ":")).encode() + b"\n" for one in told)
