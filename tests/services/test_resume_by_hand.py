"""`genie resume`, in every state; and a provider that names its sessions itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from genie.domain.agent import Desired, Life, Why
from genie.domain.errors import NotAllowed, NotFound
from genie.domain.events import Kind
from genie.services.capture import capture
from tests.services.bench import Bench


@pytest.mark.parametrize("life", [Life.SUSPENDED, Life.DEAD, Life.DONE, Life.FAILED])
def test_what_is_not_live_comes_back_on_its_session(bench: Bench, life: Life) -> None:
    before = bench.bring_to(life)
    after = bench.resume()
    assert after == bench.standing()
    assert after.agent.session == before.agent.session
    assert (after.agent.life, after.agent.desired) == (Life.RUNNING, Desired.RUNNING)
    assert after.run
    assert (after.run.why, after.run.attempt) == (Why.RESUME, 0)
    assert bench.kinds()[-2:] == [Kind.RESUME_CLAIMED, Kind.RESUMED]
    assert len(bench.machine.agents()) == 1


@pytest.mark.parametrize("life", [Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.RESUMING])
def test_what_is_live_is_not_resumed(bench: Bench, life: Life) -> None:
    before = bench.bring_to(life)
    with pytest.raises(NotAllowed, match=f"is {life.value} already"):
        bench.resume()
    assert bench.standing() == before


def test_what_was_killed_is_not_resumed(bench: Bench) -> None:
    bench.bring_to(Life.TERMINATED)
    with pytest.raises(NotAllowed, match="was killed"):
        bench.resume()


def test_what_has_no_session_is_not_resumed(bench: Bench) -> None:
    standing = bench.bring_to(Life.FAILED)
    with bench.registry.begin() as tx:
        tx.save_agent(replace(standing.agent, session=None))
    with pytest.raises(NotAllowed, match="has no session"):
        bench.resume()


def test_nobody_is_told_with_the_nearest_name(bench: Bench) -> None:
    bench.spawn()
    with pytest.raises(NotFound) as refused:
        bench.resume("adb")
    assert refused.value.hint == "did you mean 'ada'?"


def test_it_ignores_the_budget_spends_none_and_resets_it(bench: Bench) -> None:
    bench.spawn()
    for _ in range(4):
        bench.dies()
        bench.beat()
        bench.beats(timedelta(seconds=62))
    assert (bench.life(), bench.agent().reason) == (Life.FAILED, "exhausted")
    assert bench.resume().agent.attempts == 0
    assert bench.agent().reason is None
    bench.dies()
    bench.beat()
    assert (bench.life(), bench.agent().attempts) == (Life.RUNNING, 1), "at once, and counted from one"


def test_it_goes_back_into_its_own_pane(bench: Bench) -> None:
    bench.spawn(auto_resume=False)
    pane = bench.pane()
    bench.dies()
    bench.beat()
    bench.resume()
    assert bench.pane() is pane
    assert pane.tag == bench.run().id
    assert pane.face
    assert pane.face.state == "running"


def test_a_pane_that_is_gone_is_made_again_in_the_team_s_window(bench: Bench) -> None:
    bench.team("red")
    bench.spawn(team="red")
    bench.stop()
    bench.resume()
    assert (bench.pane().session, bench.pane().window) == ("red", "red")


def test_a_server_that_is_gone_is_made_again(bench: Bench) -> None:
    bench.spawn(auto_resume=False)
    bench.machine.end_server()
    bench.beat()
    bench.resume()
    assert (bench.pane().session, bench.life()) == ("ada", Life.RUNNING)


def test_what_the_former_run_left_behind_is_ended_first(bench: Bench) -> None:
    bench.spawn()
    tool = bench.machine.begin(run=bench.run().id, parent=99)
    bench.dies()
    bench.beat()
    assert not tool.alive


def test_a_parallel_is_resumed_by_its_full_name_only(bench: Bench) -> None:
    bench.spawn()
    parallel = bench.spawn().standing.agent.name
    bench.stop()
    bench.stop(parallel)
    bench.resume()
    assert (bench.life(), bench.life(parallel)) == (Life.RUNNING, Life.SUSPENDED)
    bench.resume(parallel)
    assert bench.life(parallel) is Life.RUNNING


# ---- a provider that names its sessions itself -----------------------------------------------


def _codex(bench: Bench) -> None:
    bench.spawn(provider="codex")
    assert bench.session().provider_session is None


def test_the_provider_s_own_id_is_learnt_while_it_runs(bench: Bench) -> None:
    _codex(bench)
    bench.beat()
    assert bench.session().provider_session is None
    bench.providers.codex.chosen[bench.session().id] = "thread-1"
    bench.beat()
    assert bench.session().provider_session == "thread-1"
    assert bench.kinds().count(Kind.SESSION_CAPTURED) == 1
    bench.beats(timedelta(seconds=10))
    assert bench.kinds().count(Kind.SESSION_CAPTURED) == 1


def test_it_is_learnt_at_the_latest_when_it_is_resumed(bench: Bench) -> None:
    _codex(bench)
    bench.stop()
    bench.providers.codex.chosen[bench.session().id] = "thread-1"
    bench.providers.codex.heard.add("thread-1")
    bench.resume()
    assert bench.executions()[-1].argv == ("codex", "--resume", "thread-1")


def test_an_id_that_another_live_run_has_is_not_taken(bench: Bench) -> None:
    _codex(bench)
    bench.spawn("zoe", provider="codex")
    for name in ("ada", "zoe"):
        bench.providers.codex.chosen[bench.session(name).id] = "thread-1"
    bench.beat()
    assert [bench.session(name).provider_session for name in ("ada", "zoe")] == ["thread-1", None]


def test_what_cannot_be_continued_goes_back_to_dead_and_says_so(bench: Bench) -> None:
    _codex(bench)
    bench.stop()
    with pytest.raises(NotAllowed, match="no session id"):
        bench.resume()
    assert bench.life() is Life.DEAD
    assert bench.kinds()[-1] is Kind.RESUME_FAILED


def test_capture_gives_what_is_known_already(bench: Bench) -> None:
    bench.spawn()
    assert capture(bench.world, bench.standing()) == bench.session()
    assert capture(bench.world, replace(bench.standing(), session=None)) is None


def test_capture_of_a_run_without_a_pane(bench: Bench) -> None:
    bench.dies_at("spawn.committed", lambda: bench.spawn(provider="codex"))
    assert capture(bench.world, bench.standing()) == bench.session()
