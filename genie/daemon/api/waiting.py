"""Following the feed from asyncio: who waits costs nothing until an event wakes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from genie.daemon.api.context import Context
from genie.domain.events import Event
from genie.services.wait import Vigil

LOOK_ANYWAY = 5.0
"""Seconds after which a waiter looks even if nothing was pushed."""

LOOK_AT_SESSIONS = 10.0
"""The same for a waiter whom events tell all, over restarts too: a net under them."""


@asynccontextmanager
async def following(
    here: Context, *, after: int, pause: Callable[[], float] = lambda: LOOK_ANYWAY
) -> AsyncIterator[AsyncIterator[list[Event]]]:
    """Batches of events after that id; an empty one after `pause` seconds in which nothing happens. They end with the
    registry, and with the daemon."""
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(woken.set)

    subscription = here.feed.subscribe(after=after, wake=wake)

    async def batches() -> AsyncIterator[list[Event]]:
        while not (subscription.closed or here.engine.leaving.begun):
            with suppress(TimeoutError):
                await asyncio.wait_for(woken.wait(), pause())
            woken.clear()
            yield subscription.take()

    try:
        with here.engine.leaving.told_to(wake):
            yield batches()
    finally:
        subscription.close()


async def keep(here: Context, request: Request, vigil: Vigil, *, within: float | None) -> None:
    """Wait until a vigil is over, `within` seconds have passed, the client has gone or the feed was closed.

    Costs neither a thread nor a connection to the database while nothing happens to those that are waited for.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within if within is not None else None

    def left() -> float:
        return LOOK_AT_SESSIONS if deadline is None else min(max(deadline - loop.time(), 0.0), LOOK_AT_SESSIONS)

    async with following(here, after=vigil.cursor, pause=left) as batches:
        await run_in_threadpool(vigil.begin)
        while not vigil.over:
            batch = await anext(batches, None)
            if batch is None or await request.is_disconnected():
                return
            await take_in(vigil, batch)
            if deadline is not None and loop.time() >= deadline:
                return


async def take_in(vigil: Vigil, batch: list[Event]) -> None:
    """Tell a vigil what has happened; without anything it looks for itself."""
    news = vigil.news(batch)
    if not batch:
        await run_in_threadpool(vigil.look)
    elif vigil.concerned(news):
        await run_in_threadpool(vigil.take, news)
    vigil.passed(news)
