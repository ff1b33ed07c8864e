"""Stop and kill, in every state: what is wanted is written first, the tree ends, strangers are left alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from genie.domain.agent import Desired, End, Life
from genie.domain.errors import NotFound, Stale, Survivors, TerminalAway, TimedOut
from genie.domain.events import Kind
from genie.services.finish import finish
from genie.services.want import want
from tests.services.bench import BEAT, Bench
from tests.services.machine import DEFAULT_SOCKET

ENDED_KINDS = {Kind.STOPPED, Kind.TERMINATED}


# ---- stop ------------------------------------------------------------------------------------


def test_stop_keeps_the_session_and_ends_the_rest(bench: Bench) -> None:
    bench.spawn()
    process, pane = bench.process(), bench.pane()
    standing, stopped = bench.stop()
    assert stopped
    assert standing == bench.standing()
    assert (bench.life(), bench.agent().desired) == (Life.SUSPENDED, Desired.STOPPED)
    assert not process.alive
    assert bench.machine.servers[DEFAULT_SOCKET].panes.get(pane.id) is None
    assert bench.run().ended_at
    assert bench.session().ended_at is None
    assert bench.kinds()[-2:] == [Kind.STOP_REQUESTED, Kind.STOPPED]
    assert process not in bench.machine.killed, "it left when it was asked to"


def test_who_does_not_leave_gets_its_grace_and_is_killed(bench: Bench) -> None:
    bench.spawn()
    process = bench.process()
    process.polite = False
    tool = bench.machine.begin(parent=process.pid)
    double_forked = bench.machine.begin(run=bench.run().id, parent=99)
    before = bench.clock.time
    bench.stop()
    assert bench.clock.time - before >= bench.rules.stop_grace
    assert not any(p.alive for p in (process, tool, double_forked))
    assert bench.life() is Life.SUSPENDED


def test_nothing_is_typed_and_no_innocent_is_hurt(bench: Bench) -> None:
    bench.spawn()
    other = bench.spawn("zoe").standing
    mine = bench.machine.open("main")
    bench.stop()
    bench.kill("zoe")
    assert mine.process.alive
    assert mine.typed == []
    assert other.run
    assert {p.run for p in bench.machine.killed} <= {bench.run().id, other.run.id}


@pytest.mark.parametrize(
    ("life", "after", "acted"),
    [
        (Life.QUEUED, Life.SUSPENDED, True),
        (Life.SPAWNING, Life.SUSPENDED, True),
        (Life.RUNNING, Life.SUSPENDED, True),
        (Life.SUSPENDED, Life.SUSPENDED, False),
        (Life.DEAD, Life.SUSPENDED, True),
        (Life.RESUMING, Life.SUSPENDED, True),
        (Life.DONE, Life.DONE, False),
        (Life.FAILED, Life.FAILED, False),
    ],
)
def test_stop_in_every_life(bench: Bench, life: Life, after: Life, *, acted: bool) -> None:
    before = bench.bring_to(life)
    standing, did = bench.stop()
    assert (standing.agent.life, bench.life(), did) == (after, after, acted)
    if not acted:
        assert bench.standing() == before
    assert bench.machine.agents() == [] or not acted


def test_a_stopped_one_stays_stopped(bench: Bench) -> None:
    bench.bring_to(Life.SUSPENDED)
    before = bench.standing()
    bench.beats(timedelta(minutes=10))
    assert bench.standing() == before


@pytest.mark.parametrize("name", ["nobody", "gone"])
def test_stop_and_kill_of_nobody(bench: Bench, name: str) -> None:
    bench.spawn("gone")
    bench.kill("gone")
    bench.spawn("goner")
    for verb in (bench.stop, bench.kill):
        with pytest.raises(NotFound, match=f"unknown agent '{name}'"):
            verb(name)


def test_without_any_agent_the_hint_says_so(bench: Bench) -> None:
    with pytest.raises(NotFound) as refused:
        bench.stop()
    assert refused.value.hint == "no agents yet: genie spawn NAME"


# ---- kill ------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [life for life in Life if life is not Life.TERMINATED])
def test_kill_in_every_life(bench: Bench, life: Life) -> None:
    bench.machine.open("main")
    before = bench.bring_to(life)
    killed = bench.kill()
    assert killed.agent.life is Life.TERMINATED
    assert bench.agent().desired is Desired.GONE
    assert bench.machine.agents() == []
    assert before.run is None or bench.run().ended_at
    assert bench.session().ended_at
    assert [pane for pane in bench.machine.server().panes.values() if pane.command_run] == []
    assert bench.kinds()[-2:] == [Kind.KILL_REQUESTED, Kind.TERMINATED]
    after = bench.standing()
    bench.beats(timedelta(minutes=2))
    assert bench.standing() == after


@pytest.mark.parametrize("life", [Life.SPAWNING, Life.RESUMING])
@pytest.mark.parametrize("point", ["start.created", "start.dressed", "start.released"])
def test_kill_of_an_interrupted_start_takes_its_pane_too(bench: Bench, life: Life, point: str) -> None:
    bench.machine.open("main")
    _interrupted_at(bench, life, point)
    run = bench.run().id
    assert bench.machine.pane_of(run)
    bench.kill()
    assert bench.machine.pane_of(run) is None
    assert not any(process.alive and process.run == run for process in bench.machine.processes.values())
    assert bench.life() is Life.TERMINATED


def _interrupted_at(bench: Bench, life: Life, point: str) -> None:
    if life is Life.RESUMING:
        bench.bring_to(Life.SUSPENDED)
    bench.dies_at(point, bench.resume if life is Life.RESUMING else bench.spawn)
    bench.restart()


def test_a_runner_that_gave_up_leaves_a_pid_that_is_another_s_by_now(bench: Bench) -> None:
    bench.machine.open("main")
    _interrupted_at(bench, Life.SPAWNING, "start.dressed")
    pane = bench.machine.pane_of(bench.run().id)
    assert pane
    bench.clock.advance(timedelta(seconds=11))
    assert not pane.process.alive
    innocent = bench.machine.begin(pid=pane.process.pid)
    child = bench.machine.begin(parent=innocent.pid)
    bench.kill()
    assert innocent.alive
    assert child.alive
    assert bench.life() is Life.TERMINATED
    assert bench.machine.pane_of(bench.run().id) is None


def test_an_interrupted_start_without_a_server_is_killed_too(bench: Bench) -> None:
    bench.bring_to(Life.SPAWNING)
    bench.kill()
    assert (bench.life(), bench.machine.servers) == (Life.TERMINATED, {})


def test_a_killed_one_that_is_dead_keeps_how_it_had_ended(bench: Bench) -> None:
    bench.spawn()
    bench.dies(exit_code=3)
    bench.kill()
    assert bench.run().end == End(exit_code=3)


def test_a_kill_twice_at_once_is_told_that_it_is_gone(bench: Bench) -> None:
    """The second one waits for the first and finds nothing to do."""
    bench.spawn()
    flights = bench.world.flights
    bench.world = replace(bench.world, flights=_Meanwhile(bench.kill))
    first = bench.kill()
    assert first.agent.life is Life.TERMINATED
    assert bench.kinds().count(Kind.TERMINATED) == 1
    assert flights.count() == 0


class _Meanwhile(type(Bench().world.flights)):  # type: ignore[misc]  # whatever class it is
    """Another command gets in before the first one has the agent."""

    def __init__(self, work: object) -> None:
        super().__init__()
        self._work = work

    def taken(self, agent: object, *, within: timedelta) -> object:
        work, self._work = self._work, None
        if callable(work):
            work()
        return super().taken(agent, within=within)


def test_a_stop_after_a_kill_that_came_first_does_nothing(bench: Bench) -> None:
    bench.spawn()
    bench.world = replace(bench.world, flights=_Meanwhile(bench.kill))
    standing, did = bench.stop()
    assert (standing.agent.life, did) == (Life.TERMINATED, False)


def test_a_command_that_is_at_work_is_waited_for_and_then_given_up(bench: Bench) -> None:
    bench.spawn()
    bench.world = replace(bench.world, rules=replace(bench.rules, start_timeout=timedelta(0)))
    assert bench.world.flights.board(bench.agent().id)
    for verb in (bench.stop, bench.kill, bench.resume):
        with pytest.raises(TimedOut):
            verb()
    assert (bench.life(), bench.agent().desired) == (Life.RUNNING, Desired.RUNNING)


# ---- what is wanted is written before anything is done ---------------------------------------


@pytest.mark.parametrize(
    ("verb", "desired", "end"), [("stop", Desired.STOPPED, Life.SUSPENDED), ("kill", Desired.GONE, Life.TERMINATED)]
)
def test_desired_is_written_before_anything_dies(bench: Bench, verb: str, desired: Desired, end: Life) -> None:
    bench.spawn()
    bench.dies_at(f"{verb}.wanted", getattr(bench, verb))
    assert (bench.life(), bench.agent().desired) == (Life.RUNNING, desired)
    assert bench.process().alive
    assert bench.machine.killed == []
    bench.restart()
    bench.beat()
    assert bench.life() is end
    assert bench.machine.agents() == []


@pytest.mark.parametrize("life", [Life.QUEUED, Life.DEAD, Life.SUSPENDED, Life.DONE, Life.FAILED])
def test_a_kill_that_was_only_written_is_carried_out_later(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    bench.dies_at("kill.wanted", bench.kill)
    bench.restart()
    bench.beat()
    assert bench.life() is Life.TERMINATED


# ---- tmux and processes that do not do what they should --------------------------------------


def test_survivors_are_told_and_tried_again(bench: Bench) -> None:
    bench.spawn()
    process = bench.process()
    process.lasting = True
    process.polite = False
    with pytest.raises(Survivors):
        bench.stop()
    assert (bench.life(), bench.agent().desired) == (Life.RUNNING, Desired.STOPPED)
    assert bench.kinds()[-1] is Kind.SURVIVORS
    assert bench.events()[-1].payload["pids"] == [process.pid]
    bench.beats(timedelta(seconds=10))
    assert bench.kinds().count(Kind.SURVIVORS) == 1, "held for a while"
    process.lasting = False
    bench.clock.advance(timedelta(seconds=30))
    bench.beat()
    assert bench.life() is Life.SUSPENDED


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_with_tmux_away_nothing_but_the_wish_changes(bench: Bench, verb: str) -> None:
    bench.spawn()
    bench.machine.away.add(DEFAULT_SOCKET)
    with pytest.raises(TerminalAway):
        getattr(bench, verb)()
    assert bench.life() is Life.RUNNING
    assert bench.process().alive
    assert bench.run().ended_at is None
    bench.machine.away.clear()
    bench.beat()
    assert bench.life() in (Life.SUSPENDED, Life.TERMINATED)


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_a_pane_that_is_another_s_by_now_is_left_alone(bench: Bench, verb: str) -> None:
    """The server was restarted: the pane's id and even its pid are somebody else's."""
    bench.spawn()
    was = bench.run().pane
    assert was
    bench.machine.end_server()
    for _ in range(3):
        bench.machine.open("main")
    theirs = bench.machine.server().panes[was.pane]
    theirs.process = bench.machine.begin(pid=was.pid)
    getattr(bench, verb)()
    assert theirs.process.alive
    assert bench.machine.server().panes[was.pane] is theirs
    assert bench.life() in (Life.SUSPENDED, Life.TERMINATED)


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_a_pane_that_runs_another_process_by_now_is_left_alone(bench: Bench, verb: str) -> None:
    bench.spawn()
    pane = bench.pane()
    bench.dies()
    pane.process, pane.command_run = bench.machine.begin(), None
    getattr(bench, verb)()
    assert pane.process.alive
    assert bench.life() in (Life.SUSPENDED, Life.TERMINATED)


def test_a_kill_after_a_failed_resume_closes_the_pane_of_the_run_before(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane()
    bench.dies()
    bench.machine.fails["respawn"] = TerminalAway("no answer")
    bench.beat()
    assert bench.run().pane is None
    bench.kill()
    assert pane.id not in bench.machine.server().panes


def test_finishing_what_has_changed_meanwhile_is_stale(bench: Bench) -> None:
    bench.spawn()

    def change() -> None:
        with bench.registry.begin() as tx:
            standing = tx.standing("ada")
            assert standing
            tx.save_agent(replace(standing.agent, color="red"))

    bench.switch.meanwhile["finish.closed"] = change
    assert bench.stop()[0].agent.color == "red", "what was changed is kept"
    with pytest.raises(Stale), bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), version=1))


def test_a_late_finish_does_not_touch_the_run_of_a_resume_that_came_first(bench: Bench) -> None:
    bench.spawn()
    wanted = want(bench.world, bench.standing(), Desired.STOPPED, Kind.STOP_REQUESTED)
    assert wanted
    finish(bench.world, wanted)
    bench.resume()
    with pytest.raises(Stale):
        finish(bench.world, wanted)
    assert (bench.life(), bench.run().ended_at) == (Life.RUNNING, None)
    assert bench.process().alive


def test_finish_of_an_agent_that_never_ran(bench: Bench) -> None:
    queued = bench.bring_to(Life.QUEUED)
    with bench.registry.begin() as tx:
        saved = tx.save_agent(replace(queued.agent.wanting(Desired.GONE), session=None))
    assert finish(bench.world, replace(queued, agent=saved, session=None)).agent.life is Life.TERMINATED


# ---- a team of one ---------------------------------------------------------------------------


def test_the_session_of_a_team_of_one_goes_with_its_agent(bench: Bench) -> None:
    mine = bench.machine.open("main")
    bench.spawn()
    bench.kill()
    assert {pane.session for pane in bench.machine.server().panes.values()} == {mine.session}


def test_the_session_of_a_team_of_one_stays_while_something_else_is_in_it(bench: Bench) -> None:
    bench.spawn()
    mine = bench.machine.open("ada")
    bench.kill()
    assert mine.process.alive
    assert {pane.session for pane in bench.machine.server().panes.values()} == {"ada"}


def test_the_session_of_a_team_of_one_stays_while_an_agent_is_in_the_team(bench: Bench) -> None:
    bench.spawn()
    parallel = bench.spawn().standing.agent.name
    bench.stop(parallel)
    bench.kill()
    assert [pane.session for pane in bench.machine.server().panes.values()] == ["ada"]


def test_the_session_of_a_named_team_stays(bench: Bench) -> None:
    bench.team("red")
    bench.spawn(team="red")
    bench.kill()
    assert [pane.session for pane in bench.machine.server().panes.values()] == ["red"]


def test_a_beat_is_shorter_than_a_hold() -> None:
    assert timedelta(seconds=30) > BEAT
