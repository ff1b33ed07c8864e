"""What every registry must know of spawn trees: the real one and the one in memory."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.domain.agent import Agent, Desired, Life
from genie.domain.session import Standing
from genie.domain.tree import Limits, Pace, Rate, Termination
from genie.ports import Registry, Relative, Windows
from tests.contract.values import HOST, NOW, a_pane, a_run, an_agent, spawn
from tests.services.registry import MemoryRegistry

LONG_AGO = NOW - timedelta(days=1)
ALWAYS = Windows(parent=LONG_AGO, root=LONG_AGO)


@pytest.fixture(params=["real", "memory"])
def kept(request: pytest.FixtureRequest) -> Registry:
    """A registry that this host has joined."""
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    found.join_host(HOST, name="box", boot="b1", at=NOW)
    return found


def child(kept: Registry, name: str, parent: Agent, **changed: Any) -> Agent:  # noqa: ANN401
    """A child as a spawn writes it, counted."""
    given: dict[str, Any] = {
        "parent": parent.id,
        "root": parent.root,
        "depth": parent.depth + 1,
        "life": Life.RUNNING,
    } | changed
    made = spawn(kept, name, **given).agent
    with kept.begin() as tx:
        tx.add_spawn(made, line=[agent.id for agent in tx.line(parent.id)], at=NOW)
    return made


@pytest.fixture
def tree(kept: Registry) -> dict[str, Agent]:
    """a → b → (c, d → e), and f beside b; a stranger with a child of its own."""
    agents = {"a": spawn(kept, "a", life=Life.RUNNING).agent}
    for name, parent in (("b", "a"), ("c", "b"), ("d", "b"), ("e", "d"), ("f", "a")):
        agents[name] = child(kept, name, agents[parent])
    stranger = spawn(kept, "x", life=Life.RUNNING).agent
    child(kept, "y", stranger)
    return agents


def test_a_line_goes_up_to_the_root(kept: Registry, tree: dict[str, Agent]) -> None:
    with kept.begin() as tx:
        assert [agent.name for agent in tx.line(tree["e"].id)] == ["e", "d", "b", "a"]
        assert [agent.name for agent in tx.line(tree["a"].id)] == ["a"]
        assert tx.line(uuid4()) == []


def test_descendants_come_after_their_parents(kept: Registry, tree: dict[str, Agent]) -> None:
    with kept.begin() as tx:
        names = [standing.agent.name for standing in tx.descendants(tree["a"].id)]
        assert sorted(names) == ["b", "c", "d", "e", "f"]
        assert names.index("b") < names.index("c") < names.index("e")
        assert names.index("d") < names.index("e")
        assert [s.agent.name for s in tx.descendants(tree["d"].id)] == ["e"]
        assert tx.descendants(tree["e"].id) == []


def _changed(kept: Registry, agent: Agent, **changed: object) -> None:
    with kept.begin() as tx:
        current = tx.standing_of(agent.id)
        assert current
        if current.run and changed.get("life") in (Life.TERMINATED, Life.SUSPENDED, Life.DONE):
            tx.save_run(replace(current.run, ended_at=NOW))
        tx.save_agent(replace(current.agent, **changed))  # type: ignore[arg-type]  # fields of an agent


def test_descendants_below_one_that_is_gone_are_there(kept: Registry, tree: dict[str, Agent]) -> None:
    _changed(kept, tree["d"], life=Life.TERMINATED, desired=Desired.GONE)
    with kept.begin() as tx:
        assert sorted(s.agent.name for s in tx.descendants(tree["a"].id)) == ["b", "c", "e", "f"]


def _census(kept: Registry, agent: Agent, since: Windows = ALWAYS) -> tuple[dict[str, tuple[int, int, int]], Pace]:
    with kept.begin() as tx:
        branches, pace = tx.census(tx.line(agent.id), since=since)
    return {b.name: (b.children, b.descendants, b.total) for b in branches}, pace


def test_a_census_counts_what_lives_below_each(kept: Registry, tree: dict[str, Agent]) -> None:
    counts, pace = _census(kept, tree["d"])
    assert counts == {"d": (1, 1, 1), "b": (2, 3, 3), "a": (2, 5, 5)}
    assert pace == Pace(of_parent=1, of_tree=5)


@pytest.mark.parametrize("life", Life)
@pytest.mark.parametrize("desired", Desired)
def test_live_is_what_takes_a_place(kept: Registry, tree: dict[str, Agent], life: Life, desired: Desired) -> None:
    _changed(kept, tree["e"], life=life, desired=desired)
    counted = replace(tree["e"], life=life, desired=desired).counted
    counts, _ = _census(kept, tree["d"])
    assert counts == {"d": (counted, counted, 1), "b": (2, 2 + counted, 3), "a": (2, 4 + counted, 5)}


def test_a_window_counts_what_came_within_it(kept: Registry, tree: dict[str, Agent]) -> None:
    just = Windows(parent=NOW - timedelta(microseconds=1), root=NOW - timedelta(microseconds=1))
    assert _census(kept, tree["b"], just)[1] == Pace(of_parent=2, of_tree=5)
    assert _census(kept, tree["b"], Windows(parent=NOW, root=NOW))[1] == Pace(of_parent=0, of_tree=0)
    mixed = Windows(parent=NOW, root=LONG_AGO)
    assert _census(kept, tree["b"], mixed)[1] == Pace(of_parent=0, of_tree=5)


def test_spawns_of_a_tree_that_is_gone_are_forgotten(kept: Registry, tree: dict[str, Agent]) -> None:
    later = NOW + timedelta(days=1)
    for name in "abcde":
        _changed(kept, tree[name], life=Life.TERMINATED, desired=Desired.GONE)
    assert kept.forget_spawns(before=later) == 0  # f lives, and has that root
    _changed(kept, tree["f"], life=Life.TERMINATED, desired=Desired.GONE)
    assert kept.forget_spawns(before=NOW) == 0
    assert kept.forget_spawns(before=later) == 5


def test_limits_come_with_the_line(kept: Registry) -> None:
    limits = Limits(children=1, rate=Rate(2, timedelta(hours=1)), termination=Termination.ORPHAN)
    root = spawn(kept, "a", limits=limits).agent
    with kept.begin() as tx:
        (branch,), _ = tx.census(tx.line(root.id), since=ALWAYS)
    assert (branch.limits, branch.memory) == (limits, None)


def test_a_token_leads_to_its_run_even_after_its_end(kept: Registry) -> None:
    written = spawn(kept, "a", life=Life.RUNNING)
    assert written.run
    assert written.run.token
    assert kept.bearer(written.run.token) == (written, written.run)
    assert kept.bearer("another") is None
    ended = replace(written.run, ended_at=NOW)
    assert written.session
    later = a_run(written.session)
    with kept.begin() as tx:
        tx.save_run(ended)
        tx.add_run(later)
        saved = tx.save_agent(replace(written.agent, run=later.id))
    assert kept.bearer(written.run.token) == (Standing(saved, written.session, later), ended)


def test_live_panes_are_those_of_this_host(kept: Registry) -> None:
    kept.join_host("host-2", name="other", boot="b", at=NOW)
    written = {name: spawn(kept, name, life=Life.RUNNING) for name in ("a", "b", "c")}
    other = spawn(kept, "far", host="host-2", life=Life.RUNNING)
    runs = [standing.run for standing in (written["a"], written["b"], other)]
    with kept.begin() as tx:
        for number, run in enumerate(runs):
            assert run
            ended = NOW if run is runs[1] else None
            tx.save_run(replace(run, pane=a_pane(run.id, number), ended_at=ended))
    assert runs[0]
    assert kept.live_panes(HOST) == {runs[0].id: a_pane(runs[0].id, 0)}


def test_relatives_have_names_and_lives(kept: Registry, tree: dict[str, Agent]) -> None:
    found = kept.relatives([tree["a"].id, tree["b"].id, UUID(int=7)])
    assert found == {tree[name].id: Relative(name, Life.RUNNING) for name in "ab"}
    assert kept.relatives([]) == {}


def test_a_tree_is_held_until_the_end_of_the_transaction(registry: Registry) -> None:
    root, other, order = uuid4(), uuid4(), []
    held = threading.Event()

    def second() -> None:
        held.wait(10)
        with registry.begin() as tx:
            tx.lock_tree(other)
            order.append("another tree")
            tx.lock_tree(root)
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with registry.begin() as tx:
        tx.lock_tree(root)
        held.set()
        while not order:
            thread.join(0.01)
        order.append("first")
    thread.join(10)
    assert order == ["another tree", "first", "second"]
    assert an_agent().root
