"""What a waiter is told: by events, by looks, over restarts, and who joins meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from genie.domain.agent import Life, Restart
from genie.domain.selecting import Selection
from genie.services.wait import Vigil, at_rest
from tests.services.bench import Bench

ENDED = {Life.SUSPENDED, Life.DONE, Life.FAILED, Life.TERMINATED}


def vigil(bench: Bench, *names: str, **said: Any) -> Vigil:  # noqa: ANN401
    """A waiter for these agents who has looked."""
    agents = [bench.agent(name).id for name in names]
    made = Vigil(bench.world, agents, cursor=bench.registry.last_event(), **said)
    made.look()
    return made


def hear(bench: Bench, one: Vigil) -> bool:
    """Give it what has happened, some of it again; whether there was news that concerned it."""
    batch = one.news(bench.registry.events(after=max(one.cursor - 3, 0)))
    concerned = one.concerned(batch)
    if concerned:
        one.take(batch)
    one.passed(batch)
    return concerned


def told(one: Vigil) -> list[tuple[str, Life, bool]]:
    return [(how.name, how.life, how.success) for how in one.ended]


@pytest.mark.parametrize("life", list(Life))
def test_the_first_look_tells_who_has_ended(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    one = vigil(bench, "ada")
    assert one.over == (life in ENDED) == at_rest(bench.standing())
    assert told(one) == ([("ada", life, life is Life.DONE)] if life in ENDED else [])


def test_all_are_waited_for_in_the_order_in_which_they_end(bench: Bench) -> None:
    for name in ("a", "b", "c", "d"):
        bench.spawn(name, restart="never" if name == "d" else None)
    one = vigil(bench, "a", "b", "c", "d")
    bench.stop("c")
    assert hear(bench, one)
    bench.kill("b")
    bench.dies("d", exit_code=3)
    bench.beat()
    assert hear(bench, one)
    assert set(one.pending) == {bench.agent("a").id}
    bench.dies("a", exit_code=0)
    bench.beat()
    assert hear(bench, one)
    assert one.over
    assert told(one) == [
        ("c", Life.SUSPENDED, False),
        ("b", Life.TERMINATED, False),
        ("d", Life.FAILED, False),
        ("a", Life.DONE, True),
    ]
    assert one.ended[2].reason == "exit"
    assert one.ended[0].session == bench.session("c").id


def test_one_is_enough_with_any(bench: Bench) -> None:
    bench.spawn("a")
    bench.spawn("b")
    one = vigil(bench, "a", "b", any_=True)
    assert len(one.pending) == 2
    bench.stop("b")
    hear(bench, one)
    assert [name for name, *_ in told(one)] == ["b"]
    assert one.over


def test_a_death_with_a_resume_to_come_is_no_end(bench: Bench) -> None:
    bench.spawn()
    one = vigil(bench, "ada")
    bench.dies()
    for _ in range(bench.rules.dead_cycles):
        bench.look()
    assert bench.life() is Life.DEAD
    assert not hear(bench, one)
    bench.beat()
    assert bench.life() is Life.RUNNING
    assert not hear(bench, one)
    one.look()
    assert not one.over


def test_who_has_spent_its_budget_has_failed(bench: Bench) -> None:
    bench.spawn()
    one = vigil(bench, "ada")
    while bench.life() is not Life.FAILED:
        if bench.life() is Life.RUNNING:
            bench.dies()
        bench.beats(timedelta(seconds=61))
    hear(bench, one)
    assert [(how.life, how.reason) for how in one.ended] == [(Life.FAILED, "exhausted")]


def test_an_end_that_was_undone_was_an_end(bench: Bench) -> None:
    bench.spawn()
    session = bench.session().id
    one = vigil(bench, "ada")
    bench.stop()
    bench.resume()
    hear(bench, one)
    assert told(one) == [("ada", Life.SUSPENDED, False)]
    assert one.ended[0].session == session


def test_how_the_session_ended_and_not_the_one_that_came_after_it(bench: Bench) -> None:
    bench.spawn(restart=Restart.NEVER.value)
    session = bench.session().id
    one = vigil(bench, "ada")
    bench.dies(exit_code=7)
    bench.beat()
    bench.clock.advance(timedelta(seconds=1))
    bench.templates.add("other")
    bench.spawn(role="other")
    bench.stop()
    hear(bench, one)
    assert [(how.session, how.life, how.reason) for how in one.ended] == [(session, Life.FAILED, "exit")]


def test_a_name_that_was_given_to_another_is_not_followed(bench: Bench) -> None:
    bench.spawn()
    one = vigil(bench, "ada")
    bench.kill()
    bench.spawn()
    hear(bench, one)
    assert told(one) == [("ada", Life.TERMINATED, False)]


def test_a_look_finds_what_no_event_has_told(bench: Bench) -> None:
    bench.spawn()
    one = vigil(bench, "ada")
    bench.stop()
    one.look()
    assert one.over, "without any event"
    assert not hear(bench, one), "told once"
    assert len(one.ended) == 1
    cursor = one.cursor
    assert not hear(bench, one), "nothing has happened since"
    assert one.cursor == cursor == bench.registry.last_event()


def test_a_child_that_comes_back_with_its_parent_has_not_ended(bench: Bench) -> None:
    bench.spawn("lead")
    bench.spawn("ada", parent="lead")
    bench.stop("lead")
    assert at_rest(bench.standing("ada"))
    bench.resume("lead")
    coming = bench.standing("ada")
    assert coming.agent.life is Life.SUSPENDED
    assert not at_rest(coming)
    assert not vigil(bench, "ada").over
    bench.beat()
    assert bench.standing("ada").agent.life is Life.RUNNING


def test_strangers_are_not_waited_for(bench: Bench) -> None:
    one = Vigil(bench.world, [uuid4()], cursor=0)
    one.look()
    assert one.over
    assert not one.ended


def test_what_came_between_two_requests_is_told(bench: Bench) -> None:
    for name in ("a", "b", "c"):
        bench.spawn(name)
    before = bench.registry.last_event()
    bench.stop("a")
    bench.resume("a")
    bench.stop("b")
    one = Vigil(bench.world, [bench.agent(name).id for name in "abc"], cursor=before)
    one.begin()
    assert told(one) == [("a", Life.SUSPENDED, False), ("b", Life.SUSPENDED, False)]
    assert set(one.pending) == {bench.agent("c").id}
    assert one.cursor == bench.registry.last_event()


# ---- who joins ---------------------------------------------------------------------------------


def test_who_gets_the_tag_is_waited_for(bench: Bench) -> None:
    bench.spawn("a", tags=("x",))
    one = vigil(bench, "a", follow=Selection(tags=("x", "y")))
    bench.spawn("b", tags=("y",))
    bench.spawn("other", tags=("z",))
    bench.spawn("plain")
    assert hear(bench, one)
    bench.stop("a")
    bench.stop("other")
    hear(bench, one)
    assert not one.over
    assert set(one.pending) == {bench.agent("b").id}
    bench.stop("b")
    hear(bench, one)
    assert [name for name, *_ in told(one)] == ["a", "b"]


def test_who_joined_and_ended_between_two_batches_is_told(bench: Bench) -> None:
    bench.spawn("a", tags=("x",))
    one = vigil(bench, "a", follow=Selection(tags=("x",)))
    bench.spawn("b", tags=("x",))
    bench.kill("b")
    hear(bench, one)
    assert told(one) == [("b", Life.TERMINATED, False)]
    assert not one.over


@pytest.mark.parametrize("verb", ["begin", "look"])
def test_who_joined_before_the_last_one_ended_is_waited_for(bench: Bench, verb: str) -> None:
    bench.spawn("a", tags=("x",))
    before = bench.registry.last_event()
    one = Vigil(bench.world, [bench.agent("a").id], cursor=before, follow=Selection(tags=("x",)))
    bench.spawn("b", tags=("x",))
    bench.stop("a")
    getattr(one, verb)()
    assert [name for name, *_ in told(one)] == ["a"]
    assert set(one.pending) == {bench.agent("b").id}


def test_without_follow_nobody_joins(bench: Bench) -> None:
    bench.spawn("a", tags=("x",))
    one = vigil(bench, "a")
    bench.spawn("b", tags=("x",))
    assert not hear(bench, one)


def test_only_those_of_the_team_join(bench: Bench) -> None:
    bench.team("web")
    bench.team("api")
    bench.spawn("a", team="web", tags=("x",))
    one = vigil(bench, "a", follow=Selection(tags=("x",), team="web"))
    bench.spawn("b", team="api", tags=("x",))
    bench.spawn("c", team="web", tags=("x",))
    hear(bench, one)
    assert set(one.pending) == {bench.agent("a").id, bench.agent("c").id}


def test_a_session_is_told_once_and_a_resumed_one_is_not_a_new_one(bench: Bench) -> None:
    bench.spawn("a", tags=("x",))
    bench.spawn("b", tags=("x",))
    before = bench.registry.last_event()
    bench.spawn("c", tags=("x",))
    bench.stop("c")
    follow = Selection(tags=("x",))
    one = Vigil(bench.world, [bench.agent(name).id for name in "abc"], cursor=before, follow=follow)
    one.look()
    hear(bench, one)
    assert [name for name, *_ in told(one)] == ["c"]
    bench.spawn("c")
    assert bench.life("c") is Life.RUNNING
    assert not hear(bench, one)
    later = Vigil(bench.world, [bench.agent("a").id], cursor=before, follow=follow, told=[bench.session("c").id])
    later.look()
    hear(bench, later)
    assert later.ended == []


def test_a_new_session_of_one_that_has_ended_joins(bench: Bench) -> None:
    bench.spawn("a", tags=("x",))
    bench.spawn("b", tags=("x",))
    one = vigil(bench, "a", "b", follow=Selection(tags=("x",)))
    bench.dies("b", exit_code=0)
    bench.beat()
    bench.clock.advance(timedelta(seconds=1))
    bench.spawn("b", tags=("x",))
    hear(bench, one)
    assert told(one) == [("b", Life.DONE, True)]
    assert set(one.pending) == {bench.agent("a").id, bench.agent("b").id}
