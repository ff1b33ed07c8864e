"""When triggers are due, over both changes of the clocks; alarms that outlive their process and their database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from queue import Queue
from uuid import UUID

import pytest
from tzlocal import reload_localzone

from genie.adapters.postgres.embedded import Embedded
from genie.adapters.postgres.migrate import migrate
from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.schedules import StoredAlarms, TriggerCalendar
from genie.domain.errors import BadInput, RegistryAway
from genie.domain.schedule import Cron, Every, Once, Schedule, Trigger, upcoming
from tests.contract.test_schedules import a_schedule
from tests.contract.values import HOST
from tests.fixtures.postgres import ask

BERLIN = "Europe/Berlin"
WITHIN = 20


@pytest.fixture
def calendar() -> TriggerCalendar:
    return TriggerCalendar()


def times(trigger: Trigger, after: str, count: int, zone: str = BERLIN) -> list[str]:
    """The next due times in UTC, day and time."""
    found = upcoming(
        lambda at: TriggerCalendar().next_after(trigger, zone, at), after=datetime.fromisoformat(after), count=count
    )
    return [f"{at:%d %H:%M}" for at in found]


# ---- the calendar ---------------------------------------------------------------------------


def test_a_time_that_does_not_exist_in_spring_comes_an_hour_later() -> None:
    assert times(Cron("30 2 * * *"), "2026-03-27T12:00Z", 4) == ["28 01:30", "29 01:30", "30 00:30", "31 00:30"]


def test_a_time_that_comes_twice_in_autumn_counts_once() -> None:
    assert times(Cron("30 2 * * *"), "2026-10-23T12:00Z", 4) == ["24 00:30", "25 00:30", "26 01:30", "27 01:30"]


def test_every_hour_is_every_hour_over_both_changes() -> None:
    assert times(Cron("30 * * * *"), "2026-10-24T23:00Z", 4) == ["24 23:30", "25 00:30", "25 01:30", "25 02:30"]
    assert times(Cron("30 * * * *"), "2026-03-28T23:00Z", 4) == ["28 23:30", "29 00:30", "29 01:30", "29 02:30"]


def test_a_time_of_day_stays_that_over_both_changes() -> None:
    assert times(Cron("0 9 * * *"), "2026-03-28T00:00Z", 2) == ["28 08:00", "29 07:00"]
    assert times(Cron("0 9 * * *"), "2026-10-24T00:00Z", 2) == ["24 07:00", "25 08:00"]


def test_an_interval_is_as_long_over_a_change() -> None:
    start = datetime(2026, 3, 28, 0, 0, tzinfo=UTC)
    assert times(Every(timedelta(days=1), start), "2026-03-27T12:00Z", 3) == ["28 00:00", "29 00:00", "30 00:00"]


def test_day_or_weekday() -> None:
    """Friday, or the 13th."""
    assert times(Cron("0 0 13 * fri"), "2026-01-08T00:00Z", 4, "UTC") == [
        "09 00:00",
        "13 00:00",
        "16 00:00",
        "23 00:00",
    ]


def test_sunday_is_0() -> None:
    assert times(Cron("0 0 * * 0"), "2026-01-01T00:00Z", 2, "UTC") == ["04 00:00", "11 00:00"]


def test_once_is_once(calendar: TriggerCalendar) -> None:
    when = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
    assert calendar.next_after(Once(when), BERLIN, when - timedelta(seconds=1)) == when
    assert calendar.next_after(Once(when), BERLIN, when) is None


def test_what_never_comes_is_none(calendar: TriggerCalendar) -> None:
    assert calendar.next_after(Cron("0 0 31 2 *"), BERLIN, datetime.now(UTC)) is None


@pytest.mark.parametrize("wrong", ["61 * * * *", "* 24 * * *", "* * 32 * *", "* * * 13 *", "x * * * *"])
def test_what_does_not_read_is_told_with_the_five_fields(calendar: TriggerCalendar, wrong: str) -> None:
    with pytest.raises(BadInput) as told:
        calendar.check(Cron(wrong), BERLIN)
    assert "minute hour day" in told.value.hint


def test_zones_are_known_by_name(calendar: TriggerCalendar, monkeypatch: pytest.MonkeyPatch) -> None:
    assert calendar.zone(BERLIN) == BERLIN
    with monkeypatch.context() as tokyo:
        tokyo.setenv("TZ", "Asia/Tokyo")
        reload_localzone()
        assert calendar.zone(None) == "Asia/Tokyo"
    reload_localzone()
    for wrong in ("Europe/Berlim", "../etc/passwd", "", "/etc/localtime"):
        with pytest.raises(BadInput) as told:
            calendar.zone(wrong)
        assert told.value.hint
    with pytest.raises(BadInput) as near:
        calendar.zone("Europe/Berlim")
    assert near.value.hint == "did you mean 'Europe/Berlin'?"


def test_moments_are_of_the_zone_unless_they_say(calendar: TriggerCalendar) -> None:
    assert calendar.moment("2026-12-01T09:00", BERLIN) == datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
    assert calendar.moment("2026-12-01T09:00Z", BERLIN) == datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
    with pytest.raises(BadInput, match="is no time"):
        calendar.moment("tomorrow", BERLIN)
    with pytest.raises(BadInput, match="does not exist"):
        calendar.moment("2026-03-29T02:30", BERLIN)


# ---- alarms ---------------------------------------------------------------------------------


@pytest.fixture
def registry(dsn: str) -> Iterator[PostgresRegistry]:
    with closing(PostgresRegistry(dsn)) as registry:
        yield registry


def alarms(registry: PostgresRegistry, host: str = HOST) -> StoredAlarms:
    jobs = registry.jobs(host)
    return StoredAlarms(jobs, jobs.prefix)


def soon(name: str = "soon") -> Schedule:
    start = datetime.now(UTC).replace(microsecond=0)
    return a_schedule(name, trigger=Every(timedelta(seconds=1), start))


def test_an_alarm_rings_again_and_again_and_outlives_who_has_set_it(registry: PostgresRegistry) -> None:
    rung: Queue[UUID] = Queue()
    one, first = soon(), alarms(registry)
    first.start(rung.put)
    first.set(one, datetime.now(UTC))
    assert {rung.get(timeout=WITHIN) for _ in range(2)} == {one.id}
    first.stop()
    first.stop()
    after: Queue[UUID] = Queue()
    second = alarms(registry)
    second.start(after.put)
    assert second.known() == {one.id}
    assert after.get(timeout=WITHIN) == one.id
    second.clear(one.id)
    second.clear(one.id)
    assert second.known() == frozenset()
    second.stop()


def test_one_without_a_next_time_does_not_ring(registry: PostgresRegistry) -> None:
    made = alarms(registry)
    made.start(lambda _: None)
    one = a_schedule()
    made.set(one, datetime.now(UTC) + timedelta(hours=1))
    made.set(replace(one, paused=True), None)
    assert made.known() == frozenset()
    made.stop()


def test_of_two_hosts_each_rings_for_its_own(registry: PostgresRegistry) -> None:
    rung: Queue[UUID] = Queue()
    strange: Queue[UUID] = Queue()
    mine, theirs = alarms(registry), alarms(registry, "host-1_")
    mine.start(rung.put)
    theirs.start(strange.put)
    one = soon()
    mine.set(one, datetime.now(UTC))
    assert rung.get(timeout=WITHIN) == one.id
    assert theirs.known() == frozenset()
    assert strange.empty()
    mine.stop()
    theirs.stop()


def test_alarms_come_back_with_the_database(own_cluster: Embedded) -> None:
    own_dsn = own_cluster.start()
    migrate(own_dsn)
    rung: Queue[UUID] = Queue()
    with closing(PostgresRegistry(own_dsn)) as registry:
        made = alarms(registry)
        made.start(rung.put)
        one = soon()
        made.set(one, datetime.now(UTC))
        assert rung.get(timeout=WITHIN) == one.id
        own_cluster.stop()
        with pytest.raises(RegistryAway):
            made.known()
        own_cluster.start()
        while not rung.empty():
            rung.get()
        assert rung.get(timeout=WITHIN) == one.id
        made.stop()


def test_the_table_is_that_of_the_migration(registry: PostgresRegistry, dsn: str) -> None:
    made = alarms(registry)
    made.start(lambda _: None)
    made.set(a_schedule(), datetime.now(UTC) + timedelta(hours=1))
    made.stop()
    ((id_,),) = ask(dsn, "select id from apscheduler_jobs")
    assert str(id_).startswith(f"{HOST}/")
