"""The daemon's pass: two looks then dead, budgets, restarts; unreachable is not dead; a stranger is never touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from genie.domain.agent import Desired, End, Life, Why
from genie.domain.errors import Failed, RegistryAway, TerminalAway
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.domain.settle import Bring
from genie.ports import Fault
from genie.services.orphans import close_orphans
from genie.services.reconcile import reconcile
from tests.services.bench import BEAT, HOST, Bench
from tests.services.machine import DEFAULT_SOCKET, Pane

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
QUIET = {Kind.REQUESTED, Kind.SPAWNING, Kind.RUNNING}


# ---- two looks -------------------------------------------------------------------------------


def test_a_healthy_pass_is_one_query_and_one_call_and_writes_nothing(bench: Bench) -> None:
    for name in ("ada", "bob", "eve"):
        bench.spawn(name)
    bench.machine.calls.clear()
    commits, events = bench.registry.commits, len(bench.registry.log)
    done = bench.look()
    assert bench.machine.calls == ["panes"]
    assert (bench.registry.commits, len(bench.registry.log)) == (commits, events)
    assert {run.id for run in done.live} == {run.id for run in bench.registry.store.live_runs()}
    assert (done.errands, done.errors, done.away, done.strangers) == ([], {}, [], [])


def test_a_pass_has_the_titles_of_the_panes_that_live(bench: Bench) -> None:
    bench.spawn("ada")
    bench.spawn("bob")
    bench.pane("ada").title, bench.pane("bob").title = "[ ! ] Action Required", "gone"
    bench.machine.open("own", "shell", socket=DEFAULT_SOCKET).title = "somebody's"
    bench.dies("bob")
    assert bench.look().titles == {bench.run("ada").id: "[ ! ] Action Required"}


def test_one_look_is_not_enough(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    done = bench.look()
    assert (bench.life(), bench.run().missed) == (Life.RUNNING, 1)
    assert done.look_again == {bench.agent().id}
    assert set(bench.kinds()) == QUIET
    bench.clock.advance(timedelta(milliseconds=200))
    done = bench.look(only={bench.agent().id})
    assert (bench.life(), bench.agent().reason) == (Life.DEAD, "killed by signal 9")
    assert bench.run().end == End(signal=9)
    assert [errand.step for errand in done.errands] == [Bring(1)]
    assert bench.events()[-1].payload == {"sight": "pane dead", "end": "killed by signal 9"}
    assert bench.kinds()[-1] is Kind.DIED


def test_as_many_looks_as_the_rules_say() -> None:
    bench = Bench(dead_cycles=3)
    bench.spawn()
    bench.dies()
    lives = []
    for _ in range(3):
        bench.look()
        lives.append(bench.life())
    assert lives == [Life.RUNNING, Life.RUNNING, Life.DEAD]


def test_seen_alive_again_is_forgotten(bench: Bench) -> None:
    bench.spawn()
    with bench.registry.begin() as tx:
        tx.save_run(replace(bench.run(), missed=1))
    bench.look()
    assert bench.run().missed == 0
    bench.dies()
    bench.look()
    assert bench.life() is Life.RUNNING


def test_a_blank_end_is_read_after_a_nudge(bench: Bench) -> None:
    """tmux says nothing of how a process ended in a respawned pane before it looked after its children."""
    bench.bring_to(Life.FAILED)
    bench.resume()
    bench.dies(exit_code=5)
    bench.machine.calls.clear()
    bench.beat()
    assert bench.machine.calls.count("nudge") == 1
    assert bench.run().end == End(exit_code=5)


def test_a_known_end_needs_no_nudge(bench: Bench) -> None:
    bench.spawn()
    bench.dies(exit_code=5)
    bench.look()
    assert "nudge" not in bench.machine.calls


@pytest.mark.parametrize("how", ["pane closed by hand", "server gone", "server restarted"])
def test_a_pane_that_went_away_is_dead(bench: Bench, how: str) -> None:
    bench.spawn()
    if how == "pane closed by hand":
        bench.machine.remove(bench.machine.server(), bench.pane())
    else:
        bench.machine.end_server()
    if how == "server restarted":
        for _ in range(4):
            bench.machine.open("main")
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert (bench.run().why, bench.run().attempt) == (Why.AUTO_RESUME, 1)
    former = bench.registry.runs(bench.agent().id)[1]
    assert former.end == End()
    assert len(bench.machine.agents()) == 1


# ---- how an ended run is read ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("restart", "end", "life"),
    [
        ("on-failure", 0, Life.DONE),
        ("on-failure", 1, Life.RUNNING),
        ("always", 0, Life.RUNNING),
        ("always", 1, Life.RUNNING),
        ("never", 0, Life.DONE),
        ("never", 1, Life.FAILED),
    ],
)
def test_exit_and_restart(bench: Bench, restart: str, end: int, life: Life) -> None:
    bench.spawn(restart=restart)
    bench.dies(exit_code=end)
    bench.beat()
    bench.beat()
    assert bench.life() is life
    assert len(bench.machine.agents()) == (1 if life is Life.RUNNING else 0)
    if life is Life.FAILED:
        assert bench.agent().reason == "exit"
        assert bench.kinds()[-1] is Kind.FAILED
    if life is Life.DONE:
        assert bench.kinds()[-1] is Kind.DONE


def test_without_auto_resume_it_is_given_up_at_once_and_silent(bench: Bench) -> None:
    bench.bring_to(Life.FAILED)
    assert bench.agent().reason == "exit"
    before = bench.standing(), bench.kinds()
    bench.beats(10 * MINUTE)
    assert (bench.standing(), bench.kinds()) == before


def test_a_provider_that_cannot_resume_is_given_up(bench: Bench) -> None:
    bench.spawn(provider="codex")
    bench.dies()
    bench.beat()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "unresumable")


def test_a_command_is_run_again(bench: Bench) -> None:
    bench.spawn(role=None, command=("server",))
    bench.dies(exit_code=1)
    bench.beat()
    assert [e.argv for e in bench.executions()] == [("server",), ("server",)]


# ---- the budget ------------------------------------------------------------------------------


def test_what_dies_after_3_seconds_is_resumed_exactly_3_times(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn()
    started: list[datetime] = []
    for _ in range(300):
        bench.clock.advance(BEAT)
        for process in bench.machine.agents():
            if bench.clock.time - process.born > 3 * SECOND:
                bench.machine.end(process, exit_code=1)
        bench.beat()
    resumed = [e.at for e in bench.executions()][1:]
    started.extend(resumed)
    assert len(started) == 3
    assert all(b - a >= MINUTE for a, b in pairwise(started))
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "exhausted")
    kinds = bench.kinds()
    assert (kinds.count(Kind.EXHAUSTED), kinds[-1]) == (1, Kind.EXHAUSTED)
    assert bench.events()[-1].payload == {"reason": "exhausted", "attempts": 3}
    before = bench.standing(), len(bench.registry.log)
    bench.beats(timedelta(minutes=20))
    assert (bench.standing(), len(bench.registry.log)) == before


def test_the_count_returns_to_nothing_after_a_stable_life(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.beat()
    assert bench.agent().attempts == 1
    bench.clock.advance(5 * MINUTE)
    bench.dies()
    bench.beat()
    assert (bench.agent().attempts, bench.run().attempt, bench.life()) == (1, 1, Life.RUNNING)


def test_a_life_short_of_stable_counts_on(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.beat()
    bench.clock.advance(5 * MINUTE - SECOND)
    bench.dies()
    bench.beat()
    assert bench.agent().attempts == 2


def test_the_cooldown_is_waited_for_with_nothing_written(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.beat()
    bench.dies()
    bench.beat()
    assert bench.life() is Life.DEAD
    commits = bench.registry.commits
    done = bench.look()
    last = bench.agent().last_attempt
    assert last
    assert done.wake_at == last + MINUTE
    assert bench.registry.commits == commits
    bench.clock.advance(done.wake_at - bench.clock.time)
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.RUNNING, 2)


def test_the_earliest_of_several_waits_wakes(bench: Bench) -> None:
    for name in ("ada", "bob"):
        bench.spawn(name)
        bench.dies(name)
        bench.beat()
        bench.dies(name)
    bench.beat()
    ada = bench.agent("ada").last_attempt
    assert ada
    assert bench.look().wake_at == ada + MINUTE


def test_a_usage_limit_is_waited_for(bench: Bench) -> None:
    bench.spawn()
    until = bench.clock.time + timedelta(hours=2)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), limited_until=until))
    bench.dies()
    bench.beat()
    assert bench.life() is Life.DEAD
    assert bench.look().wake_at == until
    bench.clock.advance(timedelta(hours=2))
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.RUNNING, 1)


def test_an_absence_of_the_daemon_counts_for_nobody_s_stability(bench: Bench) -> None:
    """It died while nobody looked: nobody knows when."""
    bench.spawn()
    bench.dies()
    bench.beat()
    bench.clock.advance(timedelta(seconds=3))
    bench.look()
    seen = bench.registry.beats[HOST]
    assert seen
    bench.dies()
    bench.clock.advance(timedelta(hours=3))
    bench.restart()
    bench.beat()
    ended = bench.registry.runs(bench.agent().id)[1].ended_at
    assert ended == seen
    assert bench.agent().attempts == 2


def test_a_run_that_began_after_the_last_look_is_not_ended_before_it_lived(bench: Bench) -> None:
    bench.look()
    bench.clock.advance(MINUTE)
    bench.spawn()
    bench.dies()
    bench.restart()
    bench.beat()
    former = bench.registry.runs(bench.agent().id)[1]
    assert former.live_at
    assert former.ended_at == former.live_at


def test_max_running_holds_a_resume_back() -> None:
    bench = Bench(max_running=1)
    bench.spawn()
    bench.dies()
    bench.look()
    bench.look()
    bench.spawn("other")
    done = bench.look()
    assert (bench.life(), done.errands) == (Life.DEAD, [])
    bench.stop("other")
    bench.beat()
    assert bench.life() is Life.RUNNING


def test_places_are_given_once_in_a_pass() -> None:
    bench = Bench(max_running=2)
    for name in ("a1", "a2"):
        bench.spawn(name)
        bench.dies(name)
    bench.look()
    bench.rules = replace(bench.rules, max_running=1)
    bench.world = replace(bench.world, rules=bench.rules)
    assert bench.look().errands == [], "both still had their places when it began"
    assert [errand.name for errand in bench.look().errands] == ["a1"]


# ---- unreachable is not dead -----------------------------------------------------------------


def test_unreachable_tmux_changes_nothing_until_it_is_up(bench: Bench) -> None:
    bench.spawn()
    bench.spawn("dead")
    bench.dies("dead")
    for _ in range(2):
        bench.look()
    bench.dies()
    bench.machine.away.add(DEFAULT_SOCKET)
    before = repr(bench.registry.store)
    for _ in range(5):
        bench.clock.advance(MINUTE)
        done = bench.look()
        bench.work_off(done)
        assert done.away == [DEFAULT_SOCKET]
    assert repr(bench.registry.store) == before
    assert bench.errors == []
    bench.machine.away.clear()
    bench.beat()
    assert (bench.life(), bench.life("dead")) == (Life.RUNNING, Life.RUNNING)


def test_unreachable_and_its_process_gone_is_gone(bench: Bench) -> None:
    bench.spawn()
    bench.machine.end_server()
    bench.machine.away.add(DEFAULT_SOCKET)
    bench.look()
    bench.look()
    assert bench.life() is Life.DEAD
    assert bench.events()[-1].payload["sight"] == "tmux server gone"
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.DEAD, 0), "no resume where tmux is away"


def test_another_server_on_the_socket_while_ours_lives_is_unknown(bench: Bench) -> None:
    """Somebody removed our socket and started another server there."""
    bench.spawn()
    ours = bench.machine.servers.pop(DEFAULT_SOCKET)
    bench.machine.open("main")
    for _ in range(3):
        bench.look()
    assert bench.life() is Life.RUNNING
    assert bench.machine.processes[ours.identity.pid].alive


def test_the_registry_away_is_told_and_nothing_is_done(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.registry.away = True
    with pytest.raises(RegistryAway):
        bench.look()
    bench.registry.away = False
    assert bench.run().missed == 0


def test_a_missing_program_is_waited_for_without_an_attempt(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.providers.claude.missing = True
    bench.beat()
    bench.beats(MINUTE)
    assert (bench.life(), bench.agent().attempts, bench.errors) == (Life.DEAD, 0, [])
    bench.providers.claude.missing = False
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.RUNNING, 1)


# ---- never anybody else's --------------------------------------------------------------------


def _untouched(pane: Pane, *, pid: int) -> None:
    assert pane.process.alive
    assert (pane.process.pid, pane.typed, pane.face) == (pid, [], None)


def test_a_recycled_pane_is_never_touched(bench: Bench) -> None:
    bench.spawn()
    was = bench.run().pane
    assert was
    bench.machine.end_server()
    panes = [bench.machine.open("main") for _ in range(4)]
    theirs = next(pane for pane in panes if pane.id == was.pane)
    theirs.process = bench.machine.begin(pid=was.pid)
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert bench.pane() is not theirs
    _untouched(theirs, pid=was.pid)


def test_a_pane_that_runs_something_else_now_is_foreign(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane()
    bench.dies()
    pane.process, pane.command_run, pane.face = bench.machine.begin(), None, None
    bench.beat()
    assert Kind.PANE_FOREIGN in bench.kinds()
    assert bench.pane() is not pane
    _untouched(pane, pid=pane.process.pid)


def test_a_tag_that_says_another_run_is_foreign(bench: Bench) -> None:
    bench.spawn(auto_resume=False)
    bench.pane().tag = uuid4()
    bench.beat()
    assert Kind.PANE_FOREIGN in bench.kinds()
    assert bench.life() is Life.FAILED


def test_panes_of_another_genie_are_left_alone(bench: Bench) -> None:
    bench.spawn()
    theirs = bench.machine.open("ada", run=uuid4())
    bench.beat()
    assert theirs.process.alive
    assert bench.look().strangers != []


# ---- one agent's error -----------------------------------------------------------------------


def test_one_agent_s_error_never_stops_the_pass(bench: Bench) -> None:
    bench.spawn("bad", provider="codex")
    bench.dies("bad")
    bench.spawn("good")
    bench.dies("good")
    bench.look()
    with bench.registry.begin() as tx:
        tx.save_session(replace(bench.session("bad"), provider="gone"))
    done = bench.look()
    assert {errand.name for errand in done.errands} == {"good"}
    assert list(done.errors) == ["bad"]
    assert "unknown provider" in done.errors["bad"].message


def test_an_agent_that_is_busy_or_held_is_passed_by(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    agent = bench.agent().id
    with bench.world.flights.taken(agent, within=timedelta(0)):
        assert bench.look().look_again == set()
    bench.world.flights.hold(agent, until=bench.clock.time + MINUTE)
    assert bench.look().look_again == set()
    bench.clock.advance(MINUTE)
    assert bench.look().look_again == {agent}


def test_a_pass_over_some_looks_at_no_other(bench: Bench) -> None:
    for name in ("ada", "bob"):
        bench.spawn(name)
        bench.dies(name)
    done = bench.look(only={bench.agent("bob").id})
    assert (bench.run("ada").missed, bench.run("bob").missed) == (0, 1)
    assert done.strangers == []


# ---- somebody else was quicker ---------------------------------------------------------------


class Behind:
    """A registry whose heartbeat shows what was there a moment ago."""

    def __init__(self, bench: Bench) -> None:
        self._registry = bench.registry
        self._seen = bench.registry.beat(HOST, at=bench.clock.time)

    def __getattr__(self, name: str) -> object:
        return getattr(self._registry, name)

    def beat(self, host: str, *, at: datetime) -> list[Standing]:
        return self._seen


@pytest.mark.parametrize("life", [Life.RUNNING, Life.FAILED])
def test_what_changed_since_it_was_read_is_left_as_it_is(bench: Bench, life: Life) -> None:
    """It would be declared dead, or given up; meanwhile somebody stopped it."""
    bench.spawn(auto_resume=life is Life.RUNNING)
    bench.dies()
    bench.look()
    if life is Life.FAILED:
        bench.world = replace(bench.world, fault=_stop_after(bench))
        bench.look()
    else:
        behind = Behind(bench)
        bench.stop()
        reconcile(replace(bench.world, registry=behind))  # type: ignore[arg-type]  # all else is passed on
    assert (bench.life(), bench.agent().desired) == (Life.SUSPENDED, Desired.STOPPED)
    assert bench.kinds()[-1] is Kind.STOPPED


@pytest.mark.parametrize("missed", [0, 1])
def test_a_run_that_was_ended_meanwhile_stays_ended(bench: Bench, missed: int) -> None:
    """A look at what was there a moment ago, which would note a miss, or forget one."""
    bench.spawn()
    if missed:
        with bench.registry.begin() as tx:
            tx.save_run(replace(bench.run(), missed=1))
    behind = Behind(bench)
    bench.stop()
    pane = bench.machine.open("ada", run=bench.run().id) if missed else None
    reconcile(replace(bench.world, registry=behind))  # type: ignore[arg-type]  # all else is passed on
    assert bench.run().ended_at
    assert bench.registry.store.live_runs() == []
    assert pane is None or pane.process.alive


def _stop_after(bench: Bench) -> Fault:
    def fault(point: str) -> None:
        if point == "reconcile.declared":
            bench.stop()

    return fault


# ---- orphans ---------------------------------------------------------------------------------


def _orphan(bench: Bench) -> Pane:
    """A pane whose run has ended and whose agent has gone on elsewhere."""
    bench.spawn()
    pane = bench.pane()
    run = bench.run()
    bench.machine.servers[DEFAULT_SOCKET].panes.pop(pane.id)
    bench.beat()
    assert bench.run().id != run.id
    bench.machine.servers[DEFAULT_SOCKET].panes[pane.id] = pane
    pane.process = bench.machine.begin(run=run.id)
    return pane


def test_an_orphan_of_ours_is_closed_with_its_tree(bench: Bench) -> None:
    pane = _orphan(bench)
    tool = bench.machine.begin(parent=pane.process.pid)
    bench.beat()
    assert not pane.process.alive
    assert not tool.alive
    assert pane.id not in bench.machine.server().panes
    assert bench.process().alive


def test_a_dead_orphan_s_pid_is_nobody_s(bench: Bench) -> None:
    pane = _orphan(bench)
    pane.remain = True
    bench.machine.end(pane.process, exit_code=0)
    innocent = bench.machine.begin(pid=pane.process.pid)
    bench.beat()
    assert innocent.alive
    assert pane.id not in bench.machine.server().panes


def test_the_pane_of_a_killed_agent_is_closed(bench: Bench) -> None:
    bench.spawn()
    server, pane = bench.machine.server(), bench.pane()
    bench.spawn("other")
    server.panes.pop(pane.id)
    bench.kill()
    server.panes[pane.id] = pane
    bench.beat()
    assert pane.id not in server.panes


def test_an_orphan_is_judged_once(bench: Bench) -> None:
    pane = _orphan(bench)
    done = bench.look()
    assert close_orphans(bench.world, done.strangers, judged={pane.command_run}) == []  # type: ignore[arg-type]
    assert pane.process.alive
    assert close_orphans(bench.world, [], set()) == []


def test_an_orphan_that_cannot_be_closed_does_not_keep_the_others(bench: Bench) -> None:
    pane = _orphan(bench)
    pane.process.lasting = True
    strangers = bench.look().strangers
    gone = replace(strangers[0][1], pane="%77", pid=1)
    bench.spawn("bob")
    errors = close_orphans(bench.world, [*strangers, (strangers[0][0], gone, strangers[0][2])], set())
    assert [type(error).__name__ for error in errors] == ["Survivors", "Survivors"]
    assert pane.process.alive


def test_the_pane_of_an_agent_whose_resume_failed_is_still_its_own(bench: Bench) -> None:
    bench.spawn()
    pane = bench.pane()
    bench.dies()
    bench.machine.fails["respawn"] = TerminalAway("no answer")
    bench.beat()
    assert bench.life() is Life.DEAD
    bench.machine.fails.clear()
    bench.beat()
    assert pane.id in bench.machine.server().panes
    bench.clock.advance(MINUTE)
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert bench.pane() is pane


def test_a_live_run_is_no_orphan(bench: Bench) -> None:
    bench.spawn()
    pane, run = bench.pane(), bench.run()
    assert run.pane
    seen = pane.seen()
    close_orphans(bench.world, [(run.pane.server, seen, run.id)], set())
    assert pane.process.alive


# ---- steps that have nothing to work on ------------------------------------------------------


def test_a_running_one_without_a_pane_is_waited_for(bench: Bench) -> None:
    """It cannot be; where it is, nothing is declared dead."""
    bench.spawn()
    with bench.registry.begin() as tx:
        tx.save_run(replace(bench.run(), pane=None))
    bench.look()
    bench.look()
    assert bench.life() is Life.RUNNING


def test_a_dead_one_without_a_session_is_given_up(bench: Bench) -> None:
    standing = bench.bring_to(Life.DEAD)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(standing.agent, session=None))
    bench.look()
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "unresumable")


def test_a_failed_errand_is_told_by_its_own_error(bench: Bench) -> None:
    bench.spawn()
    bench.dies()
    bench.machine.fails["release"] = Failed("disk full")
    bench.beat()
    assert [error.message for error in bench.errors] == ["disk full"]
