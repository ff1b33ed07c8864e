"""Who needs a human, who is looked at, and every way of telling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import uuid4

import pytest

from genie.domain.agent import Activity, Life
from genie.domain.errors import Failed, TerminalAway
from genie.domain.notice import Ledger, Medium, Occasion, Told, Wishes
from genie.domain.rule import Place
from genie.ports import Onlooker, Ran
from genie.services.ledgers import read_ledger, read_place, write_ledger, write_place
from genie.services.notify import Needed, Outlets, looked_at, needed, needs_of, tell, variables, waiting
from tests.services.bench import Bench
from tests.services.chance import NOW
from tests.services.machine import DEFAULT_SOCKET

SECOND = timedelta(seconds=1)


@dataclass
class Recorded:
    """A desktop, and commands, that note what they are given."""

    there: bool = True
    code: int = 0
    fails: Failed | None = None
    shown: list[tuple[str, str]] = field(default_factory=list)
    ran: list[tuple[tuple[str, ...], Mapping[str, str]]] = field(default_factory=list)

    def show(self, title: str, text: str, *, timeout: timedelta) -> None:
        if self.fails:
            raise self.fails
        self.shown.append((title, text))

    def run(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, timeout: timedelta) -> Ran:
        self.ran.append((tuple(argv), env))
        return Ran(self.code, "")

    def close(self) -> None: ...

    @property
    def outlets(self) -> Outlets:
        return Outlets(desktop=self, programs=self)


def becomes(bench: Bench, name: str = "ada", activity: Activity = Activity.PERMISSION, **more: object) -> None:
    """Its activity is that now."""
    said = {"activity": activity, "activity_since": bench.clock.now(), "activity_source": "hook: rm -r x", **more}
    with bench.registry.begin() as tx:
        found = tx.standing(name)
        assert found
        tx.save_agent(replace(found.agent, **said))  # type: ignore[arg-type]


def one(bench: Bench, name: str = "ada") -> Needed:
    return needs_of(bench.world, [bench.agent(name).id])[bench.agent(name).id]


def test_who_waits_longest_is_first_and_only_who_needs_somebody(bench: Bench) -> None:
    for name in ("ada", "bob", "cyd", "dan", "eve"):
        bench.spawn(name)
    for name, activity in (("cyd", Activity.QUESTION), ("ada", Activity.PERMISSION), ("dan", Activity.LIMITED)):
        becomes(bench, name, activity)
    assert [found.standing.agent.name for found in needed(bench.world)] == ["cyd", "ada"]
    assert set(waiting(bench.world)) == {bench.agent(name).id for name in ("ada", "cyd", "dan")}
    bench.dies("eve", exit_code=0)
    bench.beat()
    assert one(bench, "eve").need.occasion is Occasion.DONE
    assert [found.standing.agent.name for found in needed(bench.world)] == ["cyd", "ada"]
    assert len(waiting(bench.world)) == 3
    assert needs_of(bench.world, []) == {}


def test_one_that_is_given_up_needs_somebody(bench: Bench) -> None:
    bench.spawn(restart=None)
    for _ in range(4):
        bench.dies()
        bench.beats(timedelta(seconds=70))
    assert bench.life() is Life.FAILED
    (found,) = needed(bench.world)
    assert found.need.occasion is Occasion.FAILED


def test_agents_of_another_host_are_told_of_there(bench: Bench) -> None:
    bench.spawn()
    becomes(bench, host="elsewhere")
    assert needed(bench.world) == []


def onlooker(bench: Bench, **said: object) -> None:
    known = {"client": "/dev/pts/1", "session": bench.pane().session, "pane": bench.pane().id, "screen": True}
    bench.machine.onlookers.append(Onlooker(**{"touched": bench.clock.time, **known, **said}))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "looks"),
    [
        ({}, True),
        ({"pane": "%99"}, False),
        ({"screen": False}, False),
        ({"touched": NOW - timedelta(minutes=6)}, False),
    ],
)
def test_who_is_looked_at(bench: Bench, said: dict[str, object], looks: bool) -> None:
    bench.spawn()
    becomes(bench)
    onlooker(bench, **said)
    assert looked_at(bench.world, one(bench)) is looks


def test_an_end_is_told_whoever_looks_and_a_tmux_that_is_away_hides_nothing(bench: Bench) -> None:
    bench.spawn()
    becomes(bench)
    onlooker(bench)
    bench.machine.away.add(DEFAULT_SOCKET)
    assert not looked_at(bench.world, one(bench))
    bench.machine.away.clear()
    assert looked_at(bench.world, one(bench))
    bench.dies(exit_code=0)
    bench.beat()
    assert not looked_at(bench.world, one(bench))


def test_every_way_is_gone(bench: Bench) -> None:
    bench.spawn()
    becomes(bench)
    onlooker(bench, pane="%99")
    onlooker(bench, client="/dev/pts/2", session="another")
    recorded, text = Recorded(), "ada asks for a permission (team ada)"
    wishes = Wishes(command=("page", "--now"))
    assert tell(bench.world, recorded.outlets, wishes, one(bench)) == {}
    assert bench.machine.announced == [("/dev/pts/1", f"genie: {text}")]
    assert bench.machine.rung == [bench.pane().id]
    assert recorded.shown == [("genie: ada", text)]
    ((argv, env),) = recorded.ran
    assert argv == ("page", "--now")
    assert env == variables(one(bench))
    assert (env["GENIE_NOTICE_TEXT"], env["GENIE_NOTICE_DETAIL"]) == (text, "hook: rm -r x")
    assert env["GENIE_NOTICE_PANE"] == bench.pane().id
    assert "rm -r" not in text


def test_only_the_ways_that_are_wanted_and_there_are_gone(bench: Bench) -> None:
    bench.spawn()
    becomes(bench)
    recorded = Recorded(there=False)
    assert tell(bench.world, recorded.outlets, Wishes(), one(bench)) == {}
    assert (recorded.shown, recorded.ran) == ([], [])
    bench.machine.rung.clear()
    assert tell(bench.world, recorded.outlets, Wishes(media=frozenset()), one(bench)) == {}
    assert bench.machine.rung == []


def test_a_way_that_fails_keeps_no_other_from_it(bench: Bench) -> None:
    bench.spawn()
    becomes(bench)
    bench.machine.away.add(DEFAULT_SOCKET)
    recorded = Recorded(code=3, fails=Failed("no bus"))
    troubles = tell(bench.world, recorded.outlets, Wishes(command=("page",)), one(bench))
    assert set(troubles) == set(Medium)
    assert isinstance(troubles[Medium.BELL], TerminalAway)
    assert troubles[Medium.COMMAND].message == "page ended with 3: it has said nothing"


def test_what_has_no_pane_is_told_by_where_it_belongs(bench: Bench) -> None:
    bench.spawn()
    becomes(bench)
    found = one(bench)
    nowhere = replace(found, standing=replace(found.standing, run=None))
    onlooker(bench, session=found.standing.agent.placement.session)
    recorded = Recorded()
    assert tell(bench.world, recorded.outlets, Wishes(command=("page",)), nowhere) == {}
    assert len(bench.machine.announced) == 1
    assert bench.machine.rung == []
    assert recorded.ran[0][1]["GENIE_NOTICE_PANE"] == ""
    assert not looked_at(bench.world, nowhere)


def test_whose_pane_has_gone_is_told_where_it_was(bench: Bench) -> None:
    bench.spawn()
    session = bench.run().tmux_session
    bench.dies(exit_code=0)
    bench.beat()
    bench.machine.onlookers.append(
        Onlooker(client="c", session=session, pane="%99", touched=bench.clock.time, screen=True)
    )
    tell(bench.world, Recorded().outlets, Wishes(media=frozenset({Medium.MESSAGE})), one(bench))
    assert [text for _, text in bench.machine.announced] == ["genie: ada is done (team ada)"]


# ---- what is remembered ---------------------------------------------------------------------


def test_a_ledger_and_a_place_read_as_they_were_written() -> None:
    told = {uuid4(): Told("permission@1", NOW, sure=False), uuid4(): Told("done@2", None)}
    ledger = Ledger(cursor=7, told=told, due={uuid4(): NOW + SECOND})
    assert read_ledger(write_ledger(ledger)) == ledger
    assert read_place(write_place(Place(7, 2))) == Place(7, 2)


@pytest.mark.parametrize("said", [{}, {"cursor": 1, "told": {"x": 3}, "due": {}}, {"cursor": 1, "told": 3, "due": {}}])
def test_what_does_not_read_is_none(said: dict[str, object]) -> None:
    assert read_ledger(said) is None
    assert read_place({"event": "x", "rules": 1}) is None
    assert read_place(said) is None
