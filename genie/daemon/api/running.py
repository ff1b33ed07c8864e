"""/v1/sessions, /v1/sessions/retry, input and close: sessions that are run to their end, or are fed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import CallerBody, SpawnBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.errors import body_of
from genie.daemon.api.peer import check_peer
from genie.daemon.api.sessions import ChosenBody
from genie.daemon.api.wire import Answer, rehearsed, spawned
from genie.domain.agent import Agent
from genie.domain.errors import GenieError, NotFound
from genie.domain.selecting import Match
from genie.domain.session import Standing
from genie.services.kin import caller_of
from genie.services.order import Assignment, Caller, Order
from genie.services.retry import attempts, retry
from genie.services.run import rehearse_run, run
from genie.services.selecting import select
from genie.services.send import check_team
from genie.services.spawn import Spawned
from genie.services.tell import can_interrupt, close, interrupt, reads, tell
from genie.services.world import World

router = APIRouter(prefix="/v1/sessions")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]

ASSIGNED = tuple(field.name for field in fields(Assignment) if field.name != "retried_from")


class RunBody(SpawnBody):
    """POST /v1/sessions: as a spawn, and what is asked besides. `timeout` is a number of seconds or a text such as
    "10m"; `depends_on`, `context` and `pipe` are names and ids of sessions."""

    name: str = ""
    streaming: bool = False
    system_prompt: Text | None = None
    add_dirs: tuple[Text, ...] = ()
    files: tuple[Text, ...] = ()
    mcp_config: Text | None = None
    size: str | None = None
    max_turns: int | None = None
    auto_approve: bool = False
    timeout: str | float | None = None
    depends_on: tuple[Text, ...] = ()
    inject: bool = False
    context: tuple[Text, ...] = ()
    pipe: tuple[Text, ...] = ()
    worktree: str | None = None
    sandbox: str | None = None
    network: str | None = None
    # `schema` is a method of every model.
    json_schema: Text | None = None
    keep: bool = False

    def order(self, *, pid: int) -> Order:
        said = {name: getattr(self, "json_schema" if name == "schema" else name) for name in ASSIGNED}
        return self.as_order(pid=pid, leave_out=(*ASSIGNED, "json_schema"), assignment=Assignment(**said))


class RetryBody(ChosenBody):
    """POST /v1/sessions/retry: `failed` leaves out those that have not failed."""

    failed: bool = False
    model: str | None = None


class InputBody(ChosenBody):
    """POST /v1/sessions/input: `message` None says that no more will come, but with `interrupt`, which first ends the
    present turn; with `envelope` agents on a terminal see who wrote. A caller that is not said is who the kernel says
    it is."""

    message: Text | None = None
    interrupt: bool = False
    envelope: bool = False
    cross_team: bool = False
    caller: CallerBody | None = None

    def who(self, *, pid: int) -> Caller:
        """Who asks; `pid` is the caller's by the kernel's word."""
        said = self.caller or CallerBody(cwd="")
        return Caller(cwd=said.cwd, env={str(key): str(value) for key, value in said.env.items()}, pid=pid or said.pid)


@router.post("")
def post_run(body: RunBody, here: Here, peer: Peer) -> Answer:
    """Run a session to its end, or until no more comes."""
    world, order = here.world, body.order(pid=peer)
    if body.dry_run:
        return Answer(rehearsed(rehearse_run(world, order)))
    return Answer(_started(world, run(world, order)))


@router.post("/retry")
def post_retry(body: RetryBody, here: Here) -> Answer:
    """Run sessions once more; one that fails keeps no other from it."""
    matches = select(here.world, body.selection())
    chosen = [match for match in matches if not body.failed or match.standing.agent.life.value == "failed"]
    return Answer(list(here.pool.map(lambda match: _retried(here.world, match, body.model), chosen)))


@router.post("/input")
def post_input(body: InputBody, here: Here, peer: Peer) -> Answer:
    """Give a message to sessions; one that fails keeps no other from it."""
    world = here.world
    sender = caller_of(world, body.who(pid=peer))
    matches = select(world, body.selection())
    if body.words == () and not body.latest:
        # Of a group those are meant that read, and not who writes; who names one that does not is told.
        matches = [match for match in matches if _is_meant(world, match.standing, sender, body)]
        if not matches:
            what = "can be interrupted by genie" if body.interrupt else "reads messages"
            raise NotFound(f"none of them {what}", hint="genie ls --all")
    return Answer(_each(here, matches, lambda found: _tell(world, found, sender, body)))


def _is_meant(world: World, found: Standing, sender: Agent | None, body: InputBody) -> bool:
    if (sender is not None and sender.id == found.agent.id) or (body.interrupt and not can_interrupt(found)):
        return False
    return reads(world, found, closing=body.message is None)


def _tell(world: World, found: Standing, sender: Agent | None, body: InputBody) -> dict[str, Any]:
    if body.message is None or body.interrupt:
        check_team(world, sender, found.agent, cross_team=body.cross_team)
    if body.interrupt:
        interrupt(world, found)
    elif body.message is None:
        close(world, found)
    if body.message is None:
        return {"id": None, "state": None}
    raw = not body.envelope
    told = tell(world, found, body.message, sender=sender, raw=raw, cross_team=body.cross_team)
    return {"id": told.id, "state": told.state}


def _each(here: Context, matches: Sequence[Match], work: Callable[[Standing], dict[str, Any]]) -> list[dict[str, Any]]:
    def one(match: Match) -> dict[str, Any]:
        agent = match.standing.agent
        told = {"name": agent.name, "session_id": agent.session, "id": None, "state": None}
        try:
            told |= work(match.standing)
        except GenieError as error:
            return told | {"ok": False, "error": body_of(error)}
        return told | {"ok": True, "error": None}

    return list(here.pool.map(one, matches))


def _retried(world: World, match: Match, model: str | None) -> dict[str, Any]:
    agent = match.standing.agent
    try:
        started = retry(world, match, model=model)
    except GenieError as error:
        return {"name": agent.name, "retried_from": match.id, "ok": False, "error": body_of(error)}
    session = started.standing.agent.session
    tried = attempts(world, session) if session else 1
    return _started(world, started) | {"retried_from": match.id, "attempts": tried, "ok": True, "error": None}


def _started(world: World, started: Spawned) -> dict[str, Any]:
    agent, session = started.standing.agent, started.standing.session
    parent = world.registry.agent_names([agent.parent]).get(agent.parent) if agent.parent else None
    attend = session.attend if session else None
    return spawned(started, parent=parent) | {
        "log_path": world.recordings.path(session.id) if session and attend else None,
        "input_path": world.recordings.fifo(session.id) if session and attend and attend.keep_open else None,
        "interactive": bool(attend and attend.keep_open),
        "depends_on": [need.source for need in world.registry.needs(session.id)] if session else [],
    }
