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
    terminal, which must be idle. SOCKET: to the socket at which a program listens, which it takes in between two of its
    steps, as a message of a colleague. INBOX: to the file in which a member of a team finds what its mates write.
    QUEUE: the provider's own queue, which outlives its program. STDIN: typed to a command that reads lines.
    """

    STREAM = "stream"
    TYPE = "type"
    PASTE = "paste"
    SOCKET = "socket"
    INBOX = "inbox"
    QUEUE = "queue"
    STDIN = "stdin"


IN_BOX = frozenset({Channel.TYPE, Channel.PASTE})
"""Channels that press keys for a program which may ask something: Enter would say yes to it."""

AT_ONCE = frozenset({Channel.STREAM, Channel.STDIN})
"""Channels on which what was handed over has arrived."""

KEPT = frozenset({Channel.SOCKET, Channel.INBOX, Channel.QUEUE})
"""Channels on which the program keeps what it was given until it can take it in."""

_ENGAGED = frozenset({Activity.WORKING, Activity.PERMISSION, Activity.QUESTION, Activity.LIMITED})
"""What a program does that may take nothing in of what it keeps."""

_BACK_SOON = frozenset({Life.DEAD, Life.RESUMING, Life.SUSPENDED})


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

    def overdue(self, agent: Agent, *, began: datetime | None, now: datetime) -> bool:
        """Whether the proof should have come by now. `began` is when the agent's latest run has begun.

        What a program keeps may wait there until it has done what it does. Kept in its memory it is gone with its
        process; in a queue of its own it comes after the next resume.
        """
        if self.deadline is not None and now < self.deadline:
            return False
        if self.channel not in KEPT or agent.session != self.session or agent.life is Life.TERMINATED:
            return True
        if agent.life is not Life.RUNNING:
            return self.channel is Channel.SOCKET or agent.life not in _BACK_SOON
        another = began is not None and self.claimed_at is not None and began > self.claimed_at
        if self.channel is Channel.SOCKET and another:
            return True
        return agent.activity not in _ENGAGED and now >= agent.activity_since + PROOF


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
    channels. `last` is when a message whose turn is not known to be over was last handed over to it."""
    if agent.life is Life.TERMINATED or agent.desired is Desired.GONE:
        return Fail(f"'{agent.name}' was killed")
    if agent.life is not Life.RUNNING or agent.desired is not Desired.RUNNING:
        return Wait(f"'{agent.name}' is {agent.life.value}")
    if not channels:
        return Fail(f"'{agent.name}' reads no messages")
    if message.next_try is not None and now < message.next_try:
        return Wait(message.reason or "it is tried again")
    return _by_activity(message, agent, channels, last=last, now=now)


def _by_activity(
    message: Message, agent: Agent, channels: Sequence[Channel], *, last: datetime | None, now: datetime
) -> Verdict:
    settled = _settled(agent, last, now=now)
    for channel in channels:
        ready = settled or channel in KEPT
        if channel in AT_ONCE or (ready and suits(channel, message, agent.activity)):
            return Hand(channel)
    if agent.activity is Activity.LIMITED:
        until = f" until {agent.limited_until:%Y-%m-%d %H:%M} UTC" if agent.limited_until else ""
        return Wait(f"'{agent.name}' is at a usage limit{until}")
    if agent.activity is Activity.IDLE:
        return Wait(f"'{agent.name}' has had a message just now")
    return Wait(f"'{agent.name}' is not idle: {agent.activity.value}")


def suits(channel: Channel, message: Message, activity: Activity) -> bool:
    """Whether that is a way for this message to an agent on a terminal that does this.

    A turn that has ended with an error leaves the box ready: whoever types looks whether it has ended. What waits in
    front of a dialog waits here, where it can be seen and is lost with no program. A bare text is meant for the box.
    """
    if channel is Channel.QUEUE:
        return activity is not Activity.LIMITED
    if channel is Channel.SOCKET:
        return activity is Activity.WORKING and not message.raw
    if channel is Channel.INBOX:
        return not message.raw and activity not in (Activity.LIMITED, Activity.PERMISSION, Activity.QUESTION)
    return activity is Activity.IDLE or (activity is Activity.ERROR and channel is Channel.TYPE)


def beside(message: Message, channels: Sequence[Channel]) -> Channel | None:
    """Another way for a message that could not be put into the box now, without a key being pressed."""
    if message.channel not in IN_BOX:
        return None
    others = (channel for channel in channels if channel in KEPT)
    return next((channel for channel in others if channel is Channel.QUEUE or not message.raw), None)


def _settled(agent: Agent, last: datetime | None, *, now: datetime) -> bool:
    """Whether what it does is from after its last message. What tells so can be late, or be lost."""
    return last is None or agent.activity_since > last or now >= last + STALE_AFTER
