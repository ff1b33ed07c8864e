"""Drafts in prompt boxes: screens as the programs draw them."""

from __future__ import annotations

import pytest

from genie.domain.box import draft, outside

RULE = "\x1b[38;5;244m" + "─" * 40
BELOW = "\x1b[39m  \x1b[38;5;246m⏸ manual mode on"


def claude(*lines: str, below: str = BELOW) -> list[str]:
    return ["● ok", RULE, *lines, RULE, below]


EMPTY = {
    "before its first key": ["\x1b[39m❯\xa0\x1b[7m", "\x1b[0m"],
    "after it": ["\x1b[39m❯\xa0\x1b[7m \x1b[0m\x1b[39m\x1b[49m"],
    "while it works": ["\x1b[38;5;246m❯\xa0\x1b[7m\x1b[39m \x1b[0m\x1b[39m\x1b[49m"],
    "a dim hint": ['\x1b[39m❯\xa0\x1b[7mT\x1b[0m\x1b[2mry "fix it"\x1b[22m'],
    "a grey hint": ["\x1b[39m❯\xa0\x1b[38;5;246mResend your message\x1b[39m"],
    "a hint of true colour": ["\x1b[39m❯\xa0\x1b[38;2;153;153;153mPress up\x1b[39m"],
    "a hint of sixteen colours": ["\x1b[39m❯\xa0\x1b[90mPress up\x1b[m"],
}
DRAFTS = {
    "a word": ["\x1b[39m❯\xa0my draft\x1b[7m", "\x1b[0m"],
    "the cursor on its start": ["\x1b[39m❯\xa0\x1b[7mm\x1b[0m\x1b[39m\x1b[49my draft"],
    "one letter under the cursor": ["\x1b[39m❯\xa0\x1b[7mx\x1b[27m"],
    "on a background": ["\x1b[39m❯\xa0\x1b[48;5;237mmy\x1b[49m"],
    "on a later line": ["\x1b[39m❯\xa0", "", "  line 3\x1b[7m \x1b[0m"],
    "a command of a shell": ["\x1b[38;5;211m!\xa0\x1b[39mls\x1b[7m \x1b[0m"],
    "a shell that waits for one": ["\x1b[38;5;211m!\xa0\x1b[7m \x1b[0m"],
}


@pytest.mark.parametrize("lines", EMPTY.values(), ids=EMPTY)
def test_a_box_that_is_empty(lines: list[str]) -> None:
    assert not draft("claude", claude(*lines))


@pytest.mark.parametrize("lines", DRAFTS.values(), ids=DRAFTS)
def test_a_draft(lines: list[str]) -> None:
    assert draft("claude", claude(*lines))


def test_of_another_look_nothing_is_said() -> None:
    mine = "❯\xa0my draft"
    assert not draft("claude", ["❯ my draft"])
    assert not draft("claude", [RULE, RULE])
    assert not draft("claude", claude("no prompt"))
    assert not draft("claude", claude(mine, below="❯ the box is below"))
    assert not draft("gemini", claude(mine))


def test_the_box_of_codex_is_the_last() -> None:
    sent, hint = "\x1b[1m›\x1b[0m sent before", "\x1b[1m›\x1b[0m\x1b[39m \x1b[2mAsk Codex to do anything"
    assert not draft("codex", [sent, "", hint, "\x1b[0m", "  fake-model"])
    assert draft("codex", [hint, "\x1b[0m", "\x1b[1m›\x1b[0m\x1b[39m my draft", "  fake-model"])
    assert not draft("codex", ["no prompt"])


def test_what_is_not_in_the_box() -> None:
    asks = ["Do you want to proceed?", "\x1b[1m❯ 1. Yes", "  2. No"]
    assert outside("claude", claude("❯\xa01. do it", "2. Esc to cancel")) == ["● ok", RULE, RULE, BELOW]
    assert outside("claude", [RULE, *asks]) == [RULE, *asks]
    assert outside("claude", [RULE, "❯ said before", RULE, *asks])[-3:] == asks
    assert outside("codex", ["› 1. do it"]) == ["› 1. do it"]
