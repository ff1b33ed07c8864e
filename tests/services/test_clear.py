"""What becomes of worktrees and containers of sessions that are over."""

from __future__ import annotations

from typing import Any

import pytest

from genie.domain.agent import Life
from genie.domain.errors import Conflict, Failed, NotAllowed, NotFound, Refused
from genie.domain.events import Kind
from genie.domain.session import Standing
from genie.ports import WorktreeState
from genie.services.clear import after_run, end_container, has_supplies
from genie.services.order import Assignment
from genie.services.spawn import spawn
from genie.services.worktrees import list_worktrees, remove_worktree
from tests.services.bench import Bench
from tests.services.machine import HOME

TREES = f"{HOME}/worktrees/w"
STATE = WorktreeState


def run(bench: Bench, name: str = "ada", **wanted: Any) -> Standing:  # noqa: ANN401
    order = bench.order(name, role="engineer", prompt="do it", assignment=Assignment(**wanted))
    return spawn(bench.world, order).standing


def ended(bench: Bench, life: Life, name: str = "ada") -> Standing:
    """That it has come to this, and nothing is cleared yet."""
    with bench.registry.begin() as tx:
        current = tx.standing(name)
        assert current
        agent = tx.save_agent(current.agent.to(life, now=bench.clock.now()))
    return Standing(agent, current.session, current.run)


def made(bench: Bench) -> list[str]:
    return [one.name for one in bench.supplies.worktrees.list()]


# ---- worktrees -------------------------------------------------------------------------------


@pytest.mark.parametrize("life", [Life.DONE, Life.FAILED, Life.TERMINATED])
def test_a_session_that_was_run_to_its_end_gives_its_worktree_back(bench: Bench, life: Life) -> None:
    run(bench, worktree="")
    after_run(bench.world, ended(bench, life))
    assert made(bench) == []
    told = bench.events()[-1]
    assert (told.kind, told.payload) == (
        Kind.WORKTREE_REMOVED,
        {"worktree": f"{TREES}/ada", "branch": "genie/ada"},
    )


@pytest.mark.parametrize("state", [STATE.UNCOMMITTED, STATE.UNPUSHED, STATE.UNKNOWN])
def test_where_something_would_be_lost_it_is_told_where_it_is_kept(bench: Bench, state: WorktreeState) -> None:
    run(bench, worktree="")
    bench.supplies.worktrees.states[f"{TREES}/ada"] = state
    after_run(bench.world, ended(bench, Life.DONE))
    assert made(bench) == ["ada"]
    told = bench.events()[-1]
    assert told.kind is Kind.WORKTREE_KEPT
    assert told.payload == {
        "worktree": f"{TREES}/ada",
        "branch": "genie/ada",
        "reason": f"the worktree '{TREES}/ada' is kept: it has {state.value} work",
        "hint": "commit and push it",
    }


def test_git_that_fails_keeps_it(bench: Bench) -> None:
    run(bench, worktree="")
    bench.supplies.worktrees.fails.append(Failed("git worktree failed"))
    after_run(bench.world, ended(bench, Life.DONE))
    assert (made(bench), bench.events()[-1].payload["reason"]) == (["ada"], "git worktree failed")


@pytest.mark.parametrize("life", [Life.SUSPENDED, Life.DEAD, Life.DONE, Life.FAILED])
def test_who_can_be_brought_back_keeps_it(bench: Bench, life: Life) -> None:
    bench.spawn(worktree="")
    after_run(bench.world, ended(bench, life))
    assert made(bench) == ["ada"]
    assert not {Kind.WORKTREE_KEPT, Kind.WORKTREE_REMOVED} & set(bench.kinds())


def test_a_stopped_one_that_was_to_be_run_to_its_end_keeps_it(bench: Bench) -> None:
    run(bench, worktree="")
    after_run(bench.world, ended(bench, Life.SUSPENDED))
    assert made(bench) == ["ada"]


