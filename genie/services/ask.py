"""Asking: a run's program asks for leave, and waits. What comes of it is settled once, whoever is first."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.errors import BadInput, NotAllowed, NotFound, Refused
from genie.domain.events import Event, Kind
from genie.domain.permission import LONGEST_WAIT, Asked, PermissionRequest, State, moved_on, request_of
from genie.ports import Tx
from genie.services.activity import run_of
from genie.services.world import World

MOST_OPEN = 100
"""Requests that one agent may have open."""
ANSWERED_THERE = "it was answered in its pane"
KINDS = {
    State.OPEN: Kind.PERMISSION_ASKED,
    State.ALLOWED: Kind.PERMISSION_ANSWERED,
    State.DENIED: Kind.PERMISSION_ANSWERED,
    State.WITHDRAWN: Kind.PERMISSION_WITHDRAWN,
    State.EXPIRED: Kind.PERMISSION_EXPIRED,
}
"""What is told of a request, once each."""


def ask(world: World, token: str, run: str | None, asked: Asked, *, wait: timedelta) -> PermissionRequest:
    """Write down what a run asks, until it does not wait any more.

    Raises Refused for a token that is not that of this live run, BadInput for a wait that is none, NotAllowed for an
    agent that has too many requests open.
    """
    if not timedelta(0) < wait <= LONGEST_WAIT:
        raise BadInput(f"cannot wait {wait.total_seconds():g} s for an answer", hint="more than 0 s, at most 7 days")
    own = run_of(world, token, run)
    if own is None:
        raise Refused("this is the token of no live run", hint="ask from within an agent's pane")
    owner = world.registry.owners([own])[own].agent
    request = request_of(owner, own, asked, id_=world.ids.new(), now=world.clock.now(), wait=wait)
    put_down(world, owner, request)
    world.fault("ask.committed")
    return request


def put_down(world: World, owner: Agent, request: PermissionRequest) -> None:
    """Write down a request, and tell of it. Raises NotAllowed for an agent that has too many requests open."""
    with world.registry.begin() as tx:
        if len(tx.open_permissions(owner.id)) >= MOST_OPEN:
            raise NotAllowed(f"'{owner.name}' has {MOST_OPEN} requests open", hint=f"genie answer {owner.name}")
        tx.add_permission(request)
        tell_of(tx, request)


def look(world: World, request: UUID) -> PermissionRequest:
    """As it is now; withdrawn, if its agent has gone on without an answer. Raises NotFound."""
    with world.registry.begin() as tx:
        found = tx.permission(request)
        if found is None:
            raise NotFound(f"unknown request {request}", hint="genie answer --list", kind="permission")
        return found if found.state is not State.OPEN else passed_by(world, tx, found)


def passed_by(world: World, tx: Tx, request: PermissionRequest) -> PermissionRequest:
    """An open request, withdrawn if nobody waits for an answer any more."""
    standing = tx.standing_of(request.agent)
    run = standing.run if standing else None
    if standing is None or run is None or run.id != request.run or run.ended_at is not None:
        return settle(world, tx, request, State.WITHDRAWN, "its run has ended")
    if moved_on(standing.agent, request):
        return settle(world, tx, request, State.WITHDRAWN, ANSWERED_THERE)
    return request


def expire(world: World, request: UUID) -> PermissionRequest:
    """Its time is over. One that is settled stays as it is."""
    return _end(world, request, State.EXPIRED, "nobody answered in time")


def withdraw(world: World, request: UUID, reason: str) -> PermissionRequest:
    """Whoever asked waits no more. One that is settled stays as it is."""
    return _end(world, request, State.WITHDRAWN, reason)


def withdraw_all(world: World) -> int:
    """Those that a daemon which is gone has left open on this host: nobody waits for them. How many."""
    left = world.registry.open_permissions_on(world.host)
    return sum(withdraw(world, one, "the daemon ended").state is State.WITHDRAWN for one in left)


def concerned(request: PermissionRequest, happened: Event) -> bool:
    """Whether an event may have settled that request."""
    if happened.payload.get("request") == str(request.id):
        return True
    return happened.agent == request.agent and happened.kind is Kind.ACTIVITY


def _end(world: World, request: UUID, state: State, reason: str) -> PermissionRequest:
    with world.registry.begin() as tx:
        found = tx.permission(request)
        if found is None:
            raise NotFound(f"unknown request {request}", hint="genie answer --list", kind="permission")
        return found if found.state is not State.OPEN else settle(world, tx, found, state, reason)


def settle(world: World, tx: Tx, request: PermissionRequest, state: State, reason: str) -> PermissionRequest:
    """An open request moved on, and told."""
    settled = request.to(state, now=world.clock.now(), reason=reason)
    tx.save_permission(settled)
    tell_of(tx, settled)
    return settled


def tell_of(tx: Tx, request: PermissionRequest) -> None:
    """Record what has become of a request. What the tool would be given is not told."""
    said: dict[str, object] = {
        "request": str(request.id),
        "tool": request.tool,
        "answer": request.answer.word.value if request.answer else None,
        "by": request.answered_by,
        "reason": request.reason,
    }
    payload = {name: value for name, value in said.items() if value is not None}
    tx.record(
        Event(
            kind=KINDS[request.state],
            at=request.changed_at,
            agent=request.agent,
            session=request.session,
            run=request.run,
            payload=payload,
        )
    )
