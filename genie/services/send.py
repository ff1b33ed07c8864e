"""Sending: a message is written down, and the deliverer brings it when its reader can take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from genie.domain.agent import Agent, Desired, Life
from genie.domain.errors import BadInput, NotAllowed, Refused
from genie.domain.events import Event, Kind
from genie.domain.message import PERSON, Channel, Message
from genie.domain.selecting import Selection
from genie.domain.session import Standing, Way
from genie.ports import Tx
from genie.services.kin import caller_of
from genie.services.order import Caller
from genie.services.selecting import select_one
from genie.services.world import World

LONGEST = 2**20
"""Bytes of a message."""
LONGEST_TYPED = 2**16
"""Bytes of a message that is typed, which takes 30 ms for each 400 characters."""
LONGEST_LINE = 4000
"""Bytes of a line that is typed to a command: a terminal cuts off what is longer than 4095."""
LONGEST_KEY = 200

KINDS = (
    Kind.MESSAGE_QUEUED,
    Kind.MESSAGE_DELIVERED,
    Kind.MESSAGE_ANSWERED,
    Kind.MESSAGE_FAILED,
    Kind.MESSAGE_UNPROVEN,
)
"""What is told of a message, once each."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message, and who gets it. `repeated` says that it was there under its key already."""

    message: Message
    to: Agent
    repeated: bool


def send(
    world: World,
    caller: Caller,
    name: str,
    text: str,
    *,
    key: str | None = None,
    raw: bool = False,
    cross_team: bool = False,
    answer: bool = False,
) -> Sent:
    """Write down a message for an agent. Never waits for it; `answer` says that the sender will.

    Raises NotFound and Conflict for who is not there or not one, BadInput for a text or key that is none, NotAllowed
    for who reads no messages, never answers one or was killed, Refused for a token that is not good and for an agent
    that writes to another team without saying so, where its template does not allow it.
    """
    check_text(text)
    if key is not None and not 0 < len(key) <= LONGEST_KEY:
        raise BadInput(f"a key has 1 to {LONGEST_KEY} characters")
    sender = caller_of(world, caller)
    found = select_one(world, Selection(words=(name,))).standing
    check_reader(world, found, text)
    if answer:
        check_answers(world, found.agent)
    check_team(world, sender, found.agent, cross_team=cross_team)
    return post(world, found.agent, text, sender=sender, key=key, raw=raw)


def check_team(world: World, sender: Agent | None, to: Agent, *, cross_team: bool) -> None:
    """Raises Refused for an agent that writes to another team without saying so, unless its template allows it."""
    if sender is None or sender.team == to.team or cross_team:
        return
    template = world.templates.find(sender.role, cwd=sender.cwd)
    if template is None or not template.writes_to(to.team):
        raise Refused(f"'{to.name}' is in team {to.team}, and you are in {sender.team}", hint="--cross-team")


def post(
    world: World, to: Agent, text: str, *, sender: Agent | None = None, key: str | None = None, raw: bool = False
) -> Sent:
    """Write it down, unchecked."""
    now = world.clock.now()
    message = Message(
        id=world.ids.new(),
        agent=to.id,
        sender=sender.id if sender else None,
        wrote=f"{sender.name}@{sender.team}" if sender else PERSON,
        text=text,
        raw=raw,
        key=key,
        created_at=now,
        changed_at=now,
    )
    with world.registry.begin() as tx:
        kept = tx.add_message(message)
        repeated = kept.id != message.id
        if not repeated:
            tell_of(tx, Kind.MESSAGE_QUEUED, kept)
    world.fault("send.committed")
    return Sent(kept, to, repeated)


def tell_of(tx: Tx, kind: Kind, message: Message) -> None:
    """Record what has become of a message."""
    said: dict[str, object] = {"message": message.id, "from": message.wrote, "reason": message.reason}
    payload = {name: value for name, value in said.items() if value is not None}
    tx.record(Event(kind=kind, at=message.changed_at, agent=message.agent, payload=payload))


# ---- who reads, and what --------------------------------------------------------------------


def check_text(text: str) -> None:
    """Raises BadInput for what is no message."""
    if not text.strip():
        raise BadInput("the message is empty", hint="genie send NAME TEXT")
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise BadInput(f"the message is longer than {LONGEST} bytes", hint="put it into a file and name the file")


def check_reader(world: World, found: Standing, text: str) -> None:
    """Raises NotAllowed for who reads no messages, BadInput for what is too long for it."""
    agent, session = found.agent, found.session
    if agent.life is Life.TERMINATED or agent.desired is Desired.GONE:
        raise NotAllowed(f"'{agent.name}' was killed", hint=f"genie spawn {agent.name}")
    channels = channels_of(world, found)
    if not channels:
        one_shot = session is not None and session.way is Way.ONE_SHOT
        why = "one-shot" if one_shot else f"a command of provider {agent.provider}"
        hint = "genie run --interactive" if one_shot else "say stdin: true in its template if it reads lines"
        raise NotAllowed(f"'{agent.name}' reads no messages: it is {why}", hint=hint)
    if Channel.STREAM not in channels and len(text.encode("utf-8", "surrogatepass")) > LONGEST_TYPED:
        raise BadInput(f"the message is longer than {LONGEST_TYPED} bytes", hint="put it into a file and name the file")
    if Channel.STDIN in channels and _longest_line(text) > LONGEST_LINE:
        raise BadInput(f"a line of the message is longer than {LONGEST_LINE} bytes", hint="break it")


def check_answers(world: World, agent: Agent) -> None:
    """Raises NotAllowed for who has no conversation in which an answer could be seen."""
    if not world.providers.get(agent.provider).conversational:
        raise NotAllowed(
            f"'{agent.name}' answers no messages: it is a command of provider {agent.provider}",
            hint=f"genie send --wait-delivered, and genie read {agent.name}",
        )


def channels_of(world: World, found: Standing) -> Sequence[Channel]:
    """The ways into an agent's present session; none where it reads no messages. Raises BadTemplate and BadInput for
    a template and a provider that do not read."""
    agent, session = found.agent, found.session
    way = session.way if session else Way.INTERACTIVE
    if way is not Way.INTERACTIVE:
        return (Channel.STREAM,) if way is Way.STREAMING else ()
    if world.providers.get(agent.provider).conversational:
        return world.channels.ways(agent.provider)
    template = world.templates.find(agent.role, cwd=agent.cwd)
    return (Channel.STDIN,) if template and template.stdin else ()


def _longest_line(text: str) -> int:
    return max(len(line.encode("utf-8", "surrogatepass")) for line in text.split("\n"))
