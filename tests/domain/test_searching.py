"""What a search may ask for, and what is shown of a hit."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from genie.domain.errors import BadInput
from genie.domain.events import Kind
from genie.domain.searching import KINDS, SEARCHED, Hit, Role, Search, excerpt

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (Search(text=" \n"), "nothing to search for"),
        (Search(text="x" * 1001), "1001 characters"),
        (Search(text="x", limit=0), "--limit 0"),
        (Search(text="x", limit=201), "--limit 201"),
        (Search(text="x", since=NOW, until=NOW), "nothing is after"),
    ],
)
def test_what_cannot_be_meant(search: Search, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        search.check()


def test_what_can() -> None:
    search = Search(text="x", since=NOW, limit=200)
    assert search.check() is search


def test_roles_are_kinds() -> None:
    assert Search(text="x").kinds == SEARCHED
    assert Search(text="x", roles=(Role.TOOL, Role.USER)).kinds == (
        Kind.TOOL_CALL,
        Kind.TOOL_RESULT,
        Kind.USER_MESSAGE,
    )
    assert set(KINDS) == set(Role)


@pytest.mark.parametrize(
    ("text", "marks", "shown"),
    [
        ("a flaky test", [(2, 7)], "a **flaky** test"),
        ("one\n\ttwo  one", [(0, 3), (10, 13)], "**one** two **one**"),
        ("nothing", [], "nothing"),
        ("a **b** c", [(8, 9)], "a b **c**"),
        ("w " * 100 + "hit" + " w" * 100, [(200, 203)], "… w w w **hit** w w w w w …"),
        ("x" * 100 + "hit", [(100, 103)], "… " + "x" * 6 + "**hit**"),
        ("hit " + "w " * 20 + "hit", [(0, 3), (44, 47)], "**hit** w w w w w w w w …"),
        ("hit" * 20, [(0, 60)], "**" + "hit" * 20 + "**"),
    ],
)
def test_an_excerpt_is_about_the_first_match(text: str, marks: list[tuple[int, int]], shown: str) -> None:
    assert excerpt(text, marks, room=20) == shown


def test_a_hit_knows_its_role_and_its_headline() -> None:
    hit = Hit(
        id=1, seq=1, at=NOW, kind=Kind.TOOL_RESULT, agent=uuid4(), session=uuid4(), name="a", team="t",
        provider=None, tool=None, rank=1.0, text="a b", marks=((2, 3),),
    )  # fmt: skip
    assert (hit.role, hit.headline) == (Role.TOOL, "a **b**")
