"""Random trees, spawned, ended and expired, against a model that is written down another way: with every limit and
under all three policies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from genie.domain.agent import Life
from genie.domain.errors import LimitReached
from genie.domain.tree import ROOT_RATE, Limits, Mode, Termination, write_limits
from tests.services.bench import Bench, env_of
from tests.services.invariants import at_rest

MIB = 2**20
EACH = 10 * MIB
"""What each process weighs."""


@dataclass
class Node:
    """An agent as the model has it. `by` is whose end has suspended it."""

    name: str
    parent: str | None
    limits: Limits
    born: int
    life: Life = Life.RUNNING
    by: str | None = None
    ttl: timedelta | None = None
    expires: datetime | None = None
    line: list[str] = field(default_factory=list)


class Model:
    """What should be. Names of parents, no ids; everything is counted anew each time."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.spawned: list[tuple[list[str], datetime]] = []

    def above(self, name: str) -> Iterator[Node]:
        """Itself first."""
        here: str | None = name
        while here is not None:
            yield self.nodes[here]
            here = self.nodes[here].parent

    def under(self, name: str) -> list[Node]:
        return [n for n in self.nodes.values() if n.name != name and name in [a.name for a in self.above(n.name)]]

    def live_under(self, name: str) -> list[Node]:
        return [node for node in self.under(name) if node.life is Life.RUNNING]

    def refusal(self, parent: str, now: datetime) -> str | None:
        """The limit that would refuse one more child."""
        own, line = self.nodes[parent], list(self.above(parent))
        root = line[-1]
        if own.limits.mode is Mode.STATIC:
            return "mode"
        if len(line) - 1 >= own.limits.depth:
            return "depth"
        full = self.full(parent)
        if full:
            return full
        for node in line:
            if sum(1 for names, _ in self.spawned if node.name in names) >= node.limits.total:
                return "total"
        recent = sum(1 for names, at in self.spawned if names[0] == parent and at > now - own.limits.rate.per)
        in_tree = sum(1 for names, at in self.spawned if root.name in names and at > now - root.limits.rate.per)
        return "rate" if recent >= own.limits.rate.count or in_tree >= ROOT_RATE * root.limits.rate.count else None

    def full(self, parent: str) -> str | None:
        live = [node for node in self.live_under(parent) if node.parent == parent]
        if len(live) >= self.nodes[parent].limits.children:
            return "children"
        for node in self.above(parent):
            below = self.live_under(node.name)
            if len(below) >= node.limits.descendants:
                return "descendants"
            weight = EACH * (len(below) + (node.life is Life.RUNNING))
            if node.limits.memory is not None and weight >= node.limits.memory:
                return "memory"
        return None

    def end(self, name: str, life: Life) -> None:
        """It comes to that end, and its descendants with it as its policy says."""
        node = self.nodes[name]
        node.life, node.by = life, None
        match node.limits.termination:
            case Termination.CASCADE:
                for child in self.under(name):
                    self._take_along(child, name, gone=life is Life.TERMINATED)
            case Termination.REPARENT:
                heir = next((n.name for n in self.above(name) if n.life is Life.RUNNING), None)
                for child in [n for n in self.nodes.values() if n.parent == name and n.life is not Life.TERMINATED]:
                    child.parent = heir

    def _take_along(self, child: Node, by: str, *, gone: bool) -> None:
        if gone:
            child.life = Life.TERMINATED
        elif child.life is Life.RUNNING:
            child.life, child.by = Life.SUSPENDED, by

    def resume(self, name: str, now: datetime) -> None:
        node = self.nodes[name]
        node.life, node.by = Life.RUNNING, None
        self._live_longer(node, now)
        for child in self.under(name):
            if child.life is Life.SUSPENDED and child.by == name:
                child.life, child.by = Life.RUNNING, None
                self._live_longer(child, now)

    def _live_longer(self, node: Node, now: datetime) -> None:
        if node.expires and node.ttl and now >= node.expires:
            node.expires = now + node.ttl

    def expire(self, now: datetime) -> None:
        over = [n for n in self.nodes.values() if n.expires and n.life in (Life.RUNNING, Life.SUSPENDED)]
        for node in sorted(over, key=lambda n: n.born):
            if node.expires and node.expires <= now and node.life in (Life.RUNNING, Life.SUSPENDED):
                self.end(node.name, Life.TERMINATED)


