"""Time, chance and death by hand: a clock that is set, ids in a row, a daemon killed at a named point."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


class HandClock:
    """`genie.ports.Clock`. Each look takes a microsecond, as no two changes have one time."""

    def __init__(self) -> None:
        self.time = NOW
        self.on_change: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        self.time += INSTANT
        return self.time

    def advance(self, by: timedelta) -> None:
        self.time += by
        self.on_change()


class SeededIds:
    """`genie.ports.Ids`: random ones, the same in each test. `first` come before them."""

    def __init__(self, seed: int = 7) -> None:
        self._random = Random(seed)
        self.first: list[UUID] = []

    def new(self) -> UUID:
        return self.first.pop(0) if self.first else UUID(int=self._random.getrandbits(128), version=4)


class SeededSecrets:
    """`genie.ports.Secrets`: the same in each test."""

    def __init__(self, seed: int = 11) -> None:
        self._random = Random(seed)

    def token(self) -> str:
        return f"{self._random.getrandbits(256):064x}"

    def digest(self, token: str) -> str:
        return f"digest of {token}"


class Killed(BaseException):
    """The daemon was killed. No `except` of the product's may see it."""


class KillSwitch:
    """`genie.ports.Fault`: kills at the point that is set, the `after`-th time it is passed."""

    def __init__(self) -> None:
        self.point: str | None = None
        self.after = 1
        self.passed: list[str] = []
        self.meanwhile: dict[str, Callable[[], object]] = {}

    def __call__(self, point: str) -> None:
        """Something may also be made to happen at a point (once), while the daemon is in it."""
        self.passed.append(point)
        happen = self.meanwhile.pop(point, None)
        if happen:
            happen()
        if point == self.point and self.passed.count(point) >= self.after:
            self.point = None
            raise Killed(point)
