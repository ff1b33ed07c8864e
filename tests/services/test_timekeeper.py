"""The thread that starts what is due: alarms ring, servers go away and come back, bugs happen; it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest

from genie.daemon import timekeeper
from genie.daemon.timekeeper import Timekeeper
from genie.domain.schedule import Outcome, What
from genie.services.order import Order
from genie.services.spawn import rehearse, spawn
from genie.services.timetable import Starter
from genie.services.world import World
from tests.fixtures.tmux import until
from tests.services.calendars import MemoryAlarms
from tests.services.test_schedules import MINUTE, Desk


class Bells(MemoryAlarms):
    """Alarms that a test rings."""

    def start(self, ring: Callable[[UUID], None]) -> None:
        self.ring = ring

    def stop(self) -> None:
        self.ring = lambda _: None


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(timekeeper, "AGAIN", 0.05)
    desk = Desk()
    desk.alarms = Bells()
    return desk


@pytest.fixture
def keeper(desk: Desk) -> Iterator[Timekeeper]:
    keeper = Timekeeper(desk.table)
    keeper.start()
    yield keeper
    keeper.stop()


def ring(desk: Desk, schedule: UUID) -> None:
    assert isinstance(desk.alarms, Bells)
    desk.alarms.ring(schedule)


def until_outcomes(desk: Desk, *outcomes: str) -> None:
    until(lambda: desk.outcomes() == list(outcomes), what=f"{outcomes}")


def test_a_ring_starts_what_is_due(desk: Desk, keeper: Timekeeper) -> None:
    one = desk.add()
    desk.wait()
    ring(desk, one.id)
    until_outcomes(desk, "started")


def test_what_was_due_before_is_started_at_the_start(desk: Desk) -> None:
    desk.add(missed="run-all", overlap="allow")
    desk.wait(3 * MINUTE)
    keeper = Timekeeper(desk.table)
    keeper.start()
    until_outcomes(desk, "started", "started", "started")
    keeper.stop()


def test_it_waits_for_tmux(desk: Desk, keeper: Timekeeper) -> None:
    one = desk.add()
    socket = desk.bench.world.terminal.default_socket()
    desk.bench.machine.away.add(socket)
    desk.wait()
    ring(desk, one.id)
    until_outcomes(desk, "claimed")
    desk.bench.machine.away.discard(socket)
    until_outcomes(desk, "started")


def test_it_waits_for_the_registry(desk: Desk, keeper: Timekeeper) -> None:
    one = desk.add()
    desk.wait()
    desk.bench.registry.away = True
    ring(desk, one.id)
    until(lambda: keeper._trouble, what="trouble")
    desk.bench.registry.away = False
    until_outcomes(desk, "started")


def test_a_bug_is_told_in_the_history_and_ends_nothing(desk: Desk, keeper: Timekeeper) -> None:
    def broken(_world: World, _order: Order) -> None:
        raise ZeroDivisionError("by nought")

    desk.add()
    table = desk.table
    keeper.table = type(table)(
        world=table.world,
        calendar=table.calendar,
        alarms=table.alarms,
        starters={What.SPAWN: Starter(start=broken, rehearse=rehearse)},
    )
    desk.wait()
    keeper.look()
    until_outcomes(desk, "failed")
    assert "by nought" in str(desk.fires()[0].detail)
    keeper.table = table
    desk.wait()
    keeper.look()
    until_outcomes(desk, "failed", "started")


def test_by_hand_it_is_started_once(desk: Desk, keeper: Timekeeper) -> None:
    desk.add()
    for _ in range(5):
        keeper.look()
        fire = keeper.run_now("tick")
        assert fire.outcome is Outcome.STARTED
    assert desk.outcomes() == ["started"] * 5
    assert len(desk.bench.registry.store.agents) == 5


def test_starters_are_what_the_api_calls() -> None:
    assert timekeeper.STARTERS[What.SPAWN].start is spawn
    assert set(timekeeper.STARTERS) == set(What)
