"""/v1/sessions/events: what is told in some sessions, as NDJSON: replayed, then followed, to their end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from genie.daemon.api.context import Context, context
from genie.daemon.api.sessions import Asked, outcome
from genie.daemon.api.streams import MOST, NDJSON, ndjson
from genie.daemon.api.waiting import LOOK_AT_SESSIONS, following, take_in
from genie.daemon.api.wire import event
from genie.domain.events import Event, kinds_of
from genie.services.listen import Audience, audience

router = APIRouter(prefix="/v1/sessions")

Here = Annotated[Context, Depends(context)]


@router.get("/events")
def get_events(
    request: Request,
    wanted: Asked,
    here: Here,
    type: Annotated[list[str] | None, Query()] = None,  # noqa: A002  its name in the query
    after: Annotated[int, Query(ge=0, le=MOST)] = 0,
) -> StreamingResponse:
    """The events of these sessions after that id, oldest first, then what comes, of these types where that is said. The
    last line, `{"over": true, "ended": […]}`, tells how the sessions have ended; without it the stream was cut off."""
    listener = audience(here.world, wanted, kinds=kinds_of(type or ()), after=after)
    return StreamingResponse(_listen(request, here, listener), media_type=NDJSON)


async def _listen(request: Request, here: Context, listener: Audience) -> AsyncIterator[bytes]:
    async with following(here, after=listener.horizon, pause=lambda: LOOK_AT_SESSIONS) as batches:
        pages = listener.replay()
        while (page := await run_in_threadpool(next, pages, None)) is not None:
            if page:
                yield _lines(page, listener)
        await run_in_threadpool(listener.begin)
        while not listener.over:
            batch = await anext(batches, None)
            if batch is None or await request.is_disconnected():
                return
            if told := listener.sift(batch):
                yield _lines(told, listener)
            await take_in(listener.vigil, batch)
    rest = listener.rest()
    while (page := await run_in_threadpool(next, rest, None)) is not None:
        if page:
            yield _lines(page, listener)
    ended = await run_in_threadpool(listener.outcomes)
    yield ndjson({"over": True, "ended": [outcome(one) for one in ended]})


def _lines(events: list[Event], listener: Audience) -> bytes:
    return b"".join(ndjson(event(one, name=listener.name(one))) for one in events)
