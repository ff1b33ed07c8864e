"""The threads that tell people and follow rules: pushed by events, over the end of the daemon, whatever goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event as Flag

import pytest
from structlog.testing import capture_logs

from genie.adapters.notices import FileMemory
from genie.daemon import rules as keeping
from genie.daemon.herald import Herald
from genie.daemon.rules import Rulekeeper
from genie.domain.agent import Activity
from genie.domain.errors import BadInput
from genie.domain.events import Event, Kind
from genie.domain.notice import Wishes
from genie.domain.rule import Rule
from genie.domain.tree import Rate
from genie.ports import Ran
from tests.fixtures.tmux import until
from tests.services.bench import Bench
from tests.services.test_notify import Recorded, onlooker

MINUTE = timedelta(minutes=1)


class Pushed:
    """`genie.ports.Feed` over a registry in memory, which is pushed by hand; itself its only subscription."""

    connected = True

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._cursor = 0
        self._wake: Callable[[], None] = lambda: None
        self.closed = False

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def subscribe(self, *, after: int, wake: Callable[[], None]) -> Pushed:
        self._cursor, self._wake, self.closed = after, wake, False
        wake()
        return self

    def take(self) -> list[Event]:
        found = self._bench.registry.events(after=self._cursor)
        self._cursor = (found[-1].id or 0) if found else self._cursor
        return found

    def close(self) -> None:
        self.closed = True

    def push(self) -> None:
        self._wake()


@dataclass
class Play:
    """A bench with a daemon's herald, whose ways are noted."""

    bench: Bench
    memory: FileMemory
    wishes: Wishes = field(default_factory=lambda: Wishes(command=("page",)))
    recorded: Recorded = field(default_factory=Recorded)

    @contextmanager
    def daemon(self) -> Iterator[Pushed]:
        feed = Pushed(self.bench)
        herald = Herald(self.bench.world, feed, self.recorded.outlets, self.wishes, self.memory)
        herald.start()
        try:
            yield feed
        finally:
            herald.stop()

    def becomes(self, activity: Activity, name: str = "ada") -> None:
        """As the daemon's attention writes it."""
        now = self.bench.clock.now()
        with self.bench.registry.begin() as tx:
            found = tx.standing(name)
            assert found
            tx.save_agent(replace(found.agent, activity=activity, activity_since=now, activity_source="hook: x"))
            tx.record(Event(kind=Kind.ACTIVITY, at=now, agent=found.agent.id, payload={"activity": activity.value}))

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(env["GENIE_NOTICE_NAME"], env["GENIE_NOTICE_OCCASION"]) for _, env in self.recorded.ran]

    def until_told(self, *expected: str, name: str = "ada") -> None:
        until(lambda: len(self.told) >= len(expected), what=f"{len(expected)} notices (last: {self.told})")
        assert self.told == [(name, occasion) for occasion in expected]

    def ledger(self) -> Mapping[str, object]:
        return self.memory.load() or {}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    bench = Bench()
    bench.spawn()
    return Play(bench, FileMemory(tmp_path / "notices.json"))


class Kept(FileMemory):
    """Notes of how many agents something was remembered, each time."""

    counts: list[int]

    def save(self, said: Mapping[str, object]) -> None:
        told = said["told"]
        assert isinstance(told, dict)
        self.counts.append(len(told))
        super().save(said)


def test_a_storm_is_remembered_at_once_before_anything_of_it_is_told(play: Play, tmp_path: Path) -> None:
    names = ["ada", "bob", "cy"]
    for name in names[1:]:
        play.bench.spawn(name)
    play.memory = Kept(tmp_path / "kept.json")
    play.memory.counts = []
    for name in names:
        play.becomes(Activity.PERMISSION, name)
    with play.daemon():
        until(lambda: len(play.told) == len(names), what="the notices")
    assert next(count for count in play.memory.counts if count) == len(names)


def test_who_asks_is_told_of_once_over_restarts(play: Play) -> None:
    with play.daemon() as feed:
        play.becomes(Activity.PERMISSION)
        feed.push()
        play.until_told("permission")
    with play.daemon() as feed:
        feed.push()
        play.bench.spawn("bob")
        play.bench.dies("bob", exit_code=0)
        play.bench.beat()
        feed.push()
        until(lambda: len(play.told) == 2, what="the notice of another")
    assert play.told == [("ada", "permission"), ("bob", "done")]


def test_who_asks_when_the_first_daemon_begins_is_told_of(play: Play) -> None:
    play.becomes(Activity.QUESTION)
    with play.daemon():
        play.until_told("question")


