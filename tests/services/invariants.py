"""What must hold at every moment, whatever was done and whoever died."""

from __future__ import annotations

from collections import Counter

from genie.domain.agent import IN_PANE, Desired, Life
from tests.services.bench import Bench

PROMPT = "the one and only first prompt"


def check(bench: Bench) -> None:
    """Raises AssertionError with what is broken."""
    store = bench.registry.store
    for agent in store.agents.values():
        live = [run for run in store.live_runs() if run.agent == agent.id]
        assert len(live) <= 1, f"{agent.name} has {len(live)} live runs"
        assert bool(live) == (agent.life in IN_PANE), f"{agent.name} is {agent.life} with {len(live)} live runs"
        assert not live or live[0].id == agent.run
        assert 0 <= agent.attempts <= agent.policy.max_attempts
        assert (agent.life is Life.FAILED) <= (agent.reason is not None)
        assert (agent.life is Life.TERMINATED) <= (agent.desired is Desired.GONE)
    names = Counter(agent.name for agent in store.agents.values() if agent.life is not Life.TERMINATED)
    assert not [name for name, times in names.items() if times > 1]
    sessions = Counter(process.env["GENIE_SESSION_ID"] for process in bench.machine.agents())
    assert not [session for session, times in sessions.items() if times > 1], "two processes on one session"
    given = [e for e in bench.machine.executions if PROMPT in e.argv]
    first = Counter(e.env["GENIE_SESSION_ID"] for e in given if "--session-id" in e.argv)
    assert not [session for session, times in first.items() if times > 1], "a first prompt was given twice"
    told = Counter(e.run for e in given)
    assert not [run for run, times in told.items() if times > 1], "a run was told its prompt twice"
    assert [e.id for e in bench.registry.log] == list(range(1, len(bench.registry.log) + 1))
    _only_ours_are_killed(bench)


def _only_ours_are_killed(bench: Bench) -> None:
    runs = set(bench.registry.store.runs)
    children = {process.pid for process in bench.machine.processes.values() if process.run in runs}
    for process in bench.machine.killed:
        assert process.run in runs or process.parent in children, f"{process} was none of ours"


def at_rest(bench: Bench) -> None:
    """What holds besides once the daemon has had its time: every process and pane has its owner."""
    check(bench)
    live = {run.id: run for run in bench.registry.store.live_runs()}
    for process in bench.machine.agents():
        assert process.run in live, f"{process} has no live run"
    for run in live.values():
        assert run.pane
        assert bench.machine.pane(run.pane).tag == run.id
    panes = [pane for server in bench.machine.servers.values() for pane in server.panes.values() if pane.command_run]
    runs = bench.registry.store.runs
    for pane in panes:
        assert pane.command_run is not None
        agent = bench.registry.store.agents[runs[pane.command_run].agent]
        assert agent.life is not Life.TERMINATED, f"pane {pane.id} is left of {agent.name}"
