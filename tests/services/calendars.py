"""Schedules in memory: what the registry keeps of them, and alarms that are only told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.errors import Conflict, GenieError, RegistryAway
from genie.domain.schedule import Fire, FireKey, Outcome, Schedule

KEPT = 1000


class Tables(Protocol):
    schedules: dict[UUID, Schedule]
    fires: dict[FireKey, Fire]


class MemorySchedulesTx:
    """`genie.ports.SchedulesTx`."""

    @property
    def _tables(self) -> Tables:
        raise NotImplementedError

    def _fail(self, error: GenieError) -> GenieError:
        raise NotImplementedError

    def add_schedule(self, schedule: Schedule) -> None:
        if any(other.name == schedule.name for other in self._tables.schedules.values()):
            raise self._fail(Conflict("a schedule of that name is there already"))
        self._tables.schedules[schedule.id] = schedule

    def schedule(self, schedule: UUID) -> Schedule | None:
        return self._tables.schedules.get(schedule)

    def save_schedule(self, schedule: Schedule) -> None:
        there = self._tables.schedules.get(schedule.id)
        if there:
            self._tables.schedules[schedule.id] = replace(there, paused=schedule.paused, seen=schedule.seen)

    def remove_schedule(self, schedule: UUID) -> None:
        self._tables.schedules.pop(schedule, None)
        for key in [key for key in self._tables.fires if key.schedule == schedule]:
            del self._tables.fires[key]

    def last_fire(self, schedule: UUID) -> Fire | None:
        wanted = (Outcome.CLAIMED, Outcome.STARTED)
        return next((fire for fire in _latest(self._tables, schedule) if fire.outcome in wanted), None)

    def add_fires(self, *fires: Fire) -> None:
        for fire in fires:
            if fire.key in self._tables.fires:
                raise self._fail(Conflict("that due time has been dealt with already"))
            if fire.schedule not in self._tables.schedules:
                raise self._fail(Conflict("the registry does not take it"))
            self._tables.fires[fire.key] = fire
            for old in _latest(self._tables, fire.schedule)[KEPT + 1 :]:
                if old.outcome is not Outcome.CLAIMED:
                    del self._tables.fires[old.key]

    def settle_fire(self, fire: Fire) -> bool:
        there = self._tables.fires.get(fire.key)
        if there is None or there.outcome is not Outcome.CLAIMED:
            return False
        self._tables.fires[fire.key] = replace(
            there,
            outcome=fire.outcome,
            detail=fire.detail,
            agent=fire.agent,
            session=fire.session,
            settled_at=fire.settled_at,
        )
        return True


class MemorySchedules:
    """`genie.ports.Schedules`."""

    @property
    def _tables(self) -> Tables:
        raise NotImplementedError

    def _answer(self) -> None:
        raise NotImplementedError

    def schedules(self, host: str | None = None) -> list[Schedule]:
        self._answer()
        found = [one for one in self._tables.schedules.values() if host in (None, one.host)]
        return sorted(found, key=lambda one: one.name)

    def find_schedule(self, name: str) -> Schedule | None:
        return next((one for one in self.schedules() if one.name == name), None)

    def fires(self, schedule: UUID, *, limit: int) -> list[Fire]:
        self._answer()
        return _latest(self._tables, schedule)[:limit]

    def fire(self, key: FireKey) -> Fire | None:
        self._answer()
        return self._tables.fires.get(key)

    def last_fires(self, schedules: Sequence[UUID]) -> dict[UUID, Fire]:
        self._answer()
        return {one: found[0] for one in schedules if (found := _latest(self._tables, one))}

    def open_fires(self, host: str) -> list[Fire]:
        mine = {one.id for one in self.schedules(host)}
        found = [fire for fire in self._tables.fires.values() if fire.outcome is Outcome.CLAIMED]
        return sorted((f for f in found if f.schedule in mine), key=lambda f: (f.due, f.schedule))


def _latest(tables: Tables, schedule: UUID) -> list[Fire]:
    mine = [fire for fire in tables.fires.values() if fire.schedule == schedule]
    return sorted(mine, key=lambda fire: fire.due, reverse=True)


@dataclass
class MemoryAlarms:
    """`genie.ports.Alarms`: when they would ring first."""

    first: dict[UUID, datetime] = field(default_factory=dict)
    away: bool = False
    broken: GenieError | None = None

    def start(self, ring: Callable[[UUID], None]) -> None:
        raise AssertionError("use cases start no alarms")

    def stop(self) -> None:
        raise AssertionError("use cases stop no alarms")

    def set(self, schedule: Schedule, first: datetime | None) -> None:
        self._answer()
        if self.broken:
            raise self.broken
        self.first.pop(schedule.id, None)
        if first:
            self.first[schedule.id] = first

    def clear(self, schedule: UUID) -> None:
        self._answer()
        self.first.pop(schedule, None)

    def known(self) -> frozenset[UUID]:
        self._answer()
        return frozenset(self.first)

    def _answer(self) -> None:
        if self.away:
            raise RegistryAway("PostgreSQL does not answer")
