"""Messages between people and agents: what they are, the states they go through, and when one may be handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from genie.domain.agent import Activity, Agent, Desired, Life
from genie.domain.envelope import escape, escape_attribute, visible
from genie.domain.errors import NotAllowed

PERSON = "user"
"""Who writes that is no agent."""
MOST_TRIES = 8
FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=60)
PROOF = timedelta(seconds=60)
"""How long a proof of a delivery is waited for."""
_TRUNCATED = timedelta(milliseconds=1)
"""By how much the time of a record may be cut off."""
STALE_AFTER = timedelta(seconds=60)
"""After this, an agent that was idle before its last message counts as idle again: its turn was not told."""


class State(Enum):
    """The state of a message; moved only along `MOVES`."""

    QUEUED = "queued"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    ANSWERED = "answered"
    FAILED = "failed"
    UNPROVEN = "unproven"


MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.DELIVERING, State.FAILED}),
    State.DELIVERING: frozenset({State.QUEUED, State.DELIVERED, State.FAILED, State.UNPROVEN}),
    State.DELIVERED: frozenset({State.ANSWERED}),
    State.ANSWERED: frozenset(),
    State.FAILED: frozenset(),
    State.UNPROVEN: frozenset(),
}

OPEN = frozenset({State.QUEUED, State.DELIVERING})
"""States that hold up what comes after."""

ARRIVED = frozenset({State.DELIVERED, State.ANSWERED})


class Channel(Enum):
    """How a message gets to its reader.

    STREAM: a line for a session that is fed, read in its order. TYPE and PASTE: into the box of a program on a
    terminal, which must be idle. QUEUE: the provider's own queue, safe at any time. STDIN: typed to a command that
    reads lines.
    """

    STREAM = "stream"
    TYPE = "type"
    PASTE = "paste"
    QUEUE = "queue"
    STDIN = "stdin"


IN_BOX = frozenset({Channel.TYPE, Channel.PASTE})
"""Channels that press keys for a program which may ask something: Enter would say yes to it."""

AT_ONCE = frozenset({Channel.STREAM, Channel.STDIN})
"""Channels on which what was handed over has arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """`agent` is who gets it; `sender` the agent that wrote it, None for a person, whose name is in `wrote`.

    `number` is its place among all. `tries` counts the times that handing it over has failed, `next_try` is when it
    is tried again. Since `claimed_at` it is being handed over in `session`, all of whose events after `after` came
    later; by `deadline` there must be a proof, which is the event `proof` of that session. `answer` is what was said
    at the end of the turn that it started.
    """

    id: UUID
    agent: UUID
    sender: UUID | None
    wrote: str
    text: str
    raw: bool = False
    key: str | None = None
    state: State = State.QUEUED
    reason: str | None = None
    tries: int = 0
    next_try: datetime | None = None
    created_at: datetime
    changed_at: datetime
    channel: Channel | None = None
    session: UUID | None = None
    after: int | None = None
    claimed_at: datetime | None = None
    deadline: datetime | None = None
    proof: int | None = None
    answer: str | None = None
    number: int | None = None

    @property
    def mark(self) -> str:
        """What its envelope is known by."""
        return self.id.hex[:12]

    def to(self, state: State, *, now: datetime, reason: str | None = None) -> Message:
        """This message in another state. Raises NotAllowed when the table does not have that move."""
        if state not in MOVES[self.state]:
            raise NotAllowed(f"message {self.mark} is {self.state.value} and cannot become {state.value}")
        return replace(self, state=state, reason=reason, changed_at=now)

    def claimed(self, channel: Channel, *, session: UUID | None, after: int, now: datetime) -> Message:
        """About to be handed over."""
        claimed = replace(self, channel=channel, session=session, after=after, claimed_at=now, deadline=now + PROOF)
        return claimed.to(State.DELIVERING, now=now)

    def put_off(self, reason: str, *, now: datetime, failed: bool) -> Message:
        """After a handing over at which nothing was given: queued once more, or failed after too many. `failed` says
        that it was a failure, and not only a bad moment."""
        tries = self.tries + failed
        left = replace(self, tries=tries, claimed_at=None, deadline=None, channel=None)
        if tries >= MOST_TRIES:
            return left.to(State.FAILED, now=now, reason=reason)
        pause = min(FIRST_PAUSE * 2 ** max(tries - 1, 0), LONGEST_PAUSE)
        return replace(left.to(State.QUEUED, now=now, reason=reason), next_try=now + pause)


