"""Time, chance, secrets, and dying on request."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Ids(Protocol):
    def new(self) -> UUID:
        """A fresh random UUID (version 4: providers accept no other)."""
        ...


class Secrets(Protocol):
    def token(self) -> str:
        """A fresh secret of 32 random bytes, as text without spaces."""
        ...

    def digest(self, token: str) -> str:
        """What is kept of a token: it cannot be found from that again."""
        ...


class Fault(Protocol):
    def __call__(self, point: str) -> None:
        """Pass a named point. Does nothing, except where a test wants the daemon killed there."""
        ...
