"""What a program says of what it has used: its cost, how full its context is, and how near its limits are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

NEAR = 90.0
"""Percent of a limit from which on somebody should know."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of a usage limit is used, in percent, and when it begins anew."""

    name: str
    used: float
    resets_at: datetime | None = None

    def __str__(self) -> str:
        reset = f", until {self.resets_at:%Y-%m-%d %H:%M} UTC" if self.resets_at else ""
        return f"{self.name.replace('_', ' ')} limit {self.used:.0f} %{reset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """At that time. `cost` is in US dollars and `context` in percent, both of the session; None for what was not
    said."""

    at: datetime
    model: str | None = None
    cost: float | None = None
    context: float | None = None
    limits: tuple[Allowance, ...] = ()

    def __str__(self) -> str:
        words = [
            f"context {self.context:.0f} %" if self.context is not None else "",
            f"${self.cost:.2f}" if self.cost is not None else "",
            *(str(limit) for limit in self.near),
        ]
        return ", ".join(word for word in words if word) or "nothing used yet"

    @property
    def near(self) -> tuple[Allowance, ...]:
        """The limits that will soon be hit."""
        return tuple(limit for limit in self.limits if limit.used >= NEAR)


def spent(before: Meter | None, now: Meter) -> bool:
    """Whether it has cost something since: only what the model says does."""
    return before is not None and (now.cost or 0.0) > (before.cost or 0.0)


def newly_near(told: Iterable[Allowance], now: Meter) -> tuple[Allowance, ...]:
    """The limits that are near, and of which nobody was told. One that begins anew is another."""
    known = {(limit.name, limit.resets_at) for limit in told}
    return tuple(limit for limit in now.near if (limit.name, limit.resets_at) not in known)
