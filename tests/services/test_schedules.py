"""Schedules over a fake world: each due time is started once, whatever the daemon dies in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from genie.adapters.schedules import TriggerCalendar
from genie.domain.agent import Life
from genie.domain.errors import (
    BadInput,
    Conflict,
    Failed,
    GenieError,
    LimitReached,
    NotAllowed,
    NotFound,
    Refused,
    RegistryAway,
    TerminalAway,
)
from genie.domain.schedule import Cron, Every, Fire, Once, Outcome, Schedule, What
from genie.services import schedules
from genie.services.firing import claim_due, give_up, keep_ringing, look_over, start_fire
from genie.services.order import Assignment, Order
from genie.services.run import rehearse_run, run
from genie.services.schedules import Wish
from genie.services.spawn import rehearse, spawn
from genie.services.timetable import Starter, Timetable
from tests.services.bench import Bench, env_of
from tests.services.calendars import MemoryAlarms

MINUTE = timedelta(minutes=1)
STARTERS = {
    What.SPAWN: Starter(start=spawn, rehearse=rehearse),
    What.RUN: Starter(start=run, rehearse=rehearse_run),
}


class Desk:
    """A bench with schedules: `ring` is what the daemon does when an alarm rings."""

    def __init__(self) -> None:
        self.bench = Bench()
        self.alarms = MemoryAlarms()
        self.calendar = TriggerCalendar()
        self.starters = STARTERS

    @property
    def table(self) -> Timetable:
        world = self.bench.world
        return Timetable(world=world, calendar=self.calendar, alarms=self.alarms, starters=self.starters)

    def wish(self, name: str = "tick", *, order: Order | None = None, **said: Any) -> Wish:  # noqa: ANN401
        when = {} if said.keys() & {"cron", "every", "at", "in_"} else {"every": "1m"}
        order = order or self.bench.order("ada", role="engineer", env={"OWN": "1"})
        return Wish(name=name, what=said.pop("what", "spawn"), order=order, **when | said)

    def add(self, name: str = "tick", **said: Any) -> Schedule:  # noqa: ANN401
        return schedules.add(self.table, self.wish(name, **said)).schedule

    def ring(self) -> None:
        running = look_over(self.table)
        assert not list(keep_ringing(self.table, running))
        for one in running:
            claim_due(self.table, one.id)
        for fire in self.bench.registry.open_fires(self.bench.world.host):
            start_fire(self.table, fire)

    def wait(self, span: timedelta = MINUTE) -> None:
        self.bench.clock.advance(span)

    def fires(self, name: str = "tick") -> list[Fire]:
        """Oldest first."""
        return schedules.history(self.table, name, limit=1000)[0][::-1]

    def outcomes(self, name: str = "tick") -> list[str]:
        return [fire.outcome.value for fire in self.fires(name)]

    def schedule(self, name: str = "tick") -> Schedule:
        return schedules.schedule(self.table, name).schedule

    def end(self, name: str = "ada") -> None:
        """Its process ends well, and the daemon notices."""
        self.bench.dies(name, exit_code=0)
        self.bench.beat()


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- adding ---------------------------------------------------------------------------------


def test_a_schedule_is_kept_with_its_alarm_and_next_times(desk: Desk) -> None:
    shown = schedules.add(desk.table, desk.wish(timezone="Europe/Berlin"))
    one = shown.schedule
    assert isinstance(one.trigger, Every)
    assert shown.next[0] == one.trigger.start
    assert shown.next[1] - shown.next[0] == MINUTE
    assert desk.alarms.first == {one.id: shown.next[0]}
    assert (one.timezone, one.created_by, one.paused) == ("Europe/Berlin", "user", False)
    assert desk.bench.registry.find_schedule("tick") == one
    assert [shown.schedule.name for shown in schedules.schedules(desk.table)] == ["tick"]


def test_values_of_the_environment_are_in_no_registry(desk: Desk) -> None:
    caller = desk.bench.caller({"SECRET": "s3cret", "TMUX_PANE": "%1", "TMUX": "/t,1,0"})
    one = desk.add(order=desk.bench.order("ada", role="engineer", caller=caller, env={"OWN": "t0ken"}))
    assert "s3cret" not in str(one)
    assert "t0ken" not in str(one)
    assert one.wanted["env_names"] == ["OWN"]
    desk.wait()
    desk.ring()
    env = env_of(desk.bench)
    assert (env["SECRET"], env["OWN"]) == ("s3cret", "t0ken")
    assert "caller:TMUX_PANE" not in desk.bench.world.launches.environment(one.id)


@pytest.mark.parametrize(
    ("said", "trigger"),
    [
        ({"cron": "@daily"}, Cron("@daily")),
        ({"at": "2026-03-01T13:00Z"}, Once(datetime.fromisoformat("2026-03-01T13:00Z"))),
    ],
)
def test_triggers_are_kept_as_they_were_meant(desk: Desk, said: dict[str, Any], trigger: object) -> None:
    assert desk.add(**said).trigger == trigger


def test_in_is_once_from_now(desk: Desk) -> None:
    shown = schedules.add(desk.table, desk.wish(in_="10m"))
    assert shown.next[0] - shown.schedule.created_at == timedelta(minutes=10)
    assert len(shown.next) == 1


@pytest.mark.parametrize(
    "said",
    [
        {"cron": "* * * *"},
        {"cron": "0 0 31 2 *"},
        {"at": "2026-02-01T00:00"},
        {"at": "soon"},
        {"every": "0"},
        {"every": "1500ms"},
        {"every": "often"},
        {"every": "87600000d"},
        {"in_": "10m", "every": "10m"},
        {"timezone": "Nowhere"},
        {"missed": "maybe"},
        {"overlap": "maybe"},
        {"what": "nap"},
        {"name": "No Name"},
    ],
)
def test_what_cannot_be_meant_is_told_and_not_kept(desk: Desk, said: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as told:
        desk.add(**said)
    assert told.value.hint
    assert desk.bench.registry.schedules() == []
    assert desk.alarms.first == {}


def test_a_wish_without_a_time_is_no_wish(desk: Desk) -> None:
    with pytest.raises(BadInput, match="when is it due"):
        schedules.add(desk.table, replace(desk.wish(), every=None))


def test_what_could_not_be_spawned_is_not_kept(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.add(order=desk.bench.order("nobody"))
    with pytest.raises(BadInput, match="--parent-pid"):
        desk.add(order=desk.bench.order("ada", role="engineer", parent_pid=1))
    assert desk.bench.registry.schedules() == []


def test_a_limit_that_is_reached_now_is_none_of_then(desk: Desk) -> None:
    def reached(*_: object) -> None:
        raise LimitReached("children")

    desk.starters = {What.SPAWN: Starter(start=spawn, rehearse=reached)}
    assert desk.add().name == "tick"


def test_there_is_one_of_a_name(desk: Desk) -> None:
    desk.add()
    with pytest.raises(Conflict, match="already"):
        desk.add()


@pytest.mark.parametrize(("given", "zone"), [("Asia/Tokyo", "Asia/Tokyo"), (":Asia/Tokyo", "Asia/Tokyo")])
def test_the_callers_clock_is_the_clock(desk: Desk, given: str, zone: str) -> None:
    caller = desk.bench.caller({"TZ": given})
    assert desk.add(order=desk.bench.order("ada", role="engineer", caller=caller)).timezone == zone


def test_a_timezone_that_nobody_knows_is_this_hosts(desk: Desk) -> None:
    caller = desk.bench.caller({"TZ": "EST5EDT4,M3"})
    one = desk.add(order=desk.bench.order("ada", role="engineer", caller=caller))
    assert one.timezone == desk.calendar.zone(None)


def test_what_an_agent_has_scheduled_is_its_child(desk: Desk) -> None:
    desk.bench.spawn("boss")
    token = env_of(desk.bench, "boss")["GENIE_AGENT_TOKEN"]
    caller = desk.bench.caller({"GENIE_AGENT_TOKEN": token})
    one = desk.add(order=desk.bench.order("ada", role="engineer", caller=caller))
    assert one.created_by == "boss"
    desk.wait()
    desk.ring()
    assert desk.bench.agent().parent == desk.bench.agent("boss").id
    desk.bench.kill("boss")
    desk.wait()
    with pytest.raises(Refused):
        desk.ring()
    assert desk.outcomes()[-1] == "failed"


# ---- firing ---------------------------------------------------------------------------------


def test_each_due_time_starts_one(desk: Desk) -> None:
    desk.add()
    for _ in range(3):
        desk.wait()
        desk.ring()
        desk.ring()
        desk.end()
    fires = desk.fires()
    assert [fire.outcome for fire in fires] == [Outcome.STARTED] * 3
    assert len({fire.session for fire in fires}) == 3
    assert len(desk.bench.executions()) == 3
    names = schedules.history(desk.table, "tick", limit=1)[1]
    assert set(names.values()) == {"ada"}


def test_nothing_is_started_before_its_time(desk: Desk) -> None:
    desk.add()
    desk.ring()
    assert desk.fires() == []


def test_a_live_one_is_in_the_way_unless_overlaps_are_allowed(desk: Desk) -> None:
    desk.add()
    desk.add("over", overlap="allow", order=desk.bench.order("bob", role="engineer"))
    for _ in range(2):
        desk.wait()
        desk.ring()
    assert desk.outcomes() == ["started", "skipped"]
    assert desk.outcomes("over") == ["started", "started"]
    assert len(desk.bench.registry.store.agents) == 3


def test_one_that_has_gone_on_with_another_session_is_not_in_the_way(desk: Desk) -> None:
    desk.add()
    desk.wait()
    desk.ring()
    desk.end()
    desk.bench.spawn("ada")
    desk.wait()
    desk.ring()
    assert desk.outcomes() == ["started", "started"]


def test_one_that_is_on_its_way_is_in_the_way(desk: Desk) -> None:
    one = desk.add()
    for _ in range(2):
        desk.wait()
        claim_due(desk.table, one.id)
    assert desk.outcomes() == ["claimed", "skipped"]


@pytest.mark.parametrize(
    ("missed", "outcomes", "passed"),
    [
        ("run-once", ["started"], [3]),
        ("run-all", ["started"] * 4, [0] * 4),
        ("skip", ["skipped"], [3]),
    ],
)
def test_what_was_missed_is_dealt_with_by_policy(
    desk: Desk, missed: str, outcomes: list[str], passed: list[int]
) -> None:
    desk.add(missed=missed, overlap="allow")
    desk.wait(4 * MINUTE + timedelta(seconds=30))
    desk.bench.restart()
    desk.ring()
    assert desk.outcomes() == outcomes
    assert [fire.passed for fire in desk.fires()] == passed
    desk.ring()
    assert desk.outcomes() == outcomes


def test_what_cannot_be_started_is_told_in_the_history(desk: Desk) -> None:
    desk.add()
    desk.bench.providers.claude.missing = True
    desk.wait()
    with pytest.raises(GenieError):
        desk.ring()
    (fire,) = desk.fires()
    assert fire.outcome is Outcome.FAILED
    assert fire.detail
    assert fire.settled_at


def test_a_server_that_is_away_is_waited_for(desk: Desk) -> None:
    desk.add()
    desk.wait()
    socket = desk.bench.world.terminal.default_socket()
    desk.bench.machine.away.add(socket)
    with pytest.raises(TerminalAway):
        desk.ring()
    assert desk.outcomes() == ["claimed"]
    desk.bench.machine.away.discard(socket)
    desk.ring()
    assert desk.outcomes() == ["started"]
    assert desk.bench.life() is Life.RUNNING


POINTS = (
    "schedule.before_claim",
    "schedule.claimed",
    "spawn.before_commit",
    "spawn.committed",
    "start.created",
    "start.released",
)


@pytest.mark.parametrize("point", POINTS)
def test_a_daemon_that_dies_anywhere_starts_it_once(desk: Desk, point: str) -> None:
    desk.add()
    desk.wait()
    desk.bench.dies_at(point, desk.ring)
    desk.bench.restart()
    desk.bench.beat()
    desk.ring()
    desk.bench.beat()
    assert desk.outcomes() == ["started"]
    assert desk.fires()[0].session == desk.bench.agent().session
    assert desk.bench.life() is Life.RUNNING
    assert len(desk.bench.registry.store.agents) == 1


@pytest.mark.parametrize("point", ["schedule.before_add", "schedule.added"])
def test_a_daemon_that_dies_while_one_is_added_has_added_it_or_not(desk: Desk, point: str) -> None:
    desk.bench.dies_at(point, desk.add)
    desk.bench.restart()
    desk.ring()
    known = {one.schedule.id for one in schedules.schedules(desk.table)}
    assert desk.alarms.known() == known
    assert bool(known) == (point == "schedule.added")


def test_a_fire_is_started_once_though_two_try(desk: Desk) -> None:
    one = desk.add(overlap="allow")
    desk.wait()
    claim_due(desk.table, one.id)
    (fire,) = desk.fires()
    start_fire(desk.table, fire)
    with pytest.raises(Conflict):
        start_fire(desk.table, fire)
    assert desk.outcomes() == ["started"]
    assert len(desk.bench.registry.store.agents) == 1
    give_up(desk.table, fire, "late")
    assert desk.outcomes() == ["started"]


def test_a_removed_one_starts_nothing(desk: Desk) -> None:
    one = desk.add()
    desk.wait()
    claim_due(desk.table, one.id)
    (fire,) = desk.fires()
    assert schedules.remove(desk.table, "tick") == replace(one, seen=fire.due)
    start_fire(desk.table, fire)
    claim_due(desk.table, one.id)
    assert desk.alarms.first == {}
    assert not desk.bench.registry.store.agents
    with pytest.raises(NotFound, match="'tick'"):
        schedules.remove(desk.table, "tick")


def test_only_this_hosts_are_started(desk: Desk) -> None:
    one = desk.add()
    desk.bench.registry.store.schedules[one.id] = replace(one, host="other")
    desk.wait()
    desk.ring()
    claim_due(desk.table, one.id)
    assert desk.fires() == []
    assert desk.alarms.first == {}


def test_alarms_that_were_lost_are_set_again(desk: Desk) -> None:
    one = desk.add()
    desk.alarms.first = {UUID(int=9): one.created_at}
    desk.ring()
    assert desk.alarms.known() == {one.id}


def test_one_alarm_that_cannot_be_set_keeps_no_other_from_it(desk: Desk) -> None:
    one = desk.add()
    desk.alarms.first.clear()
    desk.alarms.broken = Failed("no such zone")
    assert list(keep_ringing(desk.table, look_over(desk.table))) == [(one, desk.alarms.broken)]
    desk.alarms.broken = RegistryAway("away")
    with pytest.raises(RegistryAway):
        list(keep_ringing(desk.table, look_over(desk.table)))


def test_a_run_is_scheduled_as_a_spawn_is(desk: Desk) -> None:
    order = desk.bench.order("", command=("make", "check"), assignment=Assignment(timeout="10m", keep=True))
    desk.add(what="run", order=order)
    desk.wait()
    desk.ring()
    (fire,) = desk.fires()
    assert fire.outcome is Outcome.STARTED
    (agent,) = desk.bench.registry.store.agents.values()
    assert agent.name.startswith("make-")
    session = desk.bench.session(agent.name)
    assert session.attend
    assert session.attend.keep
    assert session.attend.timeout == timedelta(minutes=10)


def test_a_kind_that_nobody_starts_is_refused(desk: Desk) -> None:
    desk.starters = {What.SPAWN: STARTERS[What.SPAWN]}
    with pytest.raises(BadInput, match="cannot be scheduled"):
        desk.add(what="run")


# ---- pause, resume, run now ------------------------------------------------------------------


def test_a_paused_one_starts_nothing_and_leaves_out_what_was_due(desk: Desk) -> None:
    one = desk.add()
    assert schedules.pause(desk.table, "tick").next == ()
    assert desk.alarms.first == {}
    desk.wait(5 * MINUTE)
    desk.ring()
    claim_due(desk.table, one.id)
    shown = schedules.resume(desk.table, "tick")
    desk.ring()
    assert desk.fires() == []
    assert desk.alarms.first == {one.id: shown.next[0]}
    desk.wait()
    desk.ring()
    assert desk.outcomes() == ["started"]


@pytest.mark.parametrize(("missed", "count"), [("run-all", 3), ("run-once", 1)])
def test_a_resume_makes_up_for_what_was_due_where_that_is_asked(desk: Desk, missed: str, count: int) -> None:
    desk.add(paused=True, overlap="allow")
    desk.wait(3 * MINUTE)
    schedules.resume(desk.table, "tick", missed=missed)
    desk.ring()
    assert desk.outcomes() == ["started"] * count


def test_what_is_not_paused_cannot_be_resumed(desk: Desk) -> None:
    desk.add()
    with pytest.raises(NotAllowed):
        schedules.resume(desk.table, "tick")
    with pytest.raises(BadInput):
        schedules.resume(desk.table, "tick", missed="maybe")


@pytest.mark.parametrize("verb", [schedules.pause, schedules.resume])
def test_one_that_goes_away_meanwhile_is_not_found(desk: Desk, verb: Callable[[Timetable, str], object]) -> None:
    one = desk.add(paused=True)
    found = desk.bench.registry.find_schedule

    def find(name: str) -> Schedule | None:
        known = found(name)
        desk.bench.registry.store.schedules.pop(one.id, None)
        return known

    desk.bench.registry.find_schedule = find  # type: ignore[method-assign]  # the race, made certain
    with pytest.raises(NotFound, match="any more"):
        verb(desk.table, "tick")


def test_by_hand_it_is_started_besides_its_times_whatever_is_in_the_way(desk: Desk) -> None:
    desk.add(paused=True)
    for _ in range(2):
        fire = schedules.run_now(desk.table, schedules.by_hand(desk.table, "tick"))
        assert (fire.outcome, fire.by_hand) == (Outcome.STARTED, True)
        assert fire.session
    assert len(desk.bench.registry.store.agents) == 2
    assert desk.schedule().paused


def test_by_hand_what_is_in_the_way_is_told(desk: Desk) -> None:
    desk.add()
    desk.bench.providers.claude.missing = True
    with pytest.raises(NotFound):
        schedules.run_now(desk.table, schedules.by_hand(desk.table, "tick"))
    assert desk.outcomes() == ["failed"]
    with pytest.raises(NotFound, match="there is no schedule"):
        schedules.by_hand(desk.table, "tack")


def test_the_last_fire_is_shown(desk: Desk) -> None:
    desk.add(in_="1m")
    desk.wait()
    desk.ring()
    shown = schedules.schedule(desk.table, "tick")
    assert shown.next == ()
    assert shown.last == desk.fires()[0]
    assert schedules.schedules(desk.table) == [shown]
