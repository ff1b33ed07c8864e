"""Spawn trees: limits as they are written, tightened and checked; who inherits whom; who ends first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genie.domain.amounts import Wrong
from genie.domain.errors import LimitReached
from genie.domain.tree import (
    KEYS,
    ROOT_RATE,
    SAMPLES_OVER,
    Branch,
    Breach,
    Limits,
    Mode,
    Pace,
    Rate,
    Termination,
    Twig,
    Weight,
    Wish,
    below,
    check_room,
    check_spawn,
    heir,
    leaves_first,
    parse_rate,
    read_wish,
    victims,
    write_limits,
)

cases = settings(deadline=None, database=None, derandomize=True, max_examples=200)

SECOND = timedelta(seconds=1)
counts = st.integers(0, 20)
rates = st.builds(Rate, st.integers(1, 100), st.sampled_from([SECOND, 60 * SECOND, 3600 * SECOND]))
fields: dict[str, st.SearchStrategy[Any]] = {
    "mode": st.sampled_from(Mode),
    "children": counts,
    "depth": counts,
    "descendants": counts,
    "total": counts,
    "memory": st.integers(0, 2**40),
    "rate": rates,
    "termination": st.sampled_from(Termination),
    "on_breach": st.sampled_from(Breach),
}
wishes = st.fixed_dictionaries({}, optional=fields).map(lambda said: Wish(**said))
limits = wishes.map(Limits().over)


def id_(number: int) -> UUID:
    return UUID(int=number)


# ---- as they are written --------------------------------------------------------------------


def test_a_block_as_a_lead_writes_it() -> None:
    block = {
        "mode": "dynamic",
        "limits": {"children": 5, "depth": 2, "memory": "8GiB", "rate": "10/s"},
        "termination": "reparent",
    }
    assert read_wish(block) == Wish(
        mode=Mode.DYNAMIC,
        children=5,
        depth=2,
        memory=8 * 2**30,
        rate=Rate(10, SECOND),
        termination=Termination.REPARENT,
    )


def test_pairs_as_a_flag_gives_them() -> None:
    assert read_wish({"children": "5", "rate": "3/m"}) == Wish(children=5, rate=Rate(3, 60 * SECOND))
    assert read_wish({"limits": None, "mode": None}) == Wish()


@pytest.mark.parametrize(
    ("block", "said", "hint"),
    [
        ({"childs": 3}, "spawn limit 'childs': unknown limit 'childs'", "did you mean 'children'?"),
        ({"limits": {"depht": 3}}, "spawn limit 'depht': unknown limit 'depht'", "did you mean 'depth'?"),
        ({"children": "many"}, "spawn limit 'children': 'many' is not a whole number", ""),
        ({"children": True}, "spawn limit 'children': True is not a whole number", ""),
        ({"children": -1}, "spawn limit 'children': -1 is not a whole number", ""),
        ({"memory": "8 apples"}, "spawn limit 'memory': '8 apples' is not a size", "write"),
        ({"rate": "10"}, "spawn limit 'rate': '10' is not a rate", "write 10/s"),
        ({"rate": "0/s"}, "spawn limit 'rate': '0/s' is not a rate", "write 10/s"),
        ({"rate": 10}, "spawn limit 'rate': 10 is not a rate", "write 10/s"),
        ({"mode": "dynamik"}, "spawn limit 'mode': unknown mode 'dynamik'", "did you mean 'dynamic'?"),
        ({"termination": "all"}, "spawn limit 'termination': unknown termination 'all'", "known"),
        ({"on_breach": "kill"}, "spawn limit 'on_breach': unknown on_breach 'kill'", "kill-"),
    ],
)
def test_what_does_not_read_is_named(block: dict[str, object], said: str, hint: str) -> None:
    with pytest.raises(Wrong, match=said) as wrong:
        read_wish(block)
    assert hint in wrong.value.hint


@cases
@given(wish=wishes)
def test_what_is_written_reads_back(wish: Wish) -> None:
    assert read_wish(write_limits(wish)) == wish


def test_a_rate_as_text() -> None:
    assert [str(parse_rate(text)) for text in ("10/s", "1/m", "7/h")] == ["10/s", "1/m", "7/h"]
    assert str(Rate(2, timedelta(seconds=5))) == "2/0:00:05"


# ---- tightened, never widened ----------------------------------------------------------------


@cases
@given(parent=limits, wish=wishes)
def test_a_child_never_has_more_than_its_parent(parent: Limits, wish: Wish) -> None:
    child = parent.tightened(wish)
    for key in ("children", "depth", "descendants", "total"):
        assert getattr(child, key) <= getattr(parent, key)
        if getattr(wish, key) is not None:
            assert getattr(child, key) <= getattr(wish, key)
    assert child.rate.a_second <= parent.rate.a_second
    assert parent.memory is None or (child.memory is not None and child.memory <= parent.memory)
    assert parent.mode is Mode.DYNAMIC or child.mode is Mode.STATIC
    assert child.tightened(Wish()) == child


@cases
@given(wish=wishes)
def test_a_root_has_what_is_wished(wish: Wish) -> None:
    root = Limits().over(wish)
    for key in KEYS:
        said = getattr(wish, key)
        assert getattr(root, key) == (getattr(Limits(), key) if said is None else said)


# ---- checked -------------------------------------------------------------------------------


def branch(number: int = 1, **changed: Any) -> Branch:  # noqa: ANN401
    bounds = Limits(children=2, depth=2, descendants=4, total=6, memory=100, rate=Rate(3, SECOND))
    given_: dict[str, Any] = {"id": id_(number), "name": f"a{number}", "depth": 0, "limits": bounds}
    return Branch(**given_ | changed)


STATIC = Limits(mode=Mode.STATIC)


@pytest.mark.parametrize(
    ("line", "pace", "limit", "most", "now", "of"),
    [
        ([branch(limits=STATIC, children=1)], Pace(), "mode", 0, 1, "a1"),
        ([branch(depth=2)], Pace(), "depth", 2, 2, "a1"),
        ([branch(children=2)], Pace(), "children", 2, 2, "a1"),
        ([branch(descendants=4)], Pace(), "descendants", 4, 4, "a1"),
        ([branch(2, depth=1), branch(descendants=4)], Pace(), "descendants", 4, 4, "a1"),
        ([branch(total=6)], Pace(), "total", 6, 6, "a1"),
        ([branch(2, depth=1), branch(total=7)], Pace(), "total", 6, 7, "a1"),
        ([branch(memory=100)], Pace(), "memory", 100, 100, "a1"),
        ([branch(2, depth=1, memory=1), branch(memory=101)], Pace(), "memory", 100, 101, "a1"),
        ([branch()], Pace(of_parent=3), "rate", 3, 3, "a1"),
        ([branch(2, depth=1), branch()], Pace(of_parent=2, of_tree=12), "rate", 12, 12, "a1"),
    ],
)
def test_a_refusal_names_limit_maximum_and_value(
    line: list[Branch], pace: Pace, limit: str, most: int, now: int, of: str
) -> None:
    with pytest.raises(LimitReached, match=f"refused by the limit '{limit}'") as refused:
        check_spawn(line, pace)
    assert refused.value.code == "limit"
    assert refused.value.details == {"limit": limit, "max": most, "now": now, "of": of}
    assert refused.value.hint


@pytest.mark.parametrize(
    ("line", "pace"),
    [
        ([branch(children=1, descendants=3, total=5, memory=99)], Pace(of_parent=2, of_tree=11)),
        ([branch(2, depth=1, children=1), branch(children=9, descendants=3)], Pace()),
        ([branch(memory=None)], Pace()),
        ([branch(limits=replace(Limits(), memory=None), memory=10**12)], Pace()),
    ],
)
def test_below_the_limits_it_may(line: list[Branch], pace: Pace) -> None:
    check_spawn(line, pace)


# ---- when a parent ends -----------------------------------------------------------------------


@st.composite
def forests(draw: st.DrawFn) -> list[Twig]:
    size = draw(st.integers(1, 12))
    return [
        Twig(id_(n), id_(parent) if n > 1 and (parent := draw(st.integers(0, n - 1))) else None)
        for n in range(1, size + 1)
    ]


@cases
@given(forest=forests())
def test_leaves_come_before_their_parents(forest: list[Twig]) -> None:
    order = [one for generation in leaves_first(forest) for one in generation]
    assert sorted(order) == sorted(twig.id for twig in forest)
    for twig in forest:
        if twig.parent:
            assert order.index(twig.id) < order.index(twig.parent)


def test_what_bites_its_tail_ends_too() -> None:
    assert leaves_first([Twig(id_(1), id_(2)), Twig(id_(2), id_(1))]) == [[id_(1), id_(2)]]
    assert below(id_(1), [Twig(id_(1), id_(2)), Twig(id_(2), id_(1))]) == {id_(2)}


@cases
@given(forest=forests())
def test_below_is_what_leads_up_to_it(forest: list[Twig]) -> None:
    parents = {twig.id: twig.parent for twig in forest}

    def above(one: UUID | None) -> list[UUID]:
        return [] if one is None or parents[one] is None else [parents[one], *above(parents[one])]  # type: ignore[list-item]  # None was tested

    top = forest[0].id
    assert below(top, forest) == {twig.id for twig in forest if top in above(twig.id)}


def test_the_heir_is_the_nearest_above_then_the_lead() -> None:
    child, lead = id_(1), id_(9)
    assert heir(child, line=[id_(5), id_(6)], lead=lead, subtree=()) == id_(5)
    assert heir(child, line=[], lead=lead, subtree=()) == lead
    assert heir(child, line=[], lead=None, subtree=()) is None
    assert heir(child, line=[], lead=lead, subtree=[id_(3), lead]) is None
    assert heir(lead, line=[], lead=lead, subtree=()) is None


# ---- the memory quota -------------------------------------------------------------------------

FAMILY = [Weight(id_(1), 1.0), Weight(id_(3), 5.0), Weight(id_(2), 3.0)]


@pytest.mark.parametrize(
    ("policy", "samples", "ended"),
    [
        (Breach.KILL_NEWEST, SAMPLES_OVER - 1, ()),
        (Breach.KILL_NEWEST, SAMPLES_OVER, (id_(3),)),
        (Breach.KILL_NEWEST, SAMPLES_OVER + 9, (id_(3),)),
        (Breach.KILL_TREE, SAMPLES_OVER, (id_(1),)),
        (Breach.REFUSE, SAMPLES_OVER + 9, ()),
    ],
)
def test_who_is_ended_over_the_quota(policy: Breach, samples: int, ended: tuple[UUID, ...]) -> None:
    assert victims(policy, id_(1), FAMILY, samples_over=samples) == ended
    assert victims(policy, id_(1), [], samples_over=samples) == ()


def test_a_limit_that_is_called_limits() -> None:
    with pytest.raises(Wrong, match="unknown limit 'limits'"):
        read_wish({"limits": 3})


def test_a_tree_that_grows_too_fast_is_named_as_a_tree() -> None:
    limits = Limits().over(read_wish({"rate": "2/s"}))
    line = [branch(2, name="child", limits=limits), branch(name="root", limits=limits)]
    with pytest.raises(LimitReached, match="the tree of 'root' spawns faster than 8/s"):
        check_spawn(line, Pace(of_parent=0, of_tree=ROOT_RATE * 2))


@pytest.mark.parametrize(("size", "said"), [(512 * 2**10, "512KiB"), (3 * 2**20, "3MiB")])
def test_small_memory_is_told_in_small_units(size: int, said: str) -> None:
    line = [branch(name="root", limits=Limits().over(read_wish({"memory": "1KiB"})), memory=size)]
    with pytest.raises(LimitReached, match=f"uses {said} of 1KiB"):
        check_room(line)
