"""`genie explain` says the step that the next pass takes, over random standings; and it writes nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.agent import IN_PANE, Desired, Life, Restart
from genie.domain.session import Look, Sight, Standing
from genie.domain.settle import (
    Bring,
    CarryOn,
    Clear,
    Declare,
    Finish,
    GiveUp,
    Hold,
    Learn,
    Note,
    Rest,
    Start,
    Step,
)
from genie.services.roster import explain
from tests.services.bench import Bench
from tests.services.machine import DEFAULT_SOCKET

ERRANDS = (Start, CarryOn, Finish, Bring, Learn)

lives = st.sampled_from(list(Life))
seconds = st.integers(0, 400).map(lambda n: timedelta(seconds=n))


@st.composite
def benches(draw: st.DrawFn) -> Bench:
    """One agent in any state that the registry can hold, in a world in any condition."""
    bench = Bench(max_running=draw(st.sampled_from([1, 50])))
    bench.spawn(
        provider=draw(st.sampled_from(["claude", "codex"])),
        restart=draw(st.sampled_from([restart.value for restart in Restart])),
        auto_resume=draw(st.booleans()),
    )
    match draw(st.sampled_from(["well", "killed", "left", "closed", "server gone"])):
        case "killed":
            bench.dies()
        case "left":
            bench.dies(exit_code=0)
        case "closed":
            bench.machine.remove(bench.machine.server(), bench.pane())
        case "server gone":
            bench.machine.end_server()
    life = draw(lives)
    agent, run, now = bench.agent(), bench.run(), bench.clock.now()
    run = replace(run, missed=draw(st.integers(0, 2)), ended_at=None if life in IN_PANE else now)
    if life in (Life.SPAWNING, Life.RESUMING):
        run = replace(run, pane=draw(st.sampled_from([None, run.pane])))
    agent = replace(
        agent,
        life=life,
        desired=draw(st.sampled_from(list(Desired))),
        attempts=draw(st.integers(0, 3)),
        last_attempt=draw(st.none() | st.just(now)),
        limited_until=draw(st.none() | seconds.map(lambda later: now + later)),
    )
    with bench.registry.begin() as tx:
        tx.save_run(run)
        tx.save_agent(agent)
    bench.providers.claude.missing = draw(st.booleans())
    if draw(st.integers(0, 3)) == 0:
        bench.machine.away.add(DEFAULT_SOCKET)
    bench.clock.advance(draw(seconds))
    return bench


def _taken(before: Standing, bench: Bench, step: Step) -> bool:
    """Whether the pass has done that step: by what it wrote, or by the errand it has sent."""
    done = bench.look()
    if isinstance(step, ERRANDS):
        return [errand.step for errand in done.errands] == [step]
    after = bench.standing()
    if isinstance(step, Note):
        return after.run is not None and after.run.missed == step.missed
    if isinstance(step, Declare):
        return after.agent.life is not before.agent.life
    if isinstance(step, GiveUp):
        return after.agent.life is Life.FAILED
    if isinstance(step, Clear):
        return after.run is not None and after.run.missed == 0
    assert isinstance(step, Rest | Hold)
    until = step.until if isinstance(step, Hold) else None
    return after == before and done.errands == [] and done.wake_at == until


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(benches())
def test_explain_says_the_step_that_the_pass_takes(bench: Bench) -> None:
    before = bench.standing()
    store, events = repr(bench.registry.store), len(bench.registry.log)
    said = explain(bench.world, "ada")
    assert (repr(bench.registry.store), len(bench.registry.log)) == (store, events), "reading writes nothing"
    assert said.standing == before
    assert said.next.reason
    assert _taken(before, bench, said.next), said.next


def test_a_full_host_is_explained_as_the_pass_sees_it() -> None:
    bench = Bench(max_running=1)
    bench.spawn("first")
    bench.spawn("second")
    assert explain(bench.world, "second").next == Hold("waits for a free place (max_running)")


def test_the_look_is_told_with_the_step(bench: Bench) -> None:
    bench.spawn()
    assert explain(bench.world, "ada").look == Look(Sight.ALIVE)
    bench.machine.away.add(DEFAULT_SOCKET)
    assert explain(bench.world, "ada").look == Look(Sight.UNKNOWN)
