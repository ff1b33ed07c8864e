"""Schedules and what became of their due times: statements and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from genie.adapters.postgres._statements import Reads, Writes
from genie.adapters.postgres.rows import to_json
from genie.domain.schedule import (
    Cron,
    Every,
    Fire,
    FireKey,
    Missed,
    Once,
    Outcome,
    Overlap,
    Schedule,
    Trigger,
    What,
)

Row = Sequence[Any]

KEPT = 1000
"""How many settled fires of a schedule are kept."""

_SCHEDULE = (
    "id",
    "name",
    "host",
    "kind",
    "wanted",
    "trigger",
    "timezone",
    "missed",
    "overlap",
    "paused",
    "seen",
    "created_at",
    "created_by",
)
_FIRE = (
    "schedule_id",
    "due",
    "by_hand",
    "outcome",
    "detail",
    "passed",
    "agent_id",
    "session_id",
    "claimed_at",
    "settled_at",
)


def _list(names: Sequence[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


def _params(names: Sequence[str]) -> str:
    return ", ".join(f"%({name})s" for name in names)


# ruff: noqa: S608 — every name is a column of ours
SCHEDULES = f"select {_list(_SCHEDULE)} from schedules where %(host)s::text is null or host = %(host)s order by name"
SCHEDULE = f"select {_list(_SCHEDULE)} from schedules where id = %(id)s for update"
FIND_SCHEDULE = f"select {_list(_SCHEDULE)} from schedules where name = %(name)s"
ADD_SCHEDULE = f"insert into schedules ({_list(_SCHEDULE)}) values ({_params(_SCHEDULE)})"
SAVE_SCHEDULE = "update schedules set paused = %(paused)s, seen = %(seen)s where id = %(id)s"
REMOVE_SCHEDULE = "delete from schedules where id = %(id)s"

FIRES = f"select {_list(_FIRE)} from schedule_fires where schedule_id = %(id)s order by due desc limit %(limit)s"
FIRE = f"select {_list(_FIRE)} from schedule_fires where schedule_id = %(id)s and due = %(due)s"
LAST_FIRES = (
    f"select {_list(_FIRE, 'f.')} from unnest(%(ids)s::uuid[]) one (id) cross join lateral"
    " (select * from schedule_fires where schedule_id = one.id order by due desc limit 1) f"
)
LAST_FIRE = (
    f"select {_list(_FIRE)} from schedule_fires where schedule_id = %(id)s and outcome in ('claimed', 'started')"
    " order by due desc limit 1"
)
OPEN_FIRES = (
    f"select {_list(_FIRE, 'f.')} from schedule_fires f join schedules s on s.id = f.schedule_id"
    " where f.outcome = 'claimed' and s.host = %(host)s order by f.due, f.schedule_id"
)
ADD_FIRE = f"insert into schedule_fires ({_list(_FIRE)}) values ({_params(_FIRE)})"
FORGET_FIRES = (
    "delete from schedule_fires where schedule_id = %(id)s and outcome <> 'claimed' and due < (select due from"
    " schedule_fires where schedule_id = %(id)s order by due desc offset %(kept)s limit 1)"
)
SETTLE_FIRE = (
    "update schedule_fires set outcome = %(outcome)s, detail = %(detail)s, agent_id = %(agent_id)s,"
    " session_id = %(session_id)s, settled_at = %(settled_at)s"
    " where schedule_id = %(schedule_id)s and due = %(due)s and outcome = 'claimed'"
)


def of_trigger(trigger: Trigger) -> dict[str, object]:
    match trigger:
        case Cron(expression):
            return {"cron": expression}
        case Every(span, start):
            return {"every": span.total_seconds(), "start": start.isoformat()}
        case Once(at):
            return {"at": at.isoformat()}


def to_trigger(kept: Mapping[str, Any]) -> Trigger:
    if "cron" in kept:
        return Cron(kept["cron"])
    if "every" in kept:
        return Every(timedelta(seconds=kept["every"]), datetime.fromisoformat(kept["start"]))
    return Once(datetime.fromisoformat(kept["at"]))


def of_schedule(schedule: Schedule) -> dict[str, object]:
    return {
        "id": schedule.id,
        "name": schedule.name,
        "host": schedule.host,
        "kind": schedule.what.value,
        "wanted": to_json(schedule.wanted),
        "trigger": to_json(of_trigger(schedule.trigger)),
        "timezone": schedule.timezone,
        "missed": schedule.missed.value,
        "overlap": schedule.overlap.value,
        "paused": schedule.paused,
        "seen": schedule.seen,
        "created_at": schedule.created_at,
        "created_by": schedule.created_by,
    }


def to_schedule(row: Row) -> Schedule:
    (id_, name, host, kind, wanted, trigger, timezone, missed, overlap, paused, seen, created_at, created_by) = row
    return Schedule(
        id=id_,
        name=name,
        host=host,
        what=What(kind),
        wanted=wanted,
        trigger=to_trigger(trigger),
        timezone=timezone,
        missed=Missed(missed),
        overlap=Overlap(overlap),
        paused=paused,
        seen=seen,
        created_at=created_at,
        created_by=created_by,
    )


def of_fire(fire: Fire) -> dict[str, object]:
    return {
        "schedule_id": fire.schedule,
        "due": fire.due,
        "by_hand": fire.by_hand,
        "outcome": fire.outcome.value,
        "detail": fire.detail,
        "passed": fire.passed,
        "agent_id": fire.agent,
        "session_id": fire.session,
        "claimed_at": fire.claimed_at,
        "settled_at": fire.settled_at,
    }


def to_fire(row: Row) -> Fire:
    schedule, due, by_hand, outcome, detail, passed, agent, session, claimed_at, settled_at = row
    return Fire(
        schedule=schedule,
        due=due,
        by_hand=by_hand,
        outcome=Outcome(outcome),
        detail=detail,
        passed=passed,
        agent=agent,
        session=session,
        claimed_at=claimed_at,
        settled_at=settled_at,
    )


class SchedulesTx(Writes):
    """The part of a transaction that is about schedules."""

    def add_schedule(self, schedule: Schedule) -> None:
        self._write(ADD_SCHEDULE, of_schedule(schedule))

    def schedule(self, schedule: UUID) -> Schedule | None:
        found = self._fetch(SCHEDULE, {"id": schedule})
        return to_schedule(found[0]) if found else None

    def save_schedule(self, schedule: Schedule) -> None:
        self._write(SAVE_SCHEDULE, {"id": schedule.id, "paused": schedule.paused, "seen": schedule.seen})

    def remove_schedule(self, schedule: UUID) -> None:
        self._write(REMOVE_SCHEDULE, {"id": schedule})

    def last_fire(self, schedule: UUID) -> Fire | None:
        found = self._fetch(LAST_FIRE, {"id": schedule})
        return to_fire(found[0]) if found else None

    def add_fires(self, *fires: Fire) -> None:
        for fire in fires:
            self._write(ADD_FIRE, of_fire(fire))
        for schedule in dict.fromkeys(fire.schedule for fire in fires):
            self._write(FORGET_FIRES, {"id": schedule, "kept": KEPT})

    def settle_fire(self, fire: Fire) -> bool:
        return self._write(SETTLE_FIRE, of_fire(fire)) == 1


class Schedules(Reads):
    """The part of the registry that is about schedules."""

    def schedules(self, host: str | None = None) -> list[Schedule]:
        return [to_schedule(row) for row in self._fetch(SCHEDULES, {"host": host})]

    def find_schedule(self, name: str) -> Schedule | None:
        found = self._fetch(FIND_SCHEDULE, {"name": name})
        return to_schedule(found[0]) if found else None

    def fires(self, schedule: UUID, *, limit: int) -> list[Fire]:
        return [to_fire(row) for row in self._fetch(FIRES, {"id": schedule, "limit": limit})]

    def fire(self, key: FireKey) -> Fire | None:
        found = self._fetch(FIRE, {"id": key.schedule, "due": key.due})
        return to_fire(found[0]) if found else None

    def last_fires(self, schedules: Sequence[UUID]) -> dict[UUID, Fire]:
        found = self._fetch(LAST_FIRES, {"ids": list(schedules)}) if schedules else []
        return {fire.schedule: fire for fire in map(to_fire, found)}

    def open_fires(self, host: str) -> list[Fire]:
        return [to_fire(row) for row in self._fetch(OPEN_FIRES, {"host": host})]