def test_what_comes_within_the_minute_waits_and_the_newest_is_told(play: Play) -> None:
    with play.daemon() as feed:
        play.becomes(Activity.PERMISSION)
        feed.push()
        play.until_told("permission")
        for activity in (Activity.WORKING, Activity.PERMISSION, Activity.WORKING, Activity.QUESTION):
            play.becomes(activity)
            feed.push()
        until(lambda: bool(play.ledger().get("due")), what="what is held back")
        assert play.told == [("ada", "permission")]
    play.bench.clock.advance(MINUTE)
    with play.daemon():
        play.until_told("permission", "question")


def test_what_no_longer_stands_is_not_told(play: Play) -> None:
    with play.daemon() as feed:
        play.becomes(Activity.PERMISSION)
        play.becomes(Activity.WORKING)
        feed.push()
        play.bench.spawn("bob")
        play.becomes(Activity.QUESTION, "bob")
        feed.push()
        play.until_told("question", name="bob")


def test_who_is_looked_at_is_not_told_of_and_not_later(play: Play) -> None:
    onlooker(play.bench)
    with play.daemon() as feed:
        play.becomes(Activity.PERMISSION)
        feed.push()
        until(lambda: bool(play.ledger().get("told")), what="that it was seen")
    play.bench.machine.onlookers.clear()
    with play.daemon() as feed:
        play.becomes(Activity.QUESTION)
        feed.push()
        play.until_told("question")


def test_a_daemon_that_was_killed_while_it_told_says_so(play: Play) -> None:
    play.becomes(Activity.PERMISSION)
    with play.daemon():
        play.until_told("permission")
    said = dict(play.ledger())
    agent = str(play.bench.agent().id)
    told = said["told"]
    assert isinstance(told, dict)
    play.memory.save(said | {"told": {agent: told[agent] | {"sure": False}}})
    with capture_logs() as logs, play.daemon():
        pass
    assert [(one["event"], one["agent"]) for one in logs if one["log_level"] == "warning"] == [
        ("perhaps_not_told", agent)
    ]
    assert play.told == [("ada", "permission")]


def test_a_registry_that_is_away_is_waited_for(play: Play) -> None:
    with play.daemon() as feed:
        play.becomes(Activity.PERMISSION)
        play.bench.registry.away = True
        with capture_logs() as logs:
            feed.push()
            until(lambda: any(one["event"] == "notices_wait" for one in logs), what="the line in the log")
        play.bench.registry.away = False
        play.until_told("permission")


def test_a_way_that_fails_is_a_line_in_the_log(play: Play) -> None:
    play.recorded.code = 7
    play.becomes(Activity.PERMISSION)
    with capture_logs() as logs, play.daemon():
        until(lambda: any(one["event"] == "told" for one in logs), what="the end of it")
    (failed,) = [one for one in logs if one["event"] == "not_told"]
    assert (failed["agent"], failed["medium"]) == ("ada", "command")


def test_who_wants_nothing_is_told_nothing_and_of_nothing_old_later(play: Play) -> None:
    play.memory.save({"cursor": 0})
    wishes, play.wishes = play.wishes, Wishes(occasions=frozenset())
    with play.daemon():
        assert play.memory.load() is None
        play.bench.dies(exit_code=0)
        play.bench.beat()
    play.wishes = wishes
    with play.daemon() as feed:
        play.bench.spawn("bob")
        play.becomes(Activity.QUESTION, "bob")
        feed.push()
        play.until_told("question", name="bob")


# ---- rules ------------------------------------------------------------------------------------


@dataclass
class Commands:
    """Commands that note what they are given, and wait where they are told to."""

    ran: list[tuple[tuple[str, ...], str]] = field(default_factory=list)
    free: Flag = field(default_factory=Flag)
    largest: int = 1_000_000
    code: int = 0

    def __post_init__(self) -> None:
        self.free.set()

    def run(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, timeout: timedelta) -> Ran:
        if len(env["GENIE_EVENT"]) > self.largest:
            raise BadInput("too much")
        self.ran.append((tuple(argv), env["GENIE_EVENT"]))
        assert self.free.wait(20)
        return Ran(self.code, "sorry")

    def close(self) -> None:
        self.free.set()


@dataclass
class House:
    bench: Bench
    memory: FileMemory
    rules: list[Rule]
    commands: Commands = field(default_factory=Commands)

    @contextmanager
    def daemon(self) -> Iterator[Pushed]:
        feed = Pushed(self.bench)
        keeper = Rulekeeper(self.bench.world, feed, self.commands, self.rules, self.memory)
        keeper.start()
        try:
            yield feed
        finally:
            keeper.stop()

    def says(self, text: str = "x", *, times: int = 1) -> None:
        agent = self.bench.agent()
        for _ in range(times):
            with self.bench.registry.begin() as tx:
                now = self.bench.clock.now()
                tx.record(
                    Event(kind=Kind.USER_EVENT, at=now, agent=agent.id, session=agent.session, payload={"t": text})
                )

    def until_ran(self, count: int) -> None:
        until(lambda: len(self.commands.ran) >= count, what=f"{count} commands ({len(self.commands.ran)})")
        assert len(self.commands.ran) == count


