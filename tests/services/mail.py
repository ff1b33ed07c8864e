"""Messages in memory: what the registry keeps of them, and how they are handed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from genie.domain.agent import ENDED, Agent, Desired, Life
from genie.domain.errors import GenieError
from genie.domain.message import OPEN, Channel, Message, State
from genie.domain.session import Standing
from genie.ports.garbage import Heap

if TYPE_CHECKING:
    from tests.services.recordings import MemoryRecordings

_WAYS = {"claude": (Channel.TYPE, Channel.SOCKET), "codex": (Channel.PASTE, Channel.QUEUE)}


class MemoryMessagesTx:
    """`genie.ports.MessagesTx`."""

    @property
    def _mail(self) -> dict[UUID, Message]:
        raise NotImplementedError

    def add_message(self, message: Message) -> Message:
        for there in self._mail.values():
            same = (there.agent, there.sender, there.key) == (message.agent, message.sender, message.key)
            if message.key is not None and same:
                return there
        number = max((there.number or 0 for there in self._mail.values()), default=0) + 1
        self._mail[message.id] = replace(message, number=number)
        return self._mail[message.id]

    def message(self, message: UUID) -> Message | None:
        return self._mail.get(message)

    def save_message(self, message: Message) -> None:
        kept = self._mail[message.id]
        fixed = (message.text, message.agent, message.sender, message.key)
        assert (kept.text, kept.agent, kept.sender, kept.key) == fixed
        self._mail[message.id] = message

    def open_messages(self, agent: UUID) -> list[Message]:
        return [message for message in in_order(self._mail) if message.agent == agent and message.state in OPEN]

    def last_claim(self, agent: UUID) -> datetime | None:
        own = [m for m in self._mail.values() if m.agent == agent and m.state is not State.ANSWERED]
        return max((m.claimed_at for m in own if m.claimed_at), default=None)


def in_order(mail: dict[UUID, Message]) -> list[Message]:
    return sorted(mail.values(), key=lambda message: message.number or 0)


class MemoryMessages:
    """`genie.ports.Messages`."""

    @property
    def _letters(self) -> dict[UUID, Message]:
        raise NotImplementedError

    @property
    def _people(self) -> dict[UUID, Agent]:
        raise NotImplementedError

    def _answer(self) -> None:
        raise NotImplementedError

    def find_messages(self, messages: Sequence[UUID]) -> list[Message]:
        self._answer()
        return [message for message in in_order(self._letters) if message.id in messages]

    def inbox(self, agent: UUID | None, *, limit: int) -> list[Message]:
        self._answer()
        return [message for message in in_order(self._letters) if agent in (None, message.agent)][-limit:]

    def unanswered(self, agent: UUID) -> list[Message]:
        self._answer()
        return [m for m in in_order(self._letters) if m.agent == agent and self._is_unanswered(m)]

    def _settled_before(self, host: str, before: datetime) -> list[Message]:
        self._answer()
        return [
            m
            for m in in_order(self._letters)
            if self._people[m.agent].host == host
            and m.changed_at < before
            and m.state not in OPEN
            and not (self._is_unanswered(m) and self._people[m.agent].life is Life.RUNNING)
        ]

    def old_messages(self, host: str, *, before: datetime) -> Heap:
        old = self._settled_before(host, before)
        return Heap(len(old), sum(len(m.text) for m in old))

    def drop_messages(self, host: str, *, before: datetime) -> int:
        old = self._settled_before(host, before)
        for message in old:
            del self._letters[message.id]
        return len(old)

    def mailboxes(self, host: str) -> list[UUID]:
        self._answer()
        found = [m.agent for m in in_order(self._letters) if self._people[m.agent].host == host and self._is_due(m)]
        return list(dict.fromkeys(found))

    def _is_unanswered(self, message: Message) -> bool:
        present = self._people[message.agent].session == message.session and message.session is not None
        return message.state is State.DELIVERED and message.channel is not Channel.STDIN and present

    def _is_due(self, message: Message) -> bool:
        agent = self._people[message.agent]
        movable = agent.life in (Life.RUNNING, Life.TERMINATED) or agent.desired is Desired.GONE
        queued = message.state is State.QUEUED and movable
        answered = self._is_unanswered(message) and (agent.life is Life.RUNNING or agent.life in ENDED)
        return message.state is State.DELIVERING or queued or answered


@dataclass
class MemoryChannels:
    """`genie.ports.Channels`. `given` is what was handed over, by channel and the name of who got it; `troubles` are
    raised, one a handing over; `listening` says that its programs have sockets, `idle`
    since when they say that they are idle. What goes to a session that is fed goes to its input."""

    recordings: MemoryRecordings
    given: list[tuple[Channel, str, str]] = field(default_factory=list)
    troubles: list[GenieError] = field(default_factory=list)
    on_given: Callable[[Standing, str], None] = lambda to, text: None
    listening: bool = False
    idle: datetime | None = None

    def ways(self, provider: str) -> Sequence[Channel]:
        return _WAYS[provider]

    def listens(self, to: Standing) -> bool:
        return self.listening

    def idle_since(self, to: Standing) -> datetime | None:
        return self.idle

    def hand_over(self, channel: Channel, to: Standing, text: str) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        if channel is Channel.STREAM and to.session:
            self.recordings.feed(self.recordings.fifo(to.session.id), text)
        self.given.append((channel, to.agent.name, text))
        self.on_given(to, text)
