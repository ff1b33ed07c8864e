"""What sessions leave behind: in the registry, in files, as worktrees. Only genie's own is told of, and removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Heap:
    """So many things of so many bytes together."""

    count: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Leaving:
    """A file or a folder, with its bytes, and the session or the run that it belongs to."""

    path: str
    size: int
    of: UUID


@dataclass(frozen=True, slots=True)
class Weighed:
    """The bytes of a directory, and when it, or the mark beside it that it is genie's, was made or changed last."""

    size: int
    since: datetime


class Archive(Protocol):
    """What the registry keeps of what is over. Every method raises RegistryAway."""

    def over(self, host: str, ids: Sequence[UUID], *, before: datetime) -> frozenset[UUID]:
        """Of these sessions and runs those of that host whose session has ended before that time; strangers have
        not."""
        ...

    def old_events(self, host: str, *, before: datetime) -> Heap:
        """What was said before that time in sessions of that host that have ended before it. Changes of agents are
        none of it; nor is, of a session that has no result of its own, what its result is read from; nor is the last
        event of a session, by which the next one is numbered."""
        ...

    def drop_events(self, host: str, *, before: datetime) -> int:
        """Remove what `old_events` counts; how many."""
        ...

    def old_samples(self, *, before: datetime) -> Heap:
        """Samples of that time, and what they were rolled up to."""
        ...

    def drop_samples(self, *, before: datetime) -> int: ...


class Leavings(Protocol):
    """Files of sessions and of runs, known by their names, and how large what is no file is."""

    def files(self) -> list[Leaving]:
        """Logs of sessions and of runs, and the folders of sessions. Raises Failed where they cannot be listed."""
        ...

    def remove(self, leaving: Leaving) -> None:
        """Remove one of them; one that is gone by then is fine. Raises Failed where that is not possible, and for a
        folder that holds more than genie has put there."""
        ...

    def weigh(self, worktree: str) -> Weighed:
        """The directory of a worktree, and all in it."""
        ...
