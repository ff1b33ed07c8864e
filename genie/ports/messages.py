"""Messages: what is kept of them, and how they are handed over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.message import Channel, Message
from genie.domain.session import Standing


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
        """When a message was last handed over to that agent, so far as is known."""
        ...


class Messages(Protocol):
    """What is read of messages. Every method raises RegistryAway."""

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
        with messages of the present session that may have been answered."""
        ...


class Channels(Protocol):
    """The ways in which messages get into sessions."""

    def ways(self, provider: str) -> Sequence[Channel]:
        """Those into a conversation of that provider on a terminal, the best first."""
        ...

    def hand_over(self, channel: Channel, to: Standing, text: str) -> None:
        """Give that text to the agent's present run, whole. Raises Unproven where it may have got it, or a part of it.
        Every other error says that it got nothing: NotAllowed that this is a bad moment (a dialog is open, somebody
        reads in copy mode), Foreign, Failed, TimedOut or TerminalAway that it could not be done."""
        ...
