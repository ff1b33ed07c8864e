"""What every registry keeps of schedules: the same over memory and over PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.adapters.postgres.schedules import KEPT
from genie.domain.errors import Conflict
from genie.domain.schedule import Cron, Every, Fire, FireKey, Missed, Once, Outcome, Overlap, Schedule, What
from genie.ports import Registry
from tests.contract.values import HOST, NOW

MINUTE = timedelta(minutes=1)


@pytest.fixture
def registry(either: Registry) -> Registry:
    either.join_host("host-2", name="other", boot="b", at=NOW)
    return either


def a_schedule(name: str = "nightly", **changed: Any) -> Schedule:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": uuid4(),
        "name": name,
        "host": HOST,
        "what": What.SPAWN,
        "wanted": {"name": "ada", "command": ["echo", "größe %s"], "prompt": None},
        "trigger": Cron("0 3 * * 1-5"),
        "timezone": "Europe/Berlin",
        "missed": Missed.RUN_ALL,
        "overlap": Overlap.ALLOW,
        "paused": False,
        "seen": NOW,
        "created_at": NOW,
        "created_by": "user",
    }
    return Schedule(**fields | changed)


def a_fire(schedule: UUID, minutes: int = 0, **changed: Any) -> Fire:  # noqa: ANN401
    fields: dict[str, Any] = {
        "schedule": schedule,
        "due": NOW + minutes * MINUTE,
        "outcome": Outcome.CLAIMED,
        "claimed_at": NOW,
    }
    return Fire(**fields | changed)


def keep(registry: Registry, schedule: Schedule, *fires: Fire) -> Schedule:
    with registry.begin() as tx:
        tx.add_schedule(schedule)
        tx.add_fires(*fires)
    return schedule


@pytest.mark.parametrize("trigger", [Cron("@daily"), Every(timedelta(minutes=10), NOW), Once(NOW)])
def test_a_schedule_comes_back_as_it_was(registry: Registry, trigger: Any) -> None:  # noqa: ANN401
    one = keep(registry, a_schedule(trigger=trigger))
    assert registry.find_schedule("nightly") == one
    assert registry.schedules() == [one]
    with registry.begin() as tx:
        assert tx.schedule(one.id) == one
        assert tx.schedule(uuid4()) is None
    assert registry.find_schedule("other") is None


def test_schedules_are_in_the_order_of_their_names_and_have_a_host(registry: Registry) -> None:
    two, one = keep(registry, a_schedule("two")), keep(registry, a_schedule("one", host="host-2"))
    assert registry.schedules() == [one, two]
    assert registry.schedules(HOST) == [two]


def test_there_is_one_of_a_name(registry: Registry) -> None:
    keep(registry, a_schedule())
    with pytest.raises(Conflict, match="a schedule of that name"):
        keep(registry, a_schedule())
    assert len(registry.schedules()) == 1


def test_only_paused_and_seen_change(registry: Registry) -> None:
    one = keep(registry, a_schedule())
    with registry.begin() as tx:
        tx.save_schedule(replace(one, paused=True, seen=NOW + MINUTE, name="else", missed=Missed.SKIP))
    assert registry.find_schedule("nightly") == replace(one, paused=True, seen=NOW + MINUTE)


def test_a_removed_one_is_gone_with_its_fires(registry: Registry) -> None:
    one = a_schedule()
    keep(registry, one, a_fire(one.id))
    assert one.id in registry.kept_ids()[0]
    with registry.begin() as tx:
        tx.remove_schedule(one.id)
        assert not tx.settle_fire(a_fire(one.id, outcome=Outcome.STARTED))
    assert registry.schedules() == []
    assert registry.fires(one.id, limit=10) == []
    assert one.id not in registry.kept_ids()[0]


def test_a_due_time_is_claimed_once(registry: Registry) -> None:
    one = a_schedule()
    keep(registry, one, a_fire(one.id))
    with pytest.raises(Conflict, match="dealt with already"), registry.begin() as tx:
        tx.add_fires(a_fire(one.id))
    assert registry.fires(one.id, limit=10) == [a_fire(one.id)]


def test_a_fire_is_settled_once(registry: Registry) -> None:
    one = a_schedule()
    keep(registry, one, a_fire(one.id, passed=3, by_hand=True))
    agent, session = uuid4(), uuid4()
    started = a_fire(one.id, outcome=Outcome.STARTED, agent=agent, session=session, settled_at=NOW)
    with registry.begin() as tx:
        assert tx.settle_fire(started)
        assert not tx.settle_fire(replace(started, outcome=Outcome.FAILED, detail="late"))
    expected = replace(started, passed=3, by_hand=True)
    assert registry.fire(started.key) == expected
    assert registry.fire(FireKey(one.id, NOW + MINUTE)) is None
    assert registry.last_fires([one.id, uuid4()]) == {one.id: expected}
    assert registry.last_fires([]) == {}


def test_fires_are_told_latest_first(registry: Registry) -> None:
    one = a_schedule()
    keep(registry, one, *(a_fire(one.id, minutes) for minutes in range(4)))
    assert [fire.due for fire in registry.fires(one.id, limit=2)] == [NOW + 3 * MINUTE, NOW + 2 * MINUTE]


def test_the_last_is_one_that_was_started_or_is_on_its_way(registry: Registry) -> None:
    one = a_schedule()
    over = [a_fire(one.id, 1, outcome=Outcome.SKIPPED), a_fire(one.id, 2, outcome=Outcome.FAILED)]
    keep(registry, one, a_fire(one.id), *over)
    with registry.begin() as tx:
        assert tx.last_fire(one.id) == a_fire(one.id)
        assert tx.last_fire(uuid4()) is None


def test_open_ones_are_told_by_host_oldest_first(registry: Registry) -> None:
    one, other = a_schedule(), a_schedule("other", host="host-2")
    keep(registry, one, a_fire(one.id, 2), a_fire(one.id, 1), a_fire(one.id, 0, outcome=Outcome.FAILED))
    keep(registry, other, a_fire(other.id))
    assert [fire.due for fire in registry.open_fires(HOST)] == [NOW + MINUTE, NOW + 2 * MINUTE]
    assert registry.open_fires("host-2") == [a_fire(other.id)]


def test_the_latest_thousand_are_kept_and_those_on_their_way(registry: Registry) -> None:
    one = a_schedule()
    old = [a_fire(one.id, -2), a_fire(one.id, -1, outcome=Outcome.SKIPPED)]
    keep(registry, one, *old, *(a_fire(one.id, n, outcome=Outcome.SKIPPED) for n in range(KEPT + 1)))
    left = registry.fires(one.id, limit=5000)
    assert len(left) == KEPT + 2
    assert left[-1] == old[0]
