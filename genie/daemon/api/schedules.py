"""/v1/schedules: sessions that are started by the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import Field, ValidationError

from genie.daemon.api.bodies import Body, SpawnBody
from genie.daemon.api.context import Context, context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.running import RunBody
from genie.daemon.api.wire import Answer
from genie.domain.errors import BadInput
from genie.domain.schedule import Cron, Every, Fire, Once, Trigger, What
from genie.domain.words import one_of
from genie.services import schedules
from genie.services.order import Order
from genie.services.schedules import Shown, Wish

router = APIRouter(prefix="/v1/schedules")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

BODIES: Mapping[What, type[SpawnBody]] = {What.SPAWN: SpawnBody, What.RUN: RunBody}
"""What is asked for, by its kind: what the request that starts it at once would have as its body."""


class ScheduleBody(Body):
    """POST /v1/schedules. `wanted` is the body that POST /v1/agents would get, for the kind "spawn", or POST
    /v1/sessions, for the kind "run"."""

    name: str
    kind: str
    wanted: dict[str, Any]
    cron: str | None = None
    every: str | float | None = None
    at: str | None = None
    in_: str | float | None = Field(default=None, alias="in")
    timezone: str | None = None
    missed: str | None = None
    overlap: str | None = None
    paused: bool = False

    def wish(self, *, pid: int) -> Wish:
        """As the use case wants it; `pid` is the caller's by the kernel's word. Raises BadInput."""
        said = {name: getattr(self, name) for name in type(self).model_fields if name not in ("kind", "wanted")}
        return Wish(what=self.kind, order=_order(self.kind, self.wanted, pid=pid), **said)


class ResumeBody(Body):
    """POST /v1/schedules/{name}/resume."""

    missed: str | None = None


def _order(kind: str, wanted: Mapping[str, Any], *, pid: int) -> Order:
    what = one_of("kind", kind, What)
    if what not in BODIES:
        raise BadInput(f"a '{kind}' cannot be scheduled", hint=f"known: {', '.join(one.value for one in BODIES)}")
    try:
        body = BODIES[what].model_validate(wanted)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in ("wanted", *first["loc"]))
        raise BadInput(f"{where}: {first['msg']}") from error
    if body.dry_run:
        raise BadInput("a dry run cannot be scheduled", hint="leave out --dry-run")
    return body.order(pid=pid)


@router.post("")
def post_schedule(body: ScheduleBody, here: Here, peer: Peer) -> Answer:
    """Add a schedule."""
    made = schedules.add(here.engine.timekeeper.table, body.wish(pid=peer))
    here.engine.timekeeper.look()
    return Answer(_schedule(made))


@router.get("")
def get_schedules(here: Here) -> Answer:
    """All schedules, with their next due times and what became of the last."""
    return Answer([_schedule(one) for one in schedules.schedules(here.engine.timekeeper.table)])


@router.get("/{name}")
def get_schedule(name: str, here: Here) -> Answer:
    """One schedule."""
    return Answer(_schedule(schedules.schedule(here.engine.timekeeper.table, name)))


@router.get("/{name}/history")
def get_history(name: str, here: Here, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Answer:
    """What became of its due times, latest first."""
    found, names = schedules.history(here.engine.timekeeper.table, name, limit=limit)
    return Answer([_fire(one, names) for one in found])


@router.post("/{name}/pause")
def post_pause(name: str, here: Here) -> Answer:
    """Start nothing until it is resumed."""
    return Answer(_schedule(schedules.pause(here.engine.timekeeper.table, name)))


@router.post("/{name}/resume")
def post_resume(name: str, body: ResumeBody, here: Here) -> Answer:
    """Go on."""
    resumed = schedules.resume(here.engine.timekeeper.table, name, missed=body.missed)
    here.engine.timekeeper.look()
    return Answer(_schedule(resumed))


@router.post("/{name}/run")
def post_run(name: str, here: Here) -> Answer:
    """Start it now, besides its due times."""
    fire = here.engine.timekeeper.run_now(name)
    names = here.world.registry.agent_names([fire.agent]) if fire.agent else {}
    return Answer(_fire(fire, names))


@router.post("/{name}/remove")
def post_remove(name: str, here: Here) -> Answer:
    """Forget a schedule. What it has started goes on."""
    removed = schedules.remove(here.engine.timekeeper.table, name)
    return Answer({"name": removed.name, "removed": True})


def _schedule(shown: Shown) -> dict[str, Any]:
    """`genie schedule show --json`."""
    one = shown.schedule
    state = "paused" if one.paused else "active" if shown.next else "over"
    return {
        "id": one.id,
        "name": one.name,
        "state": state,
        "kind": one.what,
        "wanted": _said(one.wanted),
        "trigger": _trigger(one.trigger),
        "timezone": one.timezone,
        "missed": one.missed,
        "overlap": one.overlap,
        "next": shown.next,
        "last": _fire(shown.last, {}) if shown.last else None,
        "host": one.host,
        "created_at": one.created_at,
        "created_by": one.created_by,
    }


def _said(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Without all that was not said."""
    flat = {key: _said(value) if isinstance(value, dict) else value for key, value in wanted.items()}
    return {key: value for key, value in flat.items() if value not in (None, False, "", [], {})}


def _trigger(trigger: Trigger) -> dict[str, Any]:
    match trigger:
        case Cron(expression):
            return {"cron": expression}
        case Every(span, start):
            return {"every": span, "start": start}
        case Once(at):
            return {"at": at}


def _fire(fire: Fire, names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "due": fire.due,
        "by_hand": fire.by_hand,
        "outcome": fire.outcome,
        "detail": fire.detail,
        "passed": fire.passed,
        "agent_id": fire.agent,
        "name": names.get(fire.agent) if fire.agent else None,
        "session_id": fire.session,
        "claimed_at": fire.claimed_at,
        "settled_at": fire.settled_at,
    }
