"""What was sent, and how far it has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from genie.domain.errors import NotFound
from genie.domain.message import Fail, Message, State, Wait, judge
from genie.domain.selecting import Selection
from genie.services.deliver import channels_for, opening
from genie.services.kin import caller_of
from genie.services.order import Caller
from genie.services.selecting import select_one
from genie.services.world import World

MOST = 1000


@dataclass(frozen=True, slots=True)
class Letter:
    """A message, the name of who gets it, and what it waits for if it waits."""

    message: Message
    to: str
    waits: str | None


def whose(world: World, caller: Caller, name: str | None) -> UUID | None:
    """Whose inbox is meant: that of the named agent, or the caller's own; None, which is everybody's, for a person.
    Raises NotFound, Conflict, Refused for a token that is not good."""
    if name is not None:
        return select_one(world, Selection(words=(name,))).standing.agent.id
    own = caller_of(world, caller)
    return own.id if own else None


def inbox(world: World, agent: UUID | None, *, limit: int = 100) -> list[Letter]:
    """The latest messages that were sent to that agent, or to all, in their order."""
    return letters(world, world.registry.inbox(agent, limit=min(limit, MOST)))


def letter(world: World, message: UUID) -> Letter:
    """Raises NotFound."""
    found = letters(world, world.registry.find_messages([message]))
    if not found:
        raise NotFound(f"unknown message {message}", hint="genie inbox", kind="message")
    return found[0]


def letters(world: World, messages: Sequence[Message]) -> list[Letter]:
    """These with what is told of them."""
    agents = list(dict.fromkeys(message.agent for message in messages))
    names = world.registry.agent_names(agents)
    queued = [message for message in messages if message.state is State.QUEUED]
    waits = {agent: _waits(world, agent, queued) for agent in {message.agent for message in queued}}
    return [
        Letter(message, names[message.agent], waits[message.agent] if message.state is State.QUEUED else None)
        for message in messages
    ]


def _waits(world: World, agent: UUID, queued: Sequence[Message]) -> str | None:
    """Why the first of an agent's messages is not handed over now; those behind it wait for that. One that was still
    queued when it was read may be on its way by now: it waits for nothing."""
    with world.registry.begin() as tx:
        found, waiting, last = tx.standing_of(agent), tx.open_messages(agent), tx.last_claim(agent)
    if found is None or not waiting:
        return None
    if waiting[0].state is State.DELIVERING:
        return None if waiting[0].id in {one.id for one in queued} else "the one before is being delivered"
    now = world.clock.now()
    last = now if opening(world, found) else last
    verdict = judge(waiting[0], found.agent, channels_for(world, found), last=last, now=now)
    return verdict.reason if isinstance(verdict, Wait | Fail) else waiting[0].reason
