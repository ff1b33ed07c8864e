"""Messages: what is kept of them, and how they are handed over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.message import Channel, Message
from genie.domain.session import Standing
from genie.ports.garbage import Heap


class MessagesTx(Protocol):
    """What is written about messages."""

    def add_message(self, message: Message) -> Message:
        """It with its number; or the one that its sender has sent to the same agent under its key before."""
        ...

    def message(self, message: UUID) -> Message | None:
        """Held until the end of the transaction."""
        ...

    def save_message(self, message: Message) -> None:
        """All but who sent what to whom."""
        ...

    def open_messages(self, agent: UUID) -> list[Message]:
        """Those that are queued for an agent or being delivered to it, in their order, held until the end of the
        transaction."""
        ...

    def last_claim(self, agent: UUID) -> datetime | None:
        """When a message whose turn is not known to be over was last handed over to that agent, so far as is known."""
        ...


class Messages(Protocol):
    """What is read of messages. Every method raises RegistryAway."""

    def old_messages(self, host: str, *, before: datetime) -> Heap:
        """Those to agents of that host that were settled before then, and whose answers nobody waits for."""
        ...

    def drop_messages(self, host: str, *, before: datetime) -> int:
        """Remove these; how many they were."""
        ...

    def find_messages(self, messages: Sequence[UUID]) -> list[Message]:
        """These, in their order; strangers are absent."""
        ...

    def inbox(self, agent: UUID | None, *, limit: int) -> list[Message]:
        """The latest that were sent to that agent, or to all where that is None, in their order."""
        ...

    def unanswered(self, agent: UUID) -> list[Message]:
        """Those that were delivered to the present session of that agent, whose answers are not known."""
        ...

    def mailboxes(self, host: str) -> list[UUID]:
        """The agents of that host for whom something could be done now: with open messages, and running or killed; or
        with messages of the present session that may have been answered, or never will be."""
        ...


@dataclass(frozen=True, slots=True)
class Socket:
    """Where a process takes messages: the path, and a word by which it knows who may send some."""

    path: str
    token: str | None


class Sockets(Protocol):
    """Processes of providers that take messages of others. Never raises."""

    def find(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str], pid: int) -> Socket | None:
        """The socket of that process. None for one that has none, and for one that would keep what comes there back
        until a person has seen it."""
        ...


class Channels(Protocol):
    """The ways in which messages get into sessions."""

    def ways(self, provider: str) -> Sequence[Channel]:
        """Those into a conversation of that provider on a terminal, the best first."""
        ...

    def listens(self, to: Standing) -> bool:
        """Whether the agent's present process has a socket for messages, and takes in what comes there without asking
        a person first. Never raises."""
        ...

    def idle_since(self, to: Standing) -> datetime | None:
        """Since when the agent's present program says of itself that it is idle; None where it says nothing, or
        something else. Never raises."""
        ...

    def hand_over(self, channel: Channel, to: Standing, text: str) -> None:
        """Give that text to the agent's present run, whole. Raises Unproven where it may have got it, or a part of it.
        Every other error says that it got nothing: NotAllowed that this is a bad moment (a dialog is open, somebody
        reads in copy mode; Drafted for a draft in its box), Foreign, Failed, TimedOut or TerminalAway that it could not
        be done."""
        ...
