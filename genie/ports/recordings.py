"""The files in which conversations are kept: a provider's own, or the log of a session that is attended."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from genie.domain.tape import Heard, Tape


class Recordings(Protocol):
    """Logs and folders are of sessions that have no screen of their own. Raises Failed for what cannot be made or
    read."""

    def path(self, session: UUID) -> str:
        """The log of a session, in a directory that is there, closed to others; the log need not be there. The
        session's folder is made, too."""
        ...

    def folder(self, session: UUID) -> str:
        """The session's own folder, made where it is missing, closed to others and marked as genie's."""
        ...

    def fifo(self, session: UUID) -> str:
        """Where the session's input is, in its folder."""
        ...

    def hear(self, tape: Tape, *, final: bool = False) -> Heard:
        """Read on from a tape's position: a bounded piece, whole lines only. `final` says that nobody writes any
        more: what stands without an end is taken, too. Raises BadInput for a form that is not known."""
        ...

    def turn(self, tape: Tape, path: str) -> Tape:
        """The tape of the same conversation, which goes on in another file: from its begin, or from where it was left
        there before."""
        ...


class Inputs(Protocol):
    """The inputs of sessions that are fed line by line."""

    def make(self, path: str) -> None:
        """Make an input, empty, where it is missing: who writes to it waits for its reader. Raises Failed."""
        ...

    def remove(self, path: str) -> None:
        """Remove it with its session, where it is still there: who writes to it would wait for ever. Raises Failed."""
        ...

    def feed(self, path: str, message: str | None) -> None:
        """Hand over a message, whole; None says that no more will come. Raises NotAllowed where nobody reads any
        more, TimedOut where the reader is busy, or does not come, for seconds, Failed."""
        ...

    def interrupt(self, path: str) -> None:
        """Ask a program that reads lines of stream-json to end its present turn; where there is none, nothing happens.
        What was handed over before is read on. Raises as `feed`."""
        ...
