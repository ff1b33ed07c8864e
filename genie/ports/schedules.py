"""Schedules: what is kept of them, when they are due, and who rings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.schedule import Fire, FireKey, Schedule, Trigger


class SchedulesTx(Protocol):
    """What is written about schedules."""

    def add_schedule(self, schedule: Schedule) -> None:
        """Raises Conflict where there is one of that name."""
        ...

    def schedule(self, schedule: UUID) -> Schedule | None:
        """Held until the end of the transaction."""
        ...

    def save_schedule(self, schedule: Schedule) -> None:
        """Write `paused` and `seen`; nothing else of a schedule changes."""
        ...

    def remove_schedule(self, schedule: UUID) -> None:
        """It and its fires; the sessions that it has started stay."""
        ...

    def last_fire(self, schedule: UUID) -> Fire | None:
        """The latest that was started or is on its way."""
        ...

    def add_fires(self, *fires: Fire) -> None:
        """Raises Conflict where there is one of that schedule and due time. Of those that are settled the latest
        thousand are kept."""
        ...

    def settle_fire(self, fire: Fire) -> bool:
        """Write what became of one that is on its way; False, and nothing written, where it is no more."""
        ...


class Schedules(Protocol):
    """What is read of schedules. Every method raises RegistryAway."""

    def schedules(self, host: str | None = None) -> list[Schedule]:
        """In the order of their names; of that host only, if one is given."""
        ...

    def find_schedule(self, name: str) -> Schedule | None: ...

    def fires(self, schedule: UUID, *, limit: int) -> list[Fire]:
        """The latest, latest first."""
        ...

    def fire(self, key: FireKey) -> Fire | None: ...

    def last_fires(self, schedules: Sequence[UUID]) -> dict[UUID, Fire]:
        """The latest of each, whatever became of it."""
        ...

    def open_fires(self, host: str) -> list[Fire]:
        """Those of that host's schedules that are on their way, in the order of their due times."""
        ...


class Calendar(Protocol):
    """When a trigger is due."""

    def zone(self, name: str | None) -> str:
        """The timezone of that name, or this host's own. Raises BadInput for an unknown one."""
        ...

    def moment(self, text: str, zone: str) -> datetime:
        """The time that an ISO 8601 text means in that zone, in UTC. Raises BadInput, also for one that is skipped
        when clocks are put forward."""
        ...

    def check(self, trigger: Trigger, zone: str) -> None:
        """Raises BadInput for one that does not read."""
        ...

    def next_after(self, trigger: Trigger, zone: str, after: datetime) -> datetime | None:
        """The first due time after that moment, in UTC."""
        ...


class Alarms(Protocol):
    """Rings when schedules are due; keeps what it was told over restarts. It may ring once too often or late, and
    never decides anything."""

    def start(self, ring: Callable[[UUID], None]) -> None:
        """Begin to ring, in a thread of its own."""
        ...

    def stop(self) -> None: ...

    def set(self, schedule: Schedule, first: datetime | None) -> None:
        """Ring at each due time from `first` on; never, where that is None. Raises RegistryAway."""
        ...

    def clear(self, schedule: UUID) -> None:
        """Ring for it no more. Raises RegistryAway."""
        ...

    def known(self) -> frozenset[UUID]:
        """For which schedules it will ring. Raises RegistryAway."""
        ...
