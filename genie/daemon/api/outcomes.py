"""/v1/sessions/output, outcomes and summary, /v1/done, /v1/gc: what sessions have come to, and have left behind."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from genie.daemon.api.bodies import Body, CallerBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.sessions import Asked
from genie.daemon.api.wire import Answer
from genie.domain.conversation import Tokens
from genie.services.done import done
from genie.services.gc import Pile, gc
from genie.services.order import Caller
from genie.services.outcomes import Known, collect, output
from genie.services.summary import Summary, summary

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

HEAD = 400
"""Characters of a result that a summary shows."""
CENTURY = 100 * 365 * 86400.0


class DoneBody(Body):
    """POST /v1/done."""

    caller: CallerBody
    result: Text | None = None


class GcBody(Body):
    """POST /v1/gc: `age` is in seconds."""

    age: Annotated[float, Field(ge=0, le=CENTURY)]
    force: bool = False


@router.get("/sessions/output")
def get_output(wanted: Asked, here: Here) -> Answer:
    """The result of one session."""
    found = output(here.world, wanted)
    return Answer({"session_id": found.session, "name": found.agent.name, "result": found.text})


@router.get("/sessions/outcomes")
def get_outcomes(wanted: Asked, here: Here) -> Answer:
    """What sessions have come to so far."""
    return Answer([_outcome(one) for one in collect(here.world, wanted)])


@router.get("/sessions/summary")
def get_summary(wanted: Asked, here: Here, stats: bool = False) -> Answer:
    """What sessions did; with `stats` numbers only."""
    tell = _stats if stats else _summary
    return Answer([tell(one) for one in summary(here.world, wanted, stats=stats)])


@router.post("/done")
def post_done(body: DoneBody, here: Here, peer: Peer) -> Answer:
    """Keep the result of the caller's session."""
    env = {str(key): str(value) for key, value in body.caller.env.items()}
    caller = Caller(cwd=body.caller.cwd, env=env, pid=peer or body.caller.pid)
    kept = done(here.world, caller, body.result)
    return Answer(
        {
            "session_id": kept.result.session,
            "name": kept.standing.agent.name,
            "submitted": kept.result.submitted,
            "replaced": kept.replaced,
        }
    )


@router.post("/gc")
def post_gc(body: GcBody, here: Here) -> Answer:
    """What has been left behind on this host, by kind; with `force` it is removed."""
    piles = gc(here.world, age=timedelta(seconds=body.age), force=body.force)
    return Answer([_pile(one) for one in piles])


def _who(one: Known) -> dict[str, Any]:
    agent = one.agent
    return {
        "session_id": one.session,
        "name": agent.name,
        "provider": one.provider,
        "model": agent.model,
        "status": one.status,
    }


def _outcome(one: Known) -> dict[str, Any]:
    structured = {} if one.structured is None else {"structured": one.structured}
    told = {"result_text": one.text, "error": one.error, "usage": _usage(one.tokens)}
    return _who(one) | told | structured


def _usage(tokens: Tokens) -> dict[str, Any]:
    return tokens.payload() | {"cost": tokens.cost}


def _summary(one: Summary) -> dict[str, Any]:
    return _who(one.known) | {
        "turns": one.turns,
        "tool_calls": one.digest.tools,
        "files_written": one.digest.files,
        "duration": one.digest.lived,
        "usage": _usage(one.tokens),
        "result_head": None if one.known.text is None else _head(one.known.text),
        "error": one.known.error,
    }


def _stats(one: Summary) -> dict[str, Any]:
    numbers = {
        "turns": one.turns,
        "tool_calls": one.calls,
        "files_written": len(one.digest.files),
        "duration": one.digest.lived,
    }
    return {"session_id": one.known.session, "name": one.known.agent.name} | numbers | _usage(one.tokens)


def _head(text: str) -> str:
    return text if len(text) <= HEAD else f"{text[: HEAD - 1]}…"


def _pile(one: Pile) -> dict[str, Any]:
    return {
        "what": one.what,
        "count": one.heap.count,
        "bytes": one.heap.size,
        "removed": one.removed,
        "names": one.names,
        "problems": one.problems,
    }
