"""What every registry must tell of its runs' use: the real one, and the one in memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from genie.domain.agent import Life
from genie.domain.session import Standing
from genie.ports import Leaf, Registry, Relative, Vital, Wanted
from tests.contract.samples import LATER, NOON, looks, sample
from tests.contract.values import HOST, spawn
from tests.services.registry import MemoryRegistry


@pytest.fixture(params=["real", "memory"])
def host(request: pytest.FixtureRequest) -> Registry:
    """A registry that this host has joined."""
    found: Registry = MemoryRegistry() if request.param == "memory" else request.getfixturevalue("registry")
    found.join_host(HOST, name="box", boot="b", at=NOON)
    return found


def run_of(standing: Standing) -> UUID:
    assert standing.run
    return standing.run.id


def by_name(found: list[Vital]) -> dict[str, Vital]:
    return {one.standing.agent.name: one for one in found}


def look(registry: Registry, wanted: Wanted | None = None) -> dict[str, Vital]:
    since = LATER - timedelta(minutes=4)
    return by_name(registry.vitals(HOST, wanted=wanted or Wanted(), since=since, now=LATER))


def test_a_run_has_its_latest_sample_and_those_since(host: Registry) -> None:
    ada = spawn(host)
    old = looks(run_of(ada), minutes=3, start=LATER - timedelta(minutes=6))
    new = looks(run_of(ada), minutes=3, start=LATER - timedelta(minutes=3))
    host.add_samples(old + new)
    found = look(host)["ada"]
    assert found.standing == ada
    assert found.latest == new[-1]
    assert found.history == tuple(one for one in old + new if one.at > LATER - timedelta(minutes=4))
    assert (found.tree_cpu, found.tree_rss) == (new[-1].cpu, new[-1].rss)
    assert found.parent is None


def test_a_sample_is_old_after_half_a_minute(host: Registry) -> None:
    ada, bob = spawn(host), spawn(host, "bob")
    host.add_samples([sample(run_of(ada), LATER - timedelta(seconds=31)), sample(run_of(bob), LATER)])
    found = look(host)
    assert found["ada"].latest is None
    assert (found["ada"].tree_cpu, found["ada"].tree_rss) == (None, None)
    assert len(found["ada"].history) == 1
    assert found["bob"].latest


def test_a_run_that_nobody_has_looked_at_is_there_and_one_that_has_ended_is_not(host: Registry) -> None:
    spawn(host)
    spawn(host, "bob", live=False)
    host.join_host("other", name="other", boot="b", at=NOON)
    spawn(host, "cy", host="other")
    found = look(host)
    assert list(found) == ["ada"]
    assert (found["ada"].latest, found["ada"].history) == (None, ())


def test_the_roll_ups_of_a_run_are_not_its_samples(host: Registry) -> None:
    ada = spawn(host)
    host.add_samples(looks(run_of(ada), minutes=1, start=LATER - timedelta(minutes=2)))
    host.roll_up(LATER)
    assert len(look(host)["ada"].history) == 12


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (Wanted(), ["cy", "ada", "bob"]),
        (Wanted(names=("bob", "ada")), ["ada", "bob"]),
        (Wanted(team="blue"), ["cy"]),
        (Wanted(tags=("x", "z")), ["cy", "bob"]),
        (Wanted(team="red", tags=("x",)), ["bob"]),
        (Wanted(lives=(Life.RUNNING,)), ["bob"]),
    ],
)
def test_runs_are_chosen(host: Registry, wanted: Wanted, names: list[str]) -> None:
    spawn(host)
    spawn(host, "bob", tags=("x", "y"), life=Life.RUNNING)
    spawn(host, "cy", team="blue", tags=("z",))
    assert list(look(host, wanted)) == names


def test_a_tree_weighs_all_that_is_below_it_whoever_is_asked_for(host: Registry) -> None:
    top = spawn(host, "top")
    middle = spawn(host, "middle", live=False, **below(top))
    leaf, other = spawn(host, "leaf", **below(middle)), spawn(host, "other", **below(top))
    weights = {top: (1.0, 10), leaf: (2.0, 20), other: (4.0, 40)}
    host.add_samples([sample(run_of(one), LATER, cpu=cpu, rss=rss) for one, (cpu, rss) in weights.items()])
    found = look(host, Wanted(names=("top", "leaf")))
    assert {name: (one.tree_cpu, one.tree_rss) for name, one in found.items()} == {"top": (7.0, 70), "leaf": (2.0, 20)}
    assert (found["top"].parent, found["leaf"].parent) == (None, "middle")


def below(parent: Standing) -> dict[str, Any]:
    agent = parent.agent
    return {"parent": agent.id, "root": agent.root, "depth": agent.depth + 1}


# ---- the tree --------------------------------------------------------------------------------


def names_of(found: list[Leaf]) -> set[str]:
    return {leaf.standing.agent.name for leaf in found}


def test_a_grove_has_the_living_and_the_dead_that_they_hang_on(host: Registry) -> None:
    gone: dict[str, Any] = {"live": False, "life": Life.TERMINATED}
    top = spawn(host, "top", **gone)
    middle = spawn(host, "middle", **gone, **below(top))
    leaf = spawn(host, "leaf", **below(middle))
    spawn(host, "fallen", **gone, **below(leaf))
    spawn(host, "forgotten", **gone)
    spawn(host, "done", live=False, life=Life.DONE)
    found = host.grove(top=None, everything=False, now=LATER)
    assert names_of(found) == {"top", "middle", "leaf", "done"}
    everybody = host.grove(top=None, everything=True, now=LATER)
    assert names_of(everybody) == {"top", "middle", "leaf", "fallen", "forgotten", "done"}
    assert next(one.standing for one in found if one.standing.agent.id == leaf.agent.id) == leaf


def test_a_tree_is_an_agent_and_what_is_below_it(host: Registry) -> None:
    top = spawn(host, "top")
    middle = spawn(host, "middle", live=False, life=Life.TERMINATED, **below(top))
    spawn(host, "leaf", live=False, life=Life.TERMINATED, **below(middle))
    spawn(host, "sister", **below(top))
    spawn(host, "stranger")
    assert names_of(host.grove(top=top.agent.name, everything=False, now=LATER)) == {"top", "sister"}
    assert names_of(host.grove(top=middle.agent.name, everything=False, now=LATER)) == {"middle"}
    assert names_of(host.grove(top=middle.agent.name, everything=True, now=LATER)) == {"middle", "leaf"}
    assert host.grove(top="nobody", everything=True, now=LATER) == []
    found = {leaf.standing.agent.name: leaf for leaf in host.grove(top="sister", everything=False, now=LATER)}
    assert found["sister"].parent == found["sister"].root == Relative("top", Life.SPAWNING)


def test_a_leaf_knows_when_its_host_was_seen(host: Registry) -> None:
    spawn(host, "ada")
    host.beat(HOST, at=NOON)
    (leaf,) = host.grove(top=None, everything=False, now=LATER)
    assert leaf.beat == NOON


def test_a_grove_is_in_the_order_of_birth(host: Registry) -> None:
    for minutes, name in enumerate(("zoe", "mia", "ada")):
        spawn(host, name, created_at=NOON + timedelta(minutes=minutes))
    found = host.grove(top=None, everything=False, now=LATER)
    assert [leaf.standing.agent.name for leaf in found] == ["zoe", "mia", "ada"]


def test_a_leaf_has_the_latest_sample_of_the_run_that_lives(host: Registry) -> None:
    ada, bob, cy = spawn(host), spawn(host, "bob", live=False), spawn(host, "cy")
    seen = [sample(run_of(ada), LATER - timedelta(seconds=s), cpu=s) for s in (10, 5)]
    stale = [sample(run_of(bob), LATER), sample(run_of(cy), LATER - timedelta(seconds=40))]
    host.add_samples(seen + stale)
    found = {leaf.standing.agent.name: leaf.latest for leaf in host.grove(top=None, everything=False, now=LATER)}
    assert found == {"ada": seen[1], "bob": None, "cy": None}
