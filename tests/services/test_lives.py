"""Anything in any order: spawn, stop, resume, kill, deaths, time, tmux away, daemons killed at named points.

The invariants are looked at after each step; in the end, given time, all is at rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from genie.domain.agent import Desired, Life
from genie.domain.errors import GenieError
from genie.ports import Wanted
from tests.services.bench import Bench
from tests.services.chance import Killed
from tests.services.invariants import PROMPT, at_rest, check
from tests.services.machine import DEFAULT_SOCKET

START = ("start.created", "start.dressed", "start.released", "start.before_commit", "start.committed")
RESUME = ("resume.before_commit", "resume.claimed", "resume.cleared", *START)
FINISH = ("finish.ended", "finish.closed", "finish.before_commit")
DEATHS = [
    (command, point)
    for command, points in {
        "spawn": ("spawn.before_commit", "spawn.committed", *START),
        "resume": RESUME,
        "beat": ("reconcile.declared", *RESUME),
        "stop": ("stop.wanted", *FINISH),
        "kill": ("kill.wanted", *FINISH),
    }.items()
    for point in points
]
"""In what the daemon is killed, and where."""
PERSONS = ("ada", "bob")
names = st.sampled_from(PERSONS)
numbers = st.integers(0, 5)


class Lives(RuleBasedStateMachine):
    """Two names with their parallels on a host that holds four."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(max_running=4)
        self.mine = self.bench.machine.open("main")
        self.silent: dict[object, int] = {}

    @initialize()
    def begin(self) -> None:
        """Two who live: nothing much happens to an empty house."""
        for name in PERSONS:
            self.bench.spawn(name, prompt=PROMPT)

    def _try(self, work: Callable[[], object]) -> None:
        """A command may be refused; its daemon may be killed under it."""
        try:
            work()
        except GenieError:
            pass
        except Killed:
            self.bench.restart()

    def _any(self, number: int) -> str:
        known = [standing.agent.name for standing in self.bench.registry.roster(Wanted())]
        return known[number % len(known)] if known else "ada"

    @rule(name=names, prompt=st.booleans(), restart=st.sampled_from(["on-failure", "always", "never"]))
    def spawn(self, name: str, prompt: bool, restart: str) -> None:
        self._try(lambda: self.bench.spawn(name, prompt=PROMPT if prompt else None, restart=restart))

    @rule(number=numbers)
    def spawn_by_full_name(self, number: int) -> None:
        self._try(lambda: self.bench.spawn(self._any(number), role=None))

    @rule(number=numbers)
    def stop(self, number: int) -> None:
        self._try(lambda: self.bench.stop(self._any(number)))

    @rule(number=numbers)
    def kill(self, number: int) -> None:
        self._try(lambda: self.bench.kill(self._any(number)))

    @rule(number=numbers)
    def resume(self, number: int) -> None:
        self._try(lambda: self.bench.resume(self._any(number)))

    @rule(number=numbers, exit_code=st.sampled_from([None, 0, 1]))
    def dies(self, number: int, exit_code: int | None) -> None:
        agents = self.bench.machine.agents()
        if agents:
            signal = 9 if exit_code is None else None
            self.bench.machine.end(agents[number % len(agents)], exit_code=exit_code, signal=signal)

    @rule(number=numbers)
    def pane_is_closed_by_hand(self, number: int) -> None:
        for server in self.bench.machine.servers.values():
            panes = [pane for pane in server.panes.values() if pane.command_run]
            if panes:
                self.bench.machine.remove(server, panes[number % len(panes)])
                return

    @rule()
    def server_restarts(self) -> None:
        if DEFAULT_SOCKET in self.bench.machine.servers:
            self.bench.machine.end_server()
        self.mine = self.bench.machine.open("main")

    @rule(seconds=st.sampled_from([2, 70]))
    def tmux_does_not_answer_for_a_while(self, seconds: int) -> None:
        self.bench.machine.away.add(DEFAULT_SOCKET)
        self.bench.clock.advance(timedelta(seconds=seconds))
        self._try(self.bench.beat)
        self.bench.machine.away.clear()

    @rule(death=st.sampled_from(DEATHS), number=numbers, away=st.sampled_from([0, 12]))
    def daemon_is_killed(self, death: tuple[str, str], number: int, away: int) -> None:
        """The command comes to that point or it does not; in any case another daemon goes on."""
        command, point = death
        self.bench.switch.point, self.bench.switch.after = point, 0
        if command == "beat":
            self.dies(number, 1)
            self.time_passes(61)
        elif command == "spawn":
            self.spawn(PERSONS[number % 2], number < 3, "on-failure")
        else:
            {"stop": self.stop, "kill": self.kill, "resume": self.resume}[command](number)
        self.bench.clock.advance(timedelta(seconds=away))
        self.bench.restart()

    @rule()
    def daemon_restarts(self) -> None:
        self.bench.restart()

    @rule(seconds=st.sampled_from([0, 2, 11, 61, 301]))
    def time_passes(self, seconds: int) -> None:
        self.bench.clock.advance(timedelta(seconds=seconds))
        self._try(self.bench.beat)

    @invariant()
    def holds(self) -> None:
        check(self.bench)
        assert self.mine.process.alive
        assert self.mine.typed == []

    @invariant()
    def silent_states_are_silent(self) -> None:
        """Of a killed one nothing more is heard."""
        for agent in self.bench.registry.store.agents.values():
            if agent.life is Life.TERMINATED:
                heard = len(self.bench.registry.history(agent.id, limit=1000))
                assert self.silent.setdefault(agent.id, heard) == heard

    def teardown(self) -> None:
        self.bench.machine.away.clear()
        self.bench.restart()
        self.bench.beats(timedelta(minutes=4))
        at_rest(self.bench)
        full = len(self.bench.registry.store.live_runs()) >= self.bench.rules.max_running
        for agent in self.bench.registry.store.agents.values():
            assert agent.life not in (Life.SPAWNING, Life.RESUMING), agent
            assert full or agent.life not in (Life.QUEUED, Life.DEAD), "it waits though there is a place"
            if agent.life is Life.RUNNING:
                assert agent.desired is Desired.RUNNING
        super().teardown()


TestLives = Lives.TestCase
TestLives.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    derandomize="CHAOS_SEEDS" not in os.environ,  # the same lives in every run, others in `make chaos`
    database=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes, and steps tell enough
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
