"""Whom a verb is about, and how one session is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from genie.domain.agent import Life
from genie.domain.errors import BadInput, Conflict, NotFound
from genie.domain.events import Kind
from genie.domain.selecting import Match, Selection
from genie.services.selecting import note, select, select_one
from genie.services.status import status
from tests.services.bench import Bench


def wanted(*words: str, **group: object) -> Selection:
    return Selection(words=words, **group)  # type: ignore[arg-type]  # the fields of a selection


def names(matches: list[Match]) -> list[str]:
    return [match.standing.agent.name for match in matches]


def test_words_come_in_their_order_then_the_group_and_each_agent_once(bench: Bench) -> None:
    for name in ("zoe", "bob", "ada"):
        bench.spawn(name, tags=("x",))
    bench.spawn("eve")
    id_ = str(bench.session("zoe").id)
    assert names(select(bench.world, wanted("zoe", "bob", id_[:13], "zoe", tags=("x",)))) == ["zoe", "bob", "ada"]


def test_who_is_unknown_is_told_with_the_nearest(bench: Bench) -> None:
    bench.spawn("engineer")
    with pytest.raises(NotFound, match="unknown session 'enginer'") as refused:
        select(bench.world, wanted("engineer", "enginer"))
    assert refused.value.hint == "did you mean 'engineer'?"
    with pytest.raises(NotFound, match="unknown session 'ffffffff'"):
        select(bench.world, wanted("ffffffff"))


def test_an_empty_group_is_told(bench: Bench) -> None:
    with pytest.raises(NotFound, match=r"there is no session$"):
        select(bench.world, wanted(latest=True))
    bench.team("web")
    bench.spawn()
    with pytest.raises(NotFound, match="unknown team 'wep'") as refused:
        select(bench.world, wanted(team="wep"))
    assert refused.value.hint == "did you mean 'web'?"
    with pytest.raises(NotFound, match=r"with the tag 'x' or 'y' in team web$"):
        select(bench.world, wanted("ada", team="web", tags=("x", "y")))
    with pytest.raises(BadInput):
        select(bench.world, wanted())


def test_several_where_one_is_wanted(bench: Bench) -> None:
    bench.spawn("ada")
    bench.spawn("zoe")
    with pytest.raises(Conflict, match="one session is wanted"):
        select_one(bench.world, wanted("ada", "zoe"))
    assert select_one(bench.world, wanted("ada", "ada")).standing == bench.standing("ada")


def test_a_past_session_is_noted(bench: Bench) -> None:
    bench.bring_to(Life.DONE)
    past = bench.session().id
    bench.clock.advance(timedelta(seconds=1))
    bench.spawn()
    match = select_one(bench.world, wanted(str(past)))
    assert (match.past, match.standing) == (past, bench.standing())
    assert note(match) == f"{past} is a past session of 'ada'; this is about its present one, {bench.session().id}"
    assert note(select_one(bench.world, wanted("ada"))) is None


# ---- status ------------------------------------------------------------------------------------


@pytest.mark.parametrize("life", list(Life))
def test_the_word_of_every_life(bench: Bench, life: Life) -> None:
    bench.bring_to(life)
    told = status(bench.world, wanted("ada"))
    words = {"done": "completed", "spawning": "running", "resuming": "running"}
    assert told.word == words.get(life.value, life.value)
    assert told.match.standing == bench.standing()
    assert told.last == bench.events()[-1]


def test_the_age_of_the_last_look(bench: Bench) -> None:
    bench.spawn()
    bench.beat()
    bench.clock.advance(timedelta(seconds=3))
    age = status(bench.world, wanted("ada")).age
    assert age
    assert round(age.total_seconds(), 3) == 3
    bench.stop()
    told = status(bench.world, wanted("ada"))
    assert told.age is None
    assert told.last
    assert told.last.kind is Kind.STOPPED


def test_before_it_was_ever_alive_it_has_no_age(bench: Bench) -> None:
    bench.bring_to(Life.SPAWNING)
    assert status(bench.world, wanted("ada")).age is None
