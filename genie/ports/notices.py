"""What is needed to tell a human something, and to run a command of theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command has ended: its exit code, or minus the number of the signal that ended it, and the end of what it
    has written."""

    code: int
    said: str


class Programs(Protocol):
    """Commands of the user's."""

    def run(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, timeout: timedelta) -> Ran:
        """Run it to its end, with these variables beside the daemon's own; nothing of its process group outlives it.
        `cwd` None is the user's home. Raises Failed where it cannot be started, BadInput where its words and variables
        are too large, TimedOut once it was ended for taking too long, or because the daemon ends."""
        ...

    def close(self) -> None:
        """End what runs; nothing is started any more."""
        ...


class Desktop(Protocol):
    """The notifications of the user's desktop."""

    @property
    def there(self) -> bool:
        """Whether there is a program for them, and a desktop to show them."""
        ...

    def show(self, title: str, text: str, *, timeout: timedelta) -> None:
        """Raises Failed, TimedOut."""
        ...


class Memory(Protocol):
    """A little that a daemon remembers over its own end."""

    def load(self) -> Mapping[str, object] | None:
        """What was saved last; None where nothing was, or it does not read."""
        ...

    def save(self, said: Mapping[str, object]) -> None:
        """At once and whole. Raises Failed."""
        ...

    def forget(self) -> None:
        """Raises Failed."""
        ...