small = st.integers(0, 4)
wishes = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["dynamic", "dynamic", "dynamic", "static"]),
        "children": st.integers(1, 4),
        "depth": st.integers(1, 4),
        "descendants": st.integers(1, 6),
        "total": st.integers(1, 9),
        "memory": st.integers(2, 8).map(lambda n: n * EACH - MIB),
        "rate": st.sampled_from(["2/s", "5/s", "3/m"]),
        "termination": st.sampled_from([policy.value for policy in Termination]),
    },
)
ttls = st.sampled_from([None, None, None, 3, 20])
numbers = st.integers(0, 50)


class Forest(RuleBasedStateMachine):
    """Agents of one team; none is ever brought back by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(max_running=1000)
        self.bench.machine.open("main")
        self.model = Model()

    @initialize(wish=wishes, inner=wishes)
    def begin(self, wish: dict[str, object], inner: dict[str, object]) -> None:
        """A tree that is worth ending: a line of four, with a second child at each."""
        roomy = {"children": 4, "depth": 4, "descendants": 12, "total": 14, "rate": "9/s", "memory": 20 * EACH}
        self._spawn(None, {**roomy, "termination": wish.get("termination", "cascade")}, None)
        above = "n0"
        for _ in range(3):
            self._spawn(above, {"termination": inner.get("termination", "cascade")}, None)
            below = f"n{len(self.model.nodes) - 1}"
            self._spawn(above, inner, None)
            above = below

    # ---- what is done ----

    @rule(wish=wishes, ttl=ttls)
    def spawn_a_root(self, wish: dict[str, object], ttl: int | None) -> None:
        self._spawn(None, wish, ttl)

    @rule(number=numbers, wish=wishes, ttl=ttls)
    @precondition(lambda self: self._names(Life.RUNNING))
    def spawn_a_child(self, number: int, wish: dict[str, object], ttl: int | None) -> None:
        self._spawn(self._pick(number, Life.RUNNING), wish, ttl)

    @rule(number=numbers, times=st.integers(2, 5))
    @precondition(lambda self: self._names(Life.RUNNING))
    def spawn_many(self, number: int, times: int) -> None:
        parent = self._pick(number, Life.RUNNING)
        for _ in range(times):
            self._spawn(parent, {}, None)

    @rule(number=numbers)
    @precondition(lambda self: self._names(Life.RUNNING))
    def stop(self, number: int) -> None:
        name = self._pick(number, Life.RUNNING)
        self.bench.stop(name)
        self.model.end(name, Life.SUSPENDED)

    @rule(number=numbers)
    @precondition(lambda self: self._names(*self.THERE))
    def kill(self, number: int) -> None:
        name = self._pick(number, *self.THERE)
        self.bench.kill(name)
        self.model.end(name, Life.TERMINATED)

    @rule(number=numbers, exit_code=st.sampled_from([0, 1]))
    @precondition(lambda self: self._names(Life.RUNNING))
    def ends(self, number: int, exit_code: int) -> None:
        name = self._pick(number, Life.RUNNING)
        self.bench.dies(name, exit_code=exit_code)
        self._settle(lambda: self.model.end(name, Life.FAILED if exit_code else Life.DONE))

    @rule(number=numbers)
    @precondition(lambda self: self._names(Life.SUSPENDED, Life.DONE, Life.FAILED))
    def resume(self, number: int) -> None:
        name = self._pick(number, Life.SUSPENDED, Life.DONE, Life.FAILED)
        node = self.model.nodes[name]
        full = self.model.full(node.parent) if node.parent else None
        assert self._refused(lambda: self.bench.resume(name)) == full
        if full is None:
            self.model.resume(name, self.bench.clock.time)
            self._settle()

    @rule(seconds=st.sampled_from([0.5, 1, 5, 61]))
    def time_passes(self, seconds: float) -> None:
        self.bench.clock.advance(timedelta(seconds=seconds))
        self._settle()

    @rule()
    def daemon_restarts(self) -> None:
        self.bench.restart()

    # ---- how ----

    def _refused(self, work: Callable[[], object]) -> object:
        """The limit that refuses it; None where it is done."""
        try:
            work()
        except LimitReached as refused:
            return refused.details["limit"]
        return None

    THERE = (Life.RUNNING, Life.SUSPENDED, Life.DONE, Life.FAILED)

    def _spawn(self, parent: str | None, wish: dict[str, object], ttl: int | None) -> None:
        name = f"n{len(self.model.nodes)}"
        env = {"GENIE_AGENT_TOKEN": env_of(self.bench, parent)["GENIE_AGENT_TOKEN"]} if parent else {}
        now = self.bench.clock.time
        expected = self.model.refusal(parent, now) if parent else None
        events = len(self.bench.registry.log)
        caller = self.bench.caller(env)
        spawn = partial(self.bench.spawn, name, caller=caller, ttl=ttl, limits=wish, auto_resume=False)
        assert self._refused(spawn) == expected
        if expected:
            assert len(self.bench.registry.log) == events + 1
            assert self.bench.registry.find(name) is None
            return
        agent = self.bench.agent(name)
        line = [node.name for node in self.model.above(parent)] if parent else []
        span = timedelta(seconds=ttl) if ttl else None
        expires = now + span if span else None
        self.model.nodes[name] = Node(name, parent, agent.limits, len(self.model.nodes), ttl=span, expires=expires)
        if line:
            self.model.spawned.append((line, now))
            self._no_wider(self.model.nodes[line[0]].limits, agent.limits)

    def _no_wider(self, parent: Limits, child: Limits) -> None:
        for key in ("children", "depth", "descendants", "total"):
            assert getattr(child, key) <= getattr(parent, key)
        assert write_limits(parent).get("memory") is None or (child.memory or 0) <= (parent.memory or 0)

    def _settle(self, first: Callable[[], object] = lambda: None) -> None:
        """Time for the daemon; what it is told has happened before its look."""
        first()
        self.bench.beat()
        self.model.expire(self.bench.clock.time)
        for _ in range(3):
            self.bench.beat()
            self.model.expire(self.bench.clock.time)

    def _names(self, *lives: Life) -> list[str]:
        return [node.name for node in self.model.nodes.values() if node.life in lives]

    def _pick(self, number: int, *lives: Life) -> str:
        names = self._names(*lives)
        return names[number % len(names)]

    # ---- what holds ----

    @invariant()
    def as_the_model_says(self) -> None:
        self._settle()
        assert self.bench.errors == []
        for node in self.model.nodes.values():
            agent = self.bench.agent(node.name)
            assert agent.life is node.life, f"{node.name} is {agent.life}, not {node.life}"
            line = list(self.model.above(node.name))
            if node.life is not Life.TERMINATED:
                parent = self.bench.registry.relatives([agent.parent])[agent.parent].name if agent.parent else None
                assert parent == node.parent
                assert agent.depth == len(line) - 1
                assert agent.root == self.bench.agent(line[-1].name).id
        at_rest(self.bench)


Forest.TestCase.settings = settings(
    max_examples=25 if "CHAOS_SEEDS" not in os.environ else 400,
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize="CHAOS_SEEDS" not in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes, and steps tell enough
    suppress_health_check=list(HealthCheck),
)
TestForest = Forest.TestCase
