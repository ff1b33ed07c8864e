"""What `ls`, `show`, `history` and `explain` tell; reading a pane; making and closing teams; flights."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput, Conflict, Foreign, NotAllowed, NotFound, TimedOut
from genie.domain.events import Kind
from genie.domain.resume import Never
from genie.domain.session import Look, Sight
from genie.domain.settle import Bring, CarryOn, Clear, Declare, Finish, GiveUp, Hold, Note, Rest, Start, Step
from genie.ports import Wanted
from genie.services import roster, screen, teams
from genie.services.flights import Flights
from tests.services.bench import HOST, Bench, away
from tests.services.chance import NOW
from tests.services.machine import DEFAULT_SOCKET

MINUTE = timedelta(minutes=1)
GONE = Look(Sight.MISSING)


def _row(bench: Bench, name: str = "ada") -> roster.Row:
    return roster.ls(bench.world, Wanted(names=(name,)))[0]


# ---- ls --------------------------------------------------------------------------------------


def test_ls_is_in_the_order_of_team_and_name_and_asks_no_tmux(bench: Bench) -> None:
    bench.team("red")
    for name, team in (("zoe", "red"), ("ada", "red"), ("bob", None)):
        bench.spawn(name, team=team)
    bench.machine.away.add(DEFAULT_SOCKET)
    assert [row.agent.name for row in roster.ls(bench.world, Wanted())] == ["bob", "ada", "zoe"]


def test_ls_of_a_name_that_nobody_has_is_an_error(bench: Bench) -> None:
    bench.spawn()
    with pytest.raises(NotFound, match="unknown agent 'adb'") as refused:
        roster.ls(bench.world, Wanted(names=("ada", "adb")))
    assert refused.value.details == {"kind": "agent", "name": "adb"}
    assert refused.value.hint == "did you mean 'ada'?"


def test_a_terminated_one_is_shown_when_it_is_asked_for_with_all(bench: Bench) -> None:
    bench.bring_to(Life.TERMINATED)
    assert roster.ls(bench.world, Wanted()) == []
    assert [row.agent.name for row in roster.ls(bench.world, Wanted(all=True))] == ["ada"]
    assert roster.ls(bench.world, Wanted(names=("ada",))) == []


def test_the_parent_is_told_by_name(bench: Bench) -> None:
    bench.spawn("boss")
    bench.spawn("ada", parent="boss")
    assert (_row(bench).parent, _row(bench, "boss").parent) == ("boss", None)


def test_attempts_are_those_that_count(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.beat()
    assert _row(bench).attempts == 1
    bench.clock.advance(5 * MINUTE)
    assert _row(bench).attempts == 0
    assert bench.agent().attempts == 1


def test_the_next_resume_is_told_while_it_is_waited_for(bench: Bench) -> None:
    bench.spawn()
    assert _row(bench).next_resume_at is None
    for _ in range(2):
        bench.dies()
        bench.beat()
    last = bench.agent().last_attempt
    assert last
    assert _row(bench).next_resume_at == last + MINUTE


def test_last_seen(bench: Bench) -> None:
    bench.spawn()
    live = bench.run().live_at
    assert _row(bench).last_seen_at == live
    bench.clock.advance(MINUTE)
    bench.look()
    assert _row(bench).last_seen_at == bench.registry.last_beat(HOST)
    bench.dies()
    bench.look()
    assert _row(bench).last_seen_at == live, "missed: the beat says nothing of it"
    bench.look()
    assert _row(bench).last_seen_at == bench.run().ended_at


def test_one_that_never_ran_was_never_seen(bench: Bench) -> None:
    bench.bring_to(Life.QUEUED)
    assert _row(bench).last_seen_at is None
    assert _row(bench).attempts == 0


def test_the_registry_away_is_an_error_of_its_own(bench: Bench) -> None:
    away(bench, lambda: roster.ls(bench.world, Wanted()))


@pytest.mark.parametrize("life", list(Life))
def test_what_is_at_rest(bench: Bench, life: Life) -> None:
    rests = {Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED}
    assert roster.ended(bench.bring_to(life)) is (life in rests)


# ---- show and history ------------------------------------------------------------------------


def test_show_has_every_session_and_run(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    bench.spawn()
    details = roster.show(bench.world, "ada")
    assert details.row.standing == bench.standing()
    assert [session.agent for session in details.sessions] == [bench.agent().id] * 2
    assert details.runs[0] == bench.run()
    assert len(details.runs) == 2


def test_history_is_the_latest_oldest_first(bench: Bench) -> None:
    bench.spawn()
    assert [e.kind for e in roster.history(bench.world, "ada", limit=2)] == [Kind.SPAWNING, Kind.RUNNING]
    with pytest.raises(NotFound):
        roster.history(bench.world, "nobody", limit=2)


# ---- explain ---------------------------------------------------------------------------------


def test_why_is_a_sentence_of_the_latest_change(bench: Bench) -> None:
    bench.bring_to(Life.FAILED)
    said = roster.explain(bench.world, "ada")
    assert said.next == Rest("it is failed")
    assert said.why.startswith("failed (exit): failed at 2026-03-01 12:00:0")
    assert said.why.endswith(": reason exit, attempts 0")
    assert said.events == bench.events()


def test_why_without_any_event(bench: Bench) -> None:
    standing = bench.bring_to(Life.SUSPENDED)
    assert roster.why(standing, []) == "suspended: "
    assert (
        roster.why(standing, bench.events()[-1:]) == f"suspended: stopped at {bench.events()[-1].at:%Y-%m-%d %H:%M:%S}"
    )


@pytest.mark.parametrize(
    ("step", "word"),
    [
        (Rest("x"), "leave"),
        (Clear(), "leave"),
        (Hold("x"), "wait"),
        (Note(1, GONE), "look_again"),
        (Declare(GONE), "declare_dead"),
        (Start(), "start"),
        (CarryOn(), "start"),
        (Bring(1), "resume"),
        (GiveUp(Never.EXIT), "give_up"),
        (Finish("wanted gone"), "kill"),
        (Finish("wanted stopped"), "stop"),
    ],
)
def test_steps_have_words_for_scripts(step: Step, word: str) -> None:
    assert roster.decision_of(step) == word


# ---- the screen ------------------------------------------------------------------------------


def test_a_pane_is_read(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane().id
    assert screen.read(bench.world, "ada", lines=None) == (pane, f"{pane}: screen")
    assert screen.read(bench.world, "ada", lines=7) == (pane, f"{pane}: 7")


def test_the_place_of_a_pane(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane()
    assert screen.place(bench.world, "ada") == {
        "socket": DEFAULT_SOCKET,
        "session": "ada",
        "window": "ada",
        "window_id": pane.window_id,
        "pane": pane.id,
    }


def test_what_has_no_pane_cannot_be_read(bench: Bench) -> None:
    bench.bring_to(Life.QUEUED)
    with pytest.raises(NotAllowed, match="is queued and has no pane"):
        screen.read(bench.world, "ada", lines=None)
    with pytest.raises(NotFound):
        screen.place(bench.world, "nobody")


def test_a_pane_that_is_gone_or_another_s_is_not_shown(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane()
    pane.command_run = uuid4()
    for look in (lambda: screen.place(bench.world, "ada"), lambda: screen.read(bench.world, "ada", lines=None)):
        with pytest.raises(Foreign):
            look()
    bench.machine.end_server()
    with pytest.raises(NotAllowed, match="the pane of 'ada' is gone"):
        screen.place(bench.world, "ada")


# ---- teams -----------------------------------------------------------------------------------


def test_a_team_is_made_with_what_was_said(bench: Bench) -> None:
    team = bench.team("red.1", session="crim.son", layout="vertical", lead="boss")
    assert (team.name, team.tmux_session, team.layout, team.lead, team.cwd) == (
        "red.1",
        "crim_son",
        "vertical",
        "boss",
        "/w",
    )
    assert bench.registry.teams() == [team]
    assert [(e.kind, e.payload) for e in bench.registry.log] == [(Kind.TEAM_CREATED, {"team": "red.1"})]
    assert bench.team("blue").layout == "mosaic"


@pytest.mark.parametrize("said", [{"name": "Red"}, {"name": "r", "session": "a:b"}, {"name": "r", "layout": "x"}])
def test_a_team_of_wrong_words_is_not_made(bench: Bench, said: dict[str, str]) -> None:
    with pytest.raises(BadInput):
        bench.team(**said)
    assert bench.registry.teams() == []


def test_a_team_is_made_once(bench: Bench) -> None:
    bench.team("red")
    with pytest.raises(Conflict):
        bench.team("red")


def test_a_team_s_session_is_closed_when_nobody_lives_there(bench: Bench) -> None:
    bench.machine.open("main")
    bench.team("red")
    bench.spawn(team="red")
    with pytest.raises(NotAllowed, match="live agents: ada"):
        teams.close_team(bench.world, "red")
    bench.stop()
    assert teams.close_team(bench.world, "red") is True
    assert {pane.session for pane in bench.machine.server().panes.values()} == {"main"}
    assert teams.close_team(bench.world, "red") is False


def test_an_unknown_team_is_not_closed(bench: Bench) -> None:
    bench.team("red")
    with pytest.raises(NotFound) as refused:
        teams.close_team(bench.world, "rde")
    assert refused.value.hint == "did you mean 'red'?"


# ---- flights ---------------------------------------------------------------------------------


def test_one_thread_at_work_on_an_agent() -> None:
    flights, agent = Flights(), uuid4()
    assert flights.board(agent)
    assert not flights.board(agent)
    assert (flights.busy(agent), flights.count()) == (True, 1)
    with pytest.raises(TimedOut):
        flights.wait(agent, within=timedelta(0))
    with pytest.raises(TimedOut), flights.taken(agent, within=timedelta(0)):
        pass
    flights.land(agent)
    flights.wait(agent, within=timedelta(0))
    assert flights.count() == 0


def test_a_flight_ends_with_its_block_whatever_happens() -> None:
    flights, agent = Flights(), uuid4()
    with pytest.raises(ZeroDivisionError), flights.taken(agent, within=timedelta(0)):
        raise ZeroDivisionError
    assert not flights.busy(agent)


def test_who_waits_goes_on_when_it_has_landed() -> None:
    flights, agent = Flights(), uuid4()
    flights.board(agent)
    waiter = Thread(target=flights.wait, args=(agent,), kwargs={"within": MINUTE})
    waiter.start()
    flights.land(agent)
    waiter.join(10)
    assert not waiter.is_alive()


def test_a_hold_ends_with_its_time() -> None:
    flights, agent = Flights(), uuid4()
    assert not flights.held(agent, now=NOW)
    flights.hold(agent, until=NOW + MINUTE)
    assert flights.held(agent, now=NOW)
    assert not flights.held(agent, now=NOW + MINUTE)
    assert not flights.held(agent, now=NOW), "it is forgotten"


def test_a_row_whose_host_never_beat(bench: Bench) -> None:
    bench.spawn()
    assert _row(bench).last_seen_at == bench.run().live_at
    assert replace(_row(bench), parent="x").parent == "x"
