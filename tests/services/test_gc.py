"""`genie gc`: what is over is found, and only with force removed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from genie.domain.agent import Life
from genie.domain.errors import Failed, TerminalAway
from genie.domain.events import CHANGES, Event, Kind
from genie.domain.message import State
from genie.domain.permission import Asked
from genie.domain.usage import Sample
from genie.ports import Weighed, WorktreeState
from genie.services.ask import ask, withdraw
from genie.services.gc import Pile, gc
from genie.services.kin import TOKEN
from genie.services.send import send
from tests.services.bench import Bench, away, env_of

WEEK = timedelta(days=7)
MOMENT = timedelta(seconds=1)


def piles(bench: Bench, *, age: timedelta = WEEK, force: bool = False) -> dict[str, Pile]:
    return {pile.what: pile for pile in gc(bench.world, age=age, force=force)}


def old(bench: Bench) -> None:
    """Everything so far was more than a week ago."""
    bench.clock.advance(WEEK + timedelta(hours=1))


def say(bench: Bench, kind: Kind, text: str = "x") -> None:
    agent = bench.agent()
    said = Event(kind=kind, at=bench.clock.time, agent=agent.id, session=agent.session, payload={"text": text})
    with bench.registry.begin() as tx:
        tx.record(said)


def leave(bench: Bench) -> list[str]:
    """A log and a folder of the session, and a log of its run."""
    session, run = bench.session().id, bench.run().id
    return [
        bench.leavings.put("/log", session, 100),
        bench.leavings.put("/folder", session, 20),
        bench.leavings.put("/run", run, 3),
    ]


def test_where_nothing_is_there_is_nothing_to_go(bench: Bench) -> None:
    found = piles(bench, force=True)
    assert list(found) == ["logs", "panes", "worktrees", "events", "samples", "messages", "permissions"]
    assert not any(pile.heap.count or pile.removed or pile.problems for pile in found.values())


# ---- logs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [Life.DONE, Life.FAILED, Life.TERMINATED])
def test_files_of_one_that_has_ended_long_ago_go(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    names = leave(bench)
    bench.leavings.put("/stranger", uuid4())
    assert piles(bench)["logs"].heap.count == 0
    old(bench)
    dry = piles(bench)["logs"]
    assert (dry.names, dry.heap.count, dry.heap.size, dry.removed) == (tuple(names), 3, 123, 0)
    assert piles(bench, force=True)["logs"].removed == 3
    assert list(bench.leavings.there) == ["/stranger"]


@pytest.mark.parametrize("life", [Life.QUEUED, Life.RUNNING, Life.SUSPENDED, Life.DEAD])
def test_files_of_one_that_may_go_on_stay(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    bench.leavings.put("/log", bench.session().id)
    old(bench)
    assert piles(bench, force=True)["logs"].heap.count == 0


def test_files_of_an_earlier_session_go_and_those_of_the_present_one_stay(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    before = leave(bench)
    bench.spawn()
    bench.leavings.put("/present", bench.session().id)
    old(bench)
    assert piles(bench, force=True)["logs"].names == tuple(before)
    assert list(bench.leavings.there) == ["/present"]


def test_one_that_cannot_be_removed_keeps_no_other_from_it(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    leave(bench)
    bench.leavings.stuck.add("/log")
    old(bench)
    found = piles(bench, force=True)["logs"]
    assert (found.removed, found.problems) == (2, ("cannot remove /log: Permission denied",))
    assert list(bench.leavings.there) == ["/log"]


# ---- panes ----------------------------------------------------------------------------------


def dead_pane(bench: Bench) -> None:
    bench.machine.open("main")
    bench.bring_to(Life.FAILED)


def test_the_dead_pane_of_one_that_has_ended_goes(bench: Bench) -> None:
    dead_pane(bench)
    assert piles(bench)["panes"].heap.count == 0
    old(bench)
    pane = bench.run().pane
    assert pane
    assert piles(bench)["panes"].names == (f"{pane.pane} (ada)",)
    assert bench.pane()
    assert piles(bench, force=True)["panes"].removed == 1
    assert bench.world.terminal.panes(pane.server.socket).pane(pane.pane) is None
    assert piles(bench, force=True)["panes"].heap.count == 0


def test_the_pane_of_one_that_lives_or_is_brought_back_stays(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn()
    old(bench)
    assert piles(bench, force=True)["panes"].heap.count == 0
    bench.dies()
    bench.look()
    bench.look()
    old(bench)
    assert piles(bench, force=True)["panes"].heap.count == 0
    assert bench.pane()


def test_a_pane_of_another_tmux_server_with_its_number_stays(bench: Bench) -> None:
    dead_pane(bench)
    old(bench)
    with bench.registry.begin() as tx:
        run = bench.run()
        assert run.pane
        tx.save_run(replace(run, pane=replace(run.pane, server=replace(run.pane.server, pid=1))))
    assert piles(bench, force=True)["panes"].heap.count == 0


def test_an_agent_that_somebody_is_at_work_on_keeps_its_pane(bench: Bench) -> None:
    dead_pane(bench)
    old(bench)
    assert bench.world.flights.board(bench.agent().id)
    found = piles(bench, force=True)["panes"]
    assert (found.heap.count, found.removed) == (1, 0)
    assert "still at work" in found.problems[0]


def test_a_tmux_that_does_not_answer_is_a_problem_of_panes_alone(bench: Bench) -> None:
    dead_pane(bench)
    leave(bench)
    old(bench)
    bench.machine.fails["panes"] = TerminalAway("tmux does not answer")
    found = piles(bench, force=True)
    assert (found["panes"].heap.count, found["panes"].problems) == (0, ("tmux does not answer",))
    assert found["logs"].removed == 3


# ---- worktrees ------------------------------------------------------------------------------


def worktree(bench: Bench, name: str = "fix", *, state: WorktreeState = WorktreeState.CLEAN) -> str:
    made = bench.supplies.worktrees.make("/w", name)
    bench.supplies.worktrees.states[made.path] = state
    bench.leavings.worktrees[made.path] = Weighed(500, bench.clock.time)
    return made.path


def working_in(bench: Bench, path: str) -> None:
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), cwd=f"{path}/src"))


def test_a_worktree_that_nobody_is_in_and_holds_nothing_goes(bench: Bench) -> None:
    clean, gone = worktree(bench), worktree(bench, "lost", state=WorktreeState.GONE)
    bench.bring_to(Life.DONE)
    working_in(bench, clean)
    assert piles(bench)["worktrees"].heap.count == 0
    old(bench)
    worktree(bench, "young")
    dry = piles(bench)["worktrees"]
    assert (dry.names, dry.heap.size, dry.removed) == ((clean, gone), 1000, 0)
    assert piles(bench, force=True)["worktrees"].removed == 2
    assert [made.name for made in bench.supplies.worktrees.list()] == ["young"]


@pytest.mark.parametrize("life", [Life.QUEUED, Life.RUNNING, Life.SUSPENDED, Life.DEAD])
def test_a_worktree_in_which_somebody_can_go_on_stays(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    path = worktree(bench)
    working_in(bench, path)
    old(bench)
    assert piles(bench, force=True)["worktrees"].heap.count == 0


def test_one_that_a_session_was_started_in_stays_with_it(bench: Bench) -> None:
    bench.spawn()
    path = worktree(bench)
    session = bench.session()
    with bench.registry.begin() as tx:
        tx.save_session(replace(session, launch=replace(session.launch, cwd=path)))
        tx.save_agent(replace(bench.agent(), session=session.id))
    old(bench)
    assert piles(bench, force=True)["worktrees"].heap.count == 0


def test_an_agent_of_another_host_is_in_no_worktree_of_this_one(bench: Bench) -> None:
    bench.spawn()
    path = worktree(bench)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), cwd=path, host="other"))
    old(bench)
    assert piles(bench)["worktrees"].names == (path,)


def test_an_agent_without_a_session_is_in_its_directory(bench: Bench) -> None:
    bench.spawn()
    path = worktree(bench)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(bench.agent(), cwd=path, session=None))
    old(bench)
    assert piles(bench)["worktrees"].heap.count == 0


@pytest.mark.parametrize("state", [WorktreeState.UNCOMMITTED, WorktreeState.UNPUSHED, WorktreeState.UNKNOWN])
def test_a_worktree_that_holds_work_stays(bench: Bench, state: WorktreeState) -> None:
    worktree(bench, state=state)
    old(bench)
    assert piles(bench, force=True)["worktrees"].heap.count == 0
    assert bench.supplies.worktrees.list()


def test_one_that_cannot_be_looked_at_is_told_of_and_stays(bench: Bench) -> None:
    first, second = worktree(bench, "a"), worktree(bench, "b")
    old(bench)
    bench.supplies.worktrees.fails.append(Failed("git status failed"))
    found = piles(bench, force=True)["worktrees"]
    assert (found.names, found.removed) == ((second,), 1)
    assert found.problems == (f"{first}: git status failed",)


# ---- the registry ---------------------------------------------------------------------------


def test_what_was_said_long_ago_goes_and_changes_stay(bench: Bench) -> None:
    bench.spawn()
    for kind in (Kind.USER_MESSAGE, Kind.TOOL_CALL, Kind.ASSISTANT_MESSAGE):
        say(bench, kind)
    bench.kill()
    changes = [kind for kind in bench.kinds() if kind in CHANGES]
    assert piles(bench)["events"].heap.count == 0
    old(bench)
    dry = piles(bench)["events"]
    assert (dry.heap.count, dry.removed) == (3, 0)
    assert dry.heap.size
    assert piles(bench, force=True)["events"].removed == 3
    assert bench.kinds() == changes
    bench.spawn("bob")
    assert [event.id for event in bench.registry.events(after=0)] == sorted(
        event.id or 0 for event in bench.registry.log
    )


def test_what_was_said_in_a_session_that_lives_stays(bench: Bench) -> None:
    bench.spawn()
    say(bench, Kind.TOOL_CALL)
    say(bench, Kind.TOOL_RESULT)
    old(bench)
    assert piles(bench, force=True)["events"].heap.count == 0


def test_without_a_result_of_its_own_what_it_is_read_from_stays(bench: Bench) -> None:
    bench.spawn()
    say(bench, Kind.TOOL_CALL)
    say(bench, Kind.ASSISTANT_MESSAGE)
    bench.kill()
    bench.registry.store.results.clear()
    old(bench)
    assert piles(bench, force=True)["events"].removed == 1
    assert Kind.ASSISTANT_MESSAGE in bench.kinds()


def test_old_samples_go(bench: Bench) -> None:
    bench.spawn()
    sample = Sample(run=bench.run().id, at=bench.clock.time, cpu=1.0, rss=1, processes=1)
    bench.registry.add_samples([sample])
    assert piles(bench)["samples"].heap.count == 0
    old(bench)
    bench.registry.add_samples([replace(sample, at=bench.clock.time)])
    assert piles(bench)["samples"].heap.count == 1
    assert piles(bench, force=True)["samples"].removed == 1
    assert piles(bench, age=-MOMENT)["samples"].heap.count == 1


def test_old_messages_go_when_nothing_more_will_come_of_them(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn()
    read, waiting = (send(bench.world, bench.caller(), "ada", text).message for text in ("one", "two"))
    with bench.registry.begin() as tx:
        tx.save_message(replace(read, state=State.ANSWERED))
    assert piles(bench)["messages"].heap.count == 0
    old(bench)
    assert piles(bench)["messages"].heap.count == 1
    assert piles(bench, force=True)["messages"].removed == 1
    assert list(bench.registry.store.messages) == [waiting.id]


def test_old_permission_requests_go_when_they_are_settled(bench: Bench) -> None:
    bench.machine.open("main")
    bench.spawn()
    token, run = env_of(bench, "ada")[TOKEN], str(bench.run().id)
    settled, open_ = (ask(bench.world, token, run, Asked("Bash"), wait=WEEK) for _ in range(2))
    withdraw(bench.world, settled.id, "so")
    assert piles(bench)["permissions"].heap.count == 0
    old(bench)
    assert piles(bench)["permissions"].heap.count == 1
    assert piles(bench, force=True)["permissions"].removed == 1
    assert [one.id for one in bench.registry.permissions(None, limit=9, over=True)] == [open_.id]


def test_without_the_registry_nothing_goes(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    names = leave(bench)
    old(bench)
    away(bench, lambda: gc(bench.world, age=WEEK, force=True))
    assert list(bench.leavings.there) == names
