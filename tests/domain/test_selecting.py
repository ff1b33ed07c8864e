"""Beginnings of ids, and what is ambiguous."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.domain.agent import Life
from genie.domain.errors import BadInput, Conflict
from genie.domain.selecting import LEAST, SHOWN, Match, Selection, one_of, only, span, told
from genie.domain.session import Standing
from tests.contract.values import a_session, an_agent

ids = st.uuids()


def match(word: str | None = None, *, session: UUID | None = None, total: int = 1, name: str = "ada") -> Match:
    agent = an_agent(name, life=Life.RUNNING)
    present = a_session(agent.id)
    agent = an_agent(name, id=agent.id, session=present.id, life=Life.RUNNING)
    return Match(word=word, standing=Standing(agent, present, None), session=session, total=total)


@given(id_=ids, length=st.integers(LEAST, 32), upper=st.booleans())
def test_an_id_is_found_by_each_of_its_beginnings(id_: UUID, length: int, *, upper: bool) -> None:
    digits = id_.hex[:length]
    dashed = next(str(id_)[:at] for at in range(37) if str(id_)[:at].replace("-", "") == digits)
    for word in (digits, dashed):
        found = span(word.upper() if upper else word)
        assert found
        assert id_ in found


@given(id_=ids, other=ids, length=st.integers(LEAST, 32))
def test_no_other_id_is_found(id_: UUID, other: UUID, length: int) -> None:
    found = span(id_.hex[:length])
    assert found
    assert (other in found) == other.hex.startswith(id_.hex[:length])


@given(id_=ids, length=st.integers(LEAST, 31))
def test_the_ends_of_a_span_begin_so_and_their_neighbours_do_not(id_: UUID, length: int) -> None:
    digits = id_.hex[:length]
    found = span(digits)
    assert found
    assert found.low.hex.startswith(digits)
    assert found.high.hex.startswith(digits)
    for number in (found.low.int - 1, found.high.int + 1):
        if 0 <= number < 2**128:
            assert not UUID(int=number).hex.startswith(digits)


@given(word=st.text(max_size=40))
def test_whatever_is_typed_is_a_beginning_or_none(word: str) -> None:
    found = span(word)
    if found:
        assert found.low.hex.startswith(word.lower().replace("-", ""))


@pytest.mark.parametrize(
    "word", ["", "1f0", "-", "----", "1f0g", "1f-0c", "1f0c2a34-00-0", "0" * 33, "engineer", "1f0c ", "1f0c…", "١٢٣٤"]
)
def test_what_is_no_beginning_of_an_id(word: str) -> None:
    assert span(word) is None


@pytest.mark.parametrize("word", ["1f0c", "1F0C2A34", "1f0c2a34-", "1f0c2a34-0000-4", "1f0c2a3400004"])
def test_what_is_one(word: str) -> None:
    assert span(word) is not None


# ---- one, several, none ------------------------------------------------------------------------


def test_a_word_means_what_fits_it() -> None:
    one = match("ada")
    assert only("ada", [one]) is one
    assert only("ada", []) is None


@given(total=st.integers(2, 40))
def test_an_ambiguous_word_lists_its_matches(total: int) -> None:
    fitting = [match("1f0c", session=UUID(int=number), total=total) for number in range(min(total, SHOWN))]
    with pytest.raises(Conflict) as refused:
        only("1f0c", fitting)
    listed = [one for one in fitting if told(one) in refused.value.message]
    assert listed == fitting
    assert refused.value.details["matches"] == [str(one.id) for one in fitting]
    assert refused.value.details["more"] == total - len(fitting)
    assert (f"and {total - SHOWN} more" in refused.value.message) == (total > SHOWN)


def test_one_of_several_is_a_conflict() -> None:
    first, second = match(name="ada"), match(name="zoe")
    assert one_of([first]) is first
    with pytest.raises(Conflict, match=r"one session is wanted: .*ada, running.*zoe, running"):
        one_of([first, second])


def test_a_past_session_is_told_apart() -> None:
    by_name, past = match("ada"), match("1f0c", session=UUID(int=7))
    present = match("1f0c", session=by_name.standing.agent.session)
    assert (by_name.past, by_name.id) == (None, by_name.standing.agent.session)
    assert (past.past, past.id) == (UUID(int=7), UUID(int=7))
    assert "past session" in told(past)
    assert present.id == by_name.standing.agent.session


def test_a_selection_must_select() -> None:
    with pytest.raises(BadInput):
        Selection().check()
    for one in (Selection(words=("a",)), Selection(team="t"), Selection(tags=("t",)), Selection(latest=True)):
        assert one.check() is one
        assert one.has_group == (not one.words)
