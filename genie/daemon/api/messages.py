"""/v1/messages: what is sent to agents, and how far it has come."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from genie.daemon.api.bodies import Body, CallerBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.waiting import following
from genie.daemon.api.wire import Answer
from genie.domain.events import Event
from genie.domain.message import OPEN, State
from genie.services.inbox import Letter, inbox, letter, whose
from genie.services.order import Caller
from genie.services.send import KINDS, send

router = APIRouter(prefix="/v1/messages")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

LONGEST = 600.0
"""Seconds that one request may wait; who wants more asks again."""


class CallingBody(Body):
    """Who asks."""

    caller: CallerBody

    def who(self, *, pid: int) -> Caller:
        """As the use cases want it; `pid` is the caller's by the kernel's word."""
        env = {str(key): str(value) for key, value in self.caller.env.items()}
        return Caller(cwd=self.caller.cwd, env=env, pid=pid or self.caller.pid)


class SendBody(CallingBody):
    """POST /v1/messages."""

    name: Text
    text: Text
    key: Text | None = None
    raw: bool = False
    cross_team: bool = False
    answer: bool = False


class InboxBody(CallingBody):
    """POST /v1/messages/inbox."""

    name: Text | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class WaitBody(Body):
    """POST /v1/messages/{id}/wait: until it is delivered or never will be, or with `answer` until it is answered."""

    answer: bool = False
    timeout: Annotated[float, Field(ge=0)] = LONGEST


@router.post("")
def post_message(body: SendBody, here: Here, peer: Peer) -> Answer:
    """Write down a message for an agent."""
    sent = send(
        here.world,
        body.who(pid=peer),
        body.name,
        body.text,
        key=body.key,
        raw=body.raw,
        cross_team=body.cross_team,
        answer=body.answer,
    )
    return Answer(_row(letter(here.world, sent.message.id)) | {"repeated": sent.repeated})


@router.post("/inbox")
def post_inbox(body: InboxBody, here: Here, peer: Peer) -> Answer:
    """What was sent to an agent, to the caller, or to all: to whom, and the last event before that was looked at."""
    world = here.world
    agent = whose(world, body.who(pid=peer), body.name)
    after = world.registry.last_event()
    found = inbox(world, agent, limit=body.limit)
    return Answer({"agent": agent, "messages": [_row(one) for one in found], "after": after})


@router.get("/{message}")
def get_message(message: UUID, here: Here) -> Answer:
    """One message."""
    return Answer(_row(letter(here.world, message)))


@router.post("/{message}/wait")
async def post_wait(message: UUID, body: WaitBody, here: Here, request: Request) -> Answer:
    """How it is, once that is settled or the time is over: `over` says which."""
    loop, registry = asyncio.get_running_loop(), here.world.registry
    deadline = loop.time() + min(body.timeout, LONGEST)
    wanted = OPEN | {State.DELIVERED} if body.answer else OPEN

    async def look() -> Letter:
        return await run_in_threadpool(letter, here.world, message)

    after = await run_in_threadpool(registry.last_event)
    found = await look()
    async with following(here, after=after, pause=lambda: min(max(deadline - loop.time(), 0.0), 5.0)) as batches:
        while found.message.state in wanted and loop.time() < deadline:
            batch = await anext(batches, None)
            if batch is None or await request.is_disconnected():
                break
            if not batch or message in _told(batch):
                found = await look()
    return Answer(_row(found) | {"over": found.message.state not in wanted})


def _told(batch: list[Event]) -> set[UUID]:
    """Of which messages these events tell."""
    return {UUID(str(event.payload["message"])) for event in batch if event.kind in KINDS}


def _row(one: Letter) -> dict[str, Any]:
    """`genie inbox --json`."""
    message = one.message
    return {
        "id": message.id,
        "from": message.wrote,
        "to": one.to,
        "text": message.text,
        "raw": message.raw,
        "key": message.key,
        "state": message.state,
        "reason": message.reason,
        "waits": one.waits,
        "tries": message.tries,
        "answer": message.answer,
        "session_id": message.session,
        "created_at": message.created_at,
        "changed_at": message.changed_at,
    }
