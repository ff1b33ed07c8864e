"""Answering: somebody else than its pane says yes or no to what an agent asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genie.domain.agent import Activity, Agent
from genie.domain.errors import Conflict, NotAllowed, NotFound
from genie.domain.message import PERSON
from genie.domain.permission import Answer, PermissionRequest, State, check_answerer, parse_answer
from genie.domain.selecting import Selection
from genie.ports import Tx
from genie.services.ask import passed_by, tell_of
from genie.services.kin import caller_of
from genie.services.order import Caller
from genie.services.selecting import select_one
from genie.services.world import World

ASKING = (Activity.PERMISSION, Activity.QUESTION)
MOST = 1000
RECENT = 200
"""Requests of an agent in which one that is over is looked for."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A request, and the agent that asks."""

    request: PermissionRequest
    agent: Agent


def answer(world: World, caller: Caller, name: str, said: str, *, id: str | None = None) -> Entry:  # noqa: A002
    """Answer what an agent asks: `yes`, `no`, `always`, or a text. `id` is the beginning of a request's.

    Raises NotFound for an agent or a request that is not there, Conflict where several are open and none is named,
    NotAllowed where nothing is asked or it is over already, Refused for who may not answer, BadInput for an answer that
    is none, or none to this.
    """
    given = parse_answer(said)
    own = caller_of(world, caller)
    agent = select_one(world, Selection(words=(name,))).standing.agent
    with world.registry.begin() as tx:
        check_answerer(agent, own, tx.line(agent.id))
        waiting = [passed_by(world, tx, one) for one in tx.open_permissions(agent.id)]
        open_ = [one for one in waiting if one.state is State.OPEN and one.until > world.clock.now()]
        chosen = _chosen(open_, agent, id)
        settled = _settled(world, tx, chosen, given, own) if chosen else None
    if settled is None:
        raise _nothing(world, agent, id)
    world.fault("answer.committed")
    return Entry(settled, agent)


def _chosen(waiting: Sequence[PermissionRequest], agent: Agent, id_: str | None) -> PermissionRequest | None:
    wanted = (id_ or "").lower().replace("-", "")
    fit = [one for one in waiting if one.id.hex.startswith(wanted)]
    if len(fit) > 1:
        listed = ", ".join(f"{one.mark} {one.line}" for one in fit)
        raise Conflict(f"'{agent.name}' asks {len(fit)} things: {listed}", hint="name one: --id ID")
    return fit[0] if fit else None


def _settled(world: World, tx: Tx, request: PermissionRequest, given: Answer, own: Agent | None) -> PermissionRequest:
    by, name = (own.id, own.name) if own else (None, PERSON)
    settled = request.answered(given, by=by, name=name, now=world.clock.now())
    tx.save_permission(settled)
    tell_of(tx, settled)
    return settled


def _nothing(world: World, agent: Agent, id_: str | None) -> NotAllowed | NotFound:
    """Why there is nothing to answer. A dialog that stands in its pane all the same can be answered there."""
    hint = f"genie attach {agent.name}" if agent.activity in ASKING else "genie answer --list"
    wanted = (id_ or "").lower().replace("-", "")
    past = world.registry.permissions(agent.id, limit=RECENT, over=True)
    fit = [one for one in past if one.id.hex.startswith(wanted)]
    if wanted and not fit:
        return NotFound(
            f"'{agent.name}' has no request '{id_}'", hint="genie answer --list", kind="permission", name=id_
        )
    if not fit:
        what = "asks nothing that can be answered from here" if agent.activity in ASKING else "asks nothing"
        return NotAllowed(f"'{agent.name}' {what}", hint=hint)
    last = fit[-1]
    fate = "nobody answered in time" if last.state is State.OPEN else last.fate
    what = "that request" if wanted else "its last request"
    return NotAllowed(f"'{agent.name}' asks nothing now: {what} ({last.line}) is {fate}", hint=hint)


def entries(world: World, name: str | None = None, *, over: bool = False, limit: int = 100) -> list[Entry]:
    """What is asked, of an agent or of all, oldest first; with `over` also what was. Raises NotFound, Conflict."""
    agent = select_one(world, Selection(words=(name,))).standing.agent if name is not None else None
    found = world.registry.permissions(agent.id if agent else None, limit=min(limit, MOST), over=over)
    standings = world.registry.standings(list(dict.fromkeys(one.agent for one in found)))
    agents = {standing.agent.id: standing.agent for standing in standings}
    return [Entry(one, agents[one.agent]) for one in found]