# ---- what is handed over --------------------------------------------------------------------


def wording(message: Message) -> str:
    """What its reader gets: the text within an envelope that says who wrote and how to answer, or the bare text."""
    if message.raw:
        return message.text
    reply = f"genie send {message.wrote.partition('@')[0]} …" if message.sender else ""
    answer = f' reply="{escape_attribute(reply)}"' if reply else ""
    head = f'<message from="{escape_attribute(message.wrote)}" id="{message.mark}"{answer}>'
    return f"{head}{escape(message.text)}</message>"


_KEYS = {0x7F: "\N{SYMBOL FOR DELETE}", ord("\t"): "    ", ord("\r"): "\n"} | dict.fromkeys(
    range(0x80, 0xA0), "\N{REPLACEMENT CHARACTER}"
)


def typeable(text: str) -> str:
    """The text as keys that mean nothing but themselves: no control characters, no escapes; a tab is four spaces."""
    return visible(text.replace("\r\n", "\n").translate(_KEYS)).strip("\n")


def pieces(text: str, *, longest: int, breaks: int) -> list[str]:
    """The text in pieces of so many characters and line breaks at most."""
    found: list[str] = []
    rest = text
    while rest:
        end = min(longest, len(rest))
        cut = -1
        for _ in range(breaks):
            cut = rest.find("\n", cut + 1, end)
            if cut < 0:
                break
        if cut >= 0:
            end = cut + 1
        found.append(rest[:end])
        rest = rest[end:]
    return found


def proves(message: Message, said: object, *, at: datetime) -> bool:
    """Whether something that a user is told to have said at that time is this message: by the mark of its envelope; a
    bare text by its words, if they were not said before."""
    if not isinstance(said, str):
        return False
    if not message.raw:
        return f'id="{message.mark}"' in said
    if message.claimed_at is None or at + _TRUNCATED < message.claimed_at:
        return False
    return said.split() == typeable(message.text).split() or said.split() == message.text.split()


# ---- whether it may be handed over now ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hand:
    """Hand it over by that channel."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """It never can be."""

    reason: str


Verdict = Hand | Wait | Fail


def judge(
    message: Message, agent: Agent, channels: Sequence[Channel], *, last: datetime | None, now: datetime
) -> Verdict:
    """What to do with the first message that is queued for an agent, whose present session can be reached by these
    channels. `last` is when a message was last handed over to it."""
    if agent.life is Life.TERMINATED or agent.desired is Desired.GONE:
        return Fail(f"'{agent.name}' was killed")
    if agent.life is not Life.RUNNING or agent.desired is not Desired.RUNNING:
        return Wait(f"'{agent.name}' is {agent.life.value}")
    if not channels:
        return Fail(f"'{agent.name}' reads no messages")
    if message.next_try is not None and now < message.next_try:
        return Wait(message.reason or "it is tried again")
    return _by_activity(agent, channels, last=last, now=now)


def _by_activity(agent: Agent, channels: Sequence[Channel], *, last: datetime | None, now: datetime) -> Verdict:
    ready = agent.activity is Activity.IDLE and _settled(agent, last, now=now)
    for channel in channels:
        if channel not in IN_BOX or ready:
            return Hand(channel)
    if agent.activity is Activity.IDLE:
        return Wait(f"'{agent.name}' has had a message just now")
    return Wait(f"'{agent.name}' is not idle: {agent.activity.value}")


def _settled(agent: Agent, last: datetime | None, *, now: datetime) -> bool:
    """Whether it has become idle since its last message. What tells so can be late, or be lost."""
    return last is None or agent.activity_since > last or now >= last + STALE_AFTER
