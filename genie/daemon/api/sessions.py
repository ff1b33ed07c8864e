"""/v1/sessions: the sessions that a selection means: how they are, waiting for their end, ending them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from genie.daemon.api.bodies import Body, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.errors import body_of
from genie.daemon.api.waiting import keep
from genie.daemon.api.wire import Answer
from genie.domain.activity import shown
from genie.domain.errors import BadInput, GenieError
from genie.domain.selecting import Match, Selection
from genie.domain.session import Standing
from genie.services import status
from genie.services.cancel import cancel
from genie.services.selecting import note, select
from genie.services.wait import Outcome, Vigil, at_rest
from genie.services.world import World

router = APIRouter(prefix="/v1/sessions")

Here = Annotated[Context, Depends(context)]

LONGEST = 600.0
"""Seconds that one request may wait; who wants more asks again."""


def _asked(
    word: Annotated[list[str] | None, Query()] = None,
    team: str | None = None,
    tag: Annotated[list[str] | None, Query()] = None,
    latest: bool = False,
) -> Selection:
    """A selection out of a query."""
    return Selection(words=tuple(word or ()), team=team, tags=tuple(tag or ()), latest=latest)


Asked = Annotated[Selection, Depends(_asked)]


class ChosenBody(Body):
    """A selection, or `agents` that were selected before: then nothing is selected anew."""

    words: tuple[Text, ...] = ()
    team: str | None = None
    tags: tuple[str, ...] = ()
    latest: bool = False
    agents: tuple[UUID, ...] | None = None

    def selection(self) -> Selection:
        return Selection(words=self.words, team=self.team, tags=self.tags, latest=self.latest)


class WaitBody(ChosenBody):
    """POST /v1/sessions/wait: with `agents`, `after` is the event up to which they were seen, `told` are the sessions
    whose end is known."""

    any: bool = False
    follow_tag: bool = False
    timeout: Annotated[float, Field(ge=0)] = LONGEST
    after: Annotated[int, Field(ge=0)] | None = None
    told: tuple[UUID, ...] = ()


class CancelBody(ChosenBody):
    """POST /v1/sessions/cancel."""

    reason: Text | None = None


@router.get("")
def get_sessions(wanted: Asked, here: Here) -> Answer:
    """The sessions that are meant, and the last event before they were looked at."""
    after = here.world.registry.last_event()
    matches = select(here.world, wanted)
    return Answer({"sessions": [_selected(match) for match in matches], "notes": _notes(matches), "after": after})


@router.get("/status")
def get_status(wanted: Asked, here: Here) -> Answer:
    """How one session is."""
    return Answer(_status(status.status(here.world, wanted)))


@router.post("/wait")
async def post_wait(body: WaitBody, here: Here, request: Request) -> Answer:
    """What has ended, once all have, or with `any` one has, or the time is over: pushed, not polled. Who is not in it
    is in `pending`, to be asked for again with `after`."""
    if body.follow_tag and not body.tags:
        raise BadInput("no tag is given that could be followed", hint="give --tag TAG")
    vigil, notes = await run_in_threadpool(_vigil, here.world, body)
    await keep(here, request, vigil, within=min(body.timeout, LONGEST))
    pending = [_session(one) for one in vigil.pending.values() if one]
    ended = [outcome(one) for one in vigil.ended]
    return Answer({"ended": ended, "pending": pending, "over": vigil.over, "after": vigil.cursor, "notes": notes})


@router.post("/cancel")
def post_cancel(body: CancelBody, here: Here) -> Answer:
    """End sessions with their whole process trees; one that fails keeps no other from it."""
    world = here.world
    if body.agents is None:
        chosen: Sequence[Standing] = [match.standing for match in select(world, body.selection())]
    else:
        chosen = world.registry.standings(body.agents)
    return Answer(list(here.pool.map(lambda one: _cancelled(world, one, body.reason), chosen)))


def _vigil(world: World, body: WaitBody) -> tuple[Vigil, list[str]]:
    cursor = world.registry.last_event() if body.after is None else body.after
    matches = select(world, body.selection()) if body.agents is None else []
    agents = body.agents if body.agents is not None else [match.standing.agent.id for match in matches]
    follow = body.selection() if body.follow_tag else None
    vigil = Vigil(world, agents, cursor=cursor, any_=body.any, follow=follow, told=body.told)
    return vigil, _notes(matches)


def _cancelled(world: World, found: Standing, reason: str | None) -> dict[str, Any]:
    agent = found.agent
    told = {"name": agent.name, "session_id": agent.session}
    try:
        standing, done = cancel(world, found, reason=reason)
    except GenieError as error:
        return told | {"state": None, "outcome": "failed", "detail": error.message, "error": body_of(error)}
    life = standing.agent.life
    outcome = "cancelled" if done else f"already {life.value}"
    return told | {"state": life, "outcome": outcome, "detail": standing.agent.reason or "", "error": None}


def _notes(matches: Sequence[Match]) -> list[str]:
    return [told for match in matches if (told := note(match))]


def _session(found: Standing) -> dict[str, Any]:
    agent = found.agent
    return {
        "session_id": agent.session,
        "name": agent.name,
        "state": agent.life,
        "reason": agent.reason,
        "agent_id": agent.id,
    }


def _selected(match: Match) -> dict[str, Any]:
    return _session(match.standing) | {"ended": at_rest(match.standing), "past_session": match.past}


def outcome(one: Outcome) -> dict[str, Any]:
    """How a session has ended."""
    return {
        "session_id": one.session,
        "name": one.name,
        "success": one.success,
        "state": one.life,
        "reason": one.reason,
        "agent_id": one.agent,
    }


def _status(one: status.Status) -> dict[str, Any]:
    agent, run = one.match.standing.agent, one.match.standing.run
    live = run is not None and run.ended_at is None
    return {
        "status": one.word,
        "session_id": agent.session,
        "past_session": one.match.past,
        "name": agent.name,
        "state": agent.life,
        "pid": run.pane.pid if run and run.pane and live else None,
        "activity": shown(agent),
        "activity_since": agent.activity_since,
        "last_event": {"kind": one.last.kind, "at": one.last.at} if one.last else None,
        "heartbeat_age": one.age,
        "reason": agent.reason,
        "notes": _notes([one.match]),
    }