def rule(*run: str, **said: object) -> Rule:
    known = {"place": f"config.toml:{len(run)}", "kinds": frozenset({Kind.USER_EVENT}), "run": run}
    return Rule(**{**known, **said})  # type: ignore[arg-type]


@pytest.fixture
def house(tmp_path: Path) -> House:
    bench = Bench()
    bench.spawn()
    return House(bench, FileMemory(tmp_path / "rules.json"), [rule("a"), rule("b", agent="bob"), rule("c", agent="a*")])


def test_each_event_runs_each_rule_once_over_restarts(house: House) -> None:
    house.says("before the first daemon with rules")
    with house.daemon() as feed:
        house.says("one")
        feed.push()
        house.until_ran(2)
    house.says("while no daemon ran")
    with house.daemon():
        house.until_ran(4)
    assert sorted(argv for argv, _ in house.commands.ran) == [("a",), ("a",), ("c",), ("c",)]
    assert '"t": "one"' in house.commands.ran[0][1]
    assert '"name": "ada"' in house.commands.ran[0][1]
    with house.daemon() as feed:
        feed.push()
        house.says("two")
        feed.push()
        house.until_ran(6)


def test_a_daemon_that_was_killed_between_two_rules_goes_on_with_the_second(house: House) -> None:
    with house.daemon():
        house.says()
    event = house.bench.registry.last_event()
    house.memory.save({"event": event, "rules": 1})
    house.commands.ran.clear()
    with house.daemon():
        house.until_ran(1)
    assert house.commands.ran[0][0] == ("c",)


def test_a_rule_that_sets_itself_off_ends_at_its_rate(house: House) -> None:
    house.rules = [rule("a", rate=Rate(3, timedelta(hours=1)))]
    with capture_logs() as logs, house.daemon() as feed:
        for _ in range(6):
            house.says()
            feed.push()
        house.until_ran(3)
        until(lambda: any(one["event"] == "rule_too_often" for one in logs), what="the line in the log")
        house.bench.clock.advance(timedelta(hours=2))
        house.says()
        feed.push()
        house.until_ran(4)
    assert [one["rule"] for one in logs if one["event"] == "rule_too_often"] == ["config.toml:1"]
    assert [one["left_out"] for one in logs if one["event"] == "rule_was_too_often"] == [3]


def test_only_so_many_run_and_what_waits_too_long_is_left_out(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "PATIENCE", 0.0)
    monkeypatch.setattr(keeping, "_TURN", 0.01)
    house.rules = [rule("a")]
    house.commands.free.clear()
    with capture_logs() as logs, house.daemon() as feed:
        house.says(times=keeping.AT_ONCE + 1)
        feed.push()
        until(lambda: any(one["event"] == "rule_left_out" for one in logs), what="the line in the log")
        house.until_ran(keeping.AT_ONCE)
        house.commands.free.set()
        house.says()
        until(lambda: house.memory.load() is not None, what="the place")
        feed.push()
        until(lambda: len(house.commands.ran) > keeping.AT_ONCE, what="the next")


def test_what_fails_is_told_with_the_rules_place(house: House) -> None:
    house.rules, house.commands.code = [rule("a")], 3
    with capture_logs() as logs, house.daemon() as feed:
        house.says()
        feed.push()
        until(lambda: any(one["event"] == "rule_failed" for one in logs), what="the line in the log")
    (failed,) = [one for one in logs if one["event"] == "rule_failed"]
    assert (failed["rule"], failed["error"]) == ("config.toml:1", "a ended with 3: sorry")


def test_an_event_that_does_not_fit_is_told_as_a_note(house: House) -> None:
    house.rules, house.commands.largest = [rule("a")], 1000
    with house.daemon() as feed:
        house.says("y" * 2000)
        feed.push()
        house.until_ran(1)
    assert '"truncated": true' in house.commands.ran[0][1]


def test_a_registry_that_goes_away_loses_no_event(house: House) -> None:
    house.rules = [rule("a")]
    with house.daemon() as feed:
        house.says()
        house.bench.registry.away = True
        with capture_logs() as logs:
            feed.push()
            until(lambda: any(one["event"] == "rules_wait" for one in logs), what="the line in the log")
        house.bench.registry.away = False
        house.until_ran(1)


def test_without_a_rule_nothing_is_followed_and_nothing_made_up_for(house: House) -> None:
    rules, house.rules = house.rules, []
    house.memory.save({"event": 1, "rules": 0})
    with house.daemon():
        house.says()
    assert house.memory.load() is None
    house.rules = rules
    with house.daemon() as feed:
        feed.push()
        house.says("now")
        feed.push()
        house.until_ran(2)
    assert all('"now"' in said for _, said in house.commands.ran)
