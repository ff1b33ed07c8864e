"""Words: the nearest one, legal names, free colours."""

from __future__ import annotations

import re
from enum import Enum

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.errors import BadInput, GenieError
from genie.domain.template import PromptMode, Scope
from genie.domain.words import NAME_RULE, Color, PermissionMode, check_name, nearest, next_color, one_of

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=200, suppress_health_check=[HealthCheck.too_slow]
)

LEGAL = st.from_regex(NAME_RULE, fullmatch=True)


@pytest.mark.parametrize(
    ("word", "known", "hint"),
    [
        ("enginer", ["engineer", "reviewer"], "did you mean 'engineer'?"),
        ("reviewr", ["engineer", "reviewer"], "did you mean 'reviewer'?"),
        ("zzz", ["reviewer", "engineer"], "known: engineer, reviewer"),
        ("zzz", [], ""),
        ("", ["b", "a"], "known: a, b"),
        ("a", {"a"}, "did you mean 'a'?"),
    ],
)
def test_nearest(word: str, known: list[str], hint: str) -> None:
    assert nearest(word, known) == hint


@cases
@given(st.text(max_size=12), st.lists(st.text(min_size=1, max_size=12), unique=True, max_size=6))
def test_nearest_names_only_what_is_known_whatever_the_order(word: str, known: list[str]) -> None:
    hint = nearest(word, known)
    assert hint == nearest(word, reversed(known))
    assert bool(hint) == bool(known)
    if hint.startswith("did you mean"):
        assert hint.removeprefix("did you mean '").removesuffix("'?") in known
    elif hint:
        assert hint == f"known: {', '.join(sorted(known))}"


@pytest.mark.parametrize("words", [Color, PermissionMode, PromptMode, Scope])
def test_each_written_word_is_its_member(words: type[Enum]) -> None:
    assert [one_of("word", str(member.value), words) for member in words] == list(words)


@pytest.mark.parametrize(
    ("kind", "word", "words", "hint"),
    [
        ("colour", "bleu", Color, "did you mean 'blue'?"),
        ("permission mode", "acceptedits", PermissionMode, "did you mean 'acceptEdits'?"),
        ("permission mode", "BYPASS", PermissionMode, "known: acceptEdits, "),
        ("colour", "", Color, "known: blue, "),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest(kind: str, word: str, words: type[Enum], hint: str) -> None:
    with pytest.raises(BadInput) as refusal:
        one_of(kind, word, words)
    assert refusal.value.message == f"unknown {kind} '{word}'"
    assert refusal.value.hint.startswith(hint)


@pytest.mark.parametrize("name", ["a", "0", "engineer", "engineer-1a2b", "a.b_c-d", "a" * 63, "9-._"])
def test_legal_names(name: str) -> None:
    assert check_name("agent", name) == name


@pytest.mark.parametrize(
    "name",
    ["", "A", "-a", ".a", "_a", "a" * 64, "a b", "a/b", "a:b", "a\n", "\na", "é", "a\0", "../a", "a;b", "$a", "٣"],
)
def test_illegal_names(name: str) -> None:
    with pytest.raises(BadInput) as refusal:
        check_name("agent", name)
    assert refusal.value.message == f"illegal agent name {name!r}"
    assert NAME_RULE in refusal.value.hint


@cases
@given(LEGAL | st.text(max_size=70))
def test_a_name_is_legal_exactly_by_its_letters(name: str) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    legal = 1 <= len(name) <= 63 and name[0] in letters and all(c in letters + "._-" for c in name)
    if legal:
        assert check_name("team", name) == name
    else:
        with pytest.raises(BadInput, match=re.escape("illegal team name")):
            check_name("team", name)


def test_colours_are_given_in_order_and_then_anew() -> None:
    worn: list[str] = []
    for _ in range(2 * len(Color)):
        worn.append(next_color(worn).value)
    assert worn == [color.value for color in Color] * 2


@pytest.mark.parametrize(
    ("used", "color"),
    [
        ([], Color.BLUE),
        ([None, None], Color.BLUE),
        (["blue"], Color.GREEN),
        (["green", "blue", "yellow"], Color.MAGENTA),
        (["green"], Color.BLUE),
        (["no colour of ours"], Color.BLUE),
        ([c.value for c in Color if c is not Color.PINK], Color.PINK),
        ([c.value for c in Color] + ["blue"], Color.GREEN),
    ],
)
def test_next_color(used: list[str | None], color: Color) -> None:
    assert next_color(used) is color
    assert next_color(iter(used)) is color


@cases
@given(st.lists(st.none() | st.sampled_from([c.value for c in Color]) | st.text(max_size=3)))
def test_no_colour_is_worn_less_than_the_next(used: list[str | None]) -> None:
    color = next_color(used)
    assert used.count(color.value) == min(used.count(other.value) for other in Color)


def test_an_error_carries_message_hint_and_details() -> None:
    error = GenieError("no", hint="try", name="x")
    assert (str(error), error.message, error.hint, error.details) == ("no", "no", "try", {"name": "x"})