def test_the_last_one_in_it_closes_the_door(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.supplies.worktrees.repos.append(f"{TREES}/ada")
    spawn(bench.world, bench.order("bob", role="engineer", cwd=f"{TREES}/ada/deep"))
    after_run(bench.world, ended(bench, Life.TERMINATED, "bob"))
    assert made(bench) == ["ada"]
    after_run(bench.world, ended(bench, Life.TERMINATED, "ada"))
    assert made(bench) == []


def test_others_in_it_are_not_left_without_a_floor(bench: Bench) -> None:
    bench.spawn(worktree="")
    spawn(bench.world, bench.order("bob", role="engineer", cwd=f"{TREES}/ada/deep"))
    after_run(bench.world, ended(bench, Life.TERMINATED, "ada"))
    assert made(bench) == ["ada"]


def test_a_session_without_supplies_needs_nothing(bench: Bench) -> None:
    run(bench)
    standing = ended(bench, Life.DONE)
    before = bench.kinds()
    assert not has_supplies(bench.world, standing)
    assert not has_supplies(bench.world, Standing(standing.agent, None, None))
    after_run(bench.world, standing)
    after_run(bench.world, Standing(standing.agent, None, None))
    assert bench.kinds() == before


# ---- containers ------------------------------------------------------------------------------


def test_a_container_outlives_its_client_and_is_killed(bench: Bench) -> None:
    standing = run(bench, sandbox="")
    assert standing.session
    assert has_supplies(bench.world, standing)
    after_run(bench.world, ended(bench, Life.SUSPENDED))
    assert bench.supplies.sandboxes.ended == [standing.session.id]


def test_a_container_that_cannot_be_killed_is_told(bench: Bench) -> None:
    standing = run(bench, sandbox="")
    assert standing.session
    bench.supplies.sandboxes.stuck.add(standing.session.id)
    end_container(bench.world, standing)
    assert (bench.events()[-1].kind, bench.events()[-1].payload) == (
        Kind.SURVIVORS,
        {"error": "the container cannot be killed"},
    )


def test_one_in_a_worktree_has_something_to_clear(bench: Bench) -> None:
    assert not has_supplies(bench.world, run(bench, worktree=""))
    assert has_supplies(bench.world, ended(bench, Life.DONE))


# ---- genie worktree --------------------------------------------------------------------------


def test_the_list_tells_what_would_be_lost_and_who_is_in_it(bench: Bench) -> None:
    assert list_worktrees(bench.world) == []
    bench.spawn(worktree="")
    run(bench, "bob", worktree="fix")
    bench.spawn("eve")
    bench.supplies.worktrees.states[f"{TREES}/fix"] = STATE.UNPUSHED
    one, two = list_worktrees(bench.world)
    assert (one.worktree.name, one.state, one.problem, one.agents) == ("ada", STATE.CLEAN, None, ("ada",))
    assert (two.worktree.name, two.state, two.problem, two.agents) == ("fix", STATE.UNPUSHED, None, ("bob",))


def test_what_is_wrong_with_one_is_shown_with_it(bench: Bench) -> None:
    bench.spawn(worktree="")
    bench.supplies.worktrees.fails.append(Failed("git status failed"))
    (one,) = list_worktrees(bench.world)
    assert (one.state, one.problem) == (None, "git status failed")


@pytest.mark.parametrize("named", ["ada", f"{TREES}/ada"])
def test_one_is_removed_by_name_or_path(bench: Bench, named: str) -> None:
    bench.spawn(worktree="")
    with pytest.raises(NotAllowed, match="'ada' lives in the worktree 'ada'") as refusal:
        remove_worktree(bench.world, named)
    assert refusal.value.hint == "genie kill ada"
    ended(bench, Life.DONE)
    assert remove_worktree(bench.world, named).path == f"{TREES}/ada"
    assert made(bench) == []


def test_what_would_be_lost_is_not_removed(bench: Bench) -> None:
    bench.supplies.worktrees.make("/w", "ada")
    bench.supplies.worktrees.states[f"{TREES}/ada"] = STATE.UNCOMMITTED
    with pytest.raises(Refused, match="is kept"):
        remove_worktree(bench.world, "ada")


def test_one_of_several_of_a_name_is_meant_by_its_path(bench: Bench) -> None:
    bench.supplies.worktrees.repos.append("/other")
    bench.supplies.worktrees.make("/w", "ada")
    bench.supplies.worktrees.make("/other", "ada")
    with pytest.raises(Conflict, match="2 worktrees are called 'ada'") as several:
        remove_worktree(bench.world, "ada")
    assert several.value.hint == f"give a path: {HOME}/worktrees/other/ada, {TREES}/ada"
    with pytest.raises(NotFound, match="no worktree 'adda'") as unknown:
        remove_worktree(bench.world, "adda")
    assert unknown.value.hint == "did you mean 'ada'?"
