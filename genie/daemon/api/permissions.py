"""/v1/permissions: what agents ask leave for, and who says yes or no. Who asks is held until somebody does."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from genie.daemon.api.bodies import Body, CallerBody, HookBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.waiting import following
from genie.daemon.api.wire import Answer
from genie.domain.errors import GenieError
from genie.domain.events import Event
from genie.domain.permission import LONGEST_WAIT, Asked, PermissionRequest, State, Word, choices, granted
from genie.services.answer import Entry, answer, entries
from genie.services.ask import ask, concerned, expire, look, withdraw
from genie.services.order import Caller

log = structlog.get_logger("genie.permissions")

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

Wait = Annotated[float, Field(gt=0, le=LONGEST_WAIT.total_seconds(), allow_inf_nan=False)]

LOOK_ANYWAY = 30.0
"""Seconds after which a request is looked at, though nothing was told of it."""
GONE = "whoever asked has gone"
LEAVING = "the daemon ended"


class AskBody(Body):
    """POST /v1/permissions: with the run and its token. `wait` is in seconds, `suggestions` are the provider's own
    rules by which it would not have to ask again."""

    run: str
    token: str
    tool: Annotated[Text, Field(min_length=1)]
    input: dict[str, Any] = Field(default_factory=dict)
    suggestions: tuple[dict[str, Any], ...] = ()
    wait: Wait


class AskingHookBody(HookBody):
    """POST /v1/permissions/hook: what a provider's hook was given. `wait` is in seconds, as a text."""

    wait: Wait


class AnswerBody(Body):
    """POST /v1/agents/{name}/answer."""

    caller: CallerBody
    answer: Text
    id: str | None = None

    def who(self, *, pid: int) -> Caller:
        """As the use cases want it; `pid` is the caller's by the kernel's word."""
        env = {str(key): str(value) for key, value in self.caller.env.items()}
        return Caller(cwd=self.caller.cwd, env=env, pid=pid or self.caller.pid)


@router.post("/permissions")
async def post_permission(body: AskBody, here: Here, request: Request) -> Answer:
    """Ask, and wait for the answer."""
    asked = Asked(body.tool, body.input, body.suggestions)
    settled = await _answered(here, request, body.token, body.run, asked, body.wait)
    given = settled.answer
    return Answer(
        {
            "id": settled.id,
            "state": settled.state,
            "answer": given.word if given else "none",
            "text": given.text if given else "",
            "by": settled.answered_by,
            "answers": choices(asked.input, given.text) if given and asked.is_question and given.text else {},
            "suggestions": granted(asked.suggestions) if given and given.word is Word.ALWAYS else [],
        }
    )


@router.post("/permissions/hook")
async def post_hook(body: AskingHookBody, here: Here, request: Request) -> Response:
    """Ask for a provider's hook, and answer with what that is to print: nothing where nobody has answered."""
    token = body.token or ""
    provider = body.event.partition(".")[0]
    await run_in_threadpool(here.engine.hooked, body.event, body.payload, body.at, token=token, run=body.run)
    asked = here.engine.dialogs.asked(provider, body.payload)
    if asked is None:
        return Response("")
    settled = await _answered(here, request, token, body.run, asked, body.wait)
    if settled.answer is None:
        return Response("")
    return Response(here.engine.dialogs.decision(provider, asked, settled.answer), media_type="application/json")


@router.get("/permissions")
def get_permissions(here: Here, agent: str | None = None, all: bool = False) -> Answer:  # noqa: A002
    """What is asked, of one agent or of all; with `all` what was asked, too."""
    return Answer([row_of(one) for one in entries(here.world, agent, over=all)])


@router.post("/agents/{name}/answer")
def post_answer(name: str, body: AnswerBody, here: Here, peer: Peer) -> Answer:
    """Answer what an agent asks."""
    return Answer(row_of(answer(here.world, body.who(pid=peer), name, body.answer, id=body.id)))


# ---- waiting --------------------------------------------------------------------------------


async def _answered(
    here: Context, request: Request, token: str, run: str | None, asked: Asked, wait: float
) -> PermissionRequest:
    """It once it is settled: by an answer, by the end of the wait, because whoever asked has gone on or away, or
    because this daemon ends. Raises what `ask` raises."""
    world, span = here.world, timedelta(seconds=wait)
    after = await run_in_threadpool(world.registry.last_event)
    made = await run_in_threadpool(lambda: ask(world, token, run, asked, wait=span))
    log.info("asked", request=made.mark, tool=made.tool, run=str(made.run))
    reason = LEAVING
    try:
        found, reason = await _wait(here, request, made, after)
    finally:
        # Also where this is cancelled, or the registry went away: then its next daemon says so.
        with suppress(GenieError):
            found = await asyncio.shield(run_in_threadpool(withdraw, world, made.id, reason))
    log.info("settled", request=made.mark, state=found.state.value)
    return found


async def _wait(here: Context, request: Request, made: PermissionRequest, after: int) -> tuple[PermissionRequest, str]:
    """As it is when waiting is over, and why it is, if nobody has settled it."""
    loop, world = asyncio.get_running_loop(), here.world
    deadline = loop.time() + (made.until - made.asked_at).total_seconds()
    gone = asyncio.create_task(_disconnected(request))
    following_one: asyncio.Future[list[Event] | None] | None = None
    try:
        pause = lambda: min(max(deadline - loop.time(), 0.0), LOOK_ANYWAY)  # noqa: E731
        async with following(here, after=after, pause=pause) as batches:
            found = made
            while found.state is State.OPEN:
                if loop.time() >= deadline:
                    return await run_in_threadpool(expire, world, made.id), ""
                following_one = asyncio.ensure_future(anext(batches, None))
                await asyncio.wait({gone, following_one}, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    return found, GONE
                batch = following_one.result()
                if batch is None:
                    return found, LEAVING
                if not batch or any(concerned(made, happened) for happened in batch):
                    found = await run_in_threadpool(look, world, made.id)
            return found, ""
    finally:
        gone.cancel()
        if following_one:
            following_one.cancel()


async def _disconnected(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def row_of(one: Entry) -> dict[str, Any]:
    """`genie answer --json`."""
    request, given = one.request, one.request.answer
    return {
        "id": request.id,
        "name": one.agent.name,
        "team": one.agent.team,
        "tool": request.tool,
        "line": request.line,
        "input": request.input,
        "question": request.is_question,
        "always": bool(granted(request.suggestions)),
        "state": request.state,
        "answer": given.word if given else None,
        "text": given.text if given else None,
        "by": request.answered_by,
        "reason": request.reason,
        "asked_at": request.asked_at,
        "until": request.until,
        "changed_at": request.changed_at,
        "session_id": request.session,
        "run_id": request.run,
    }
