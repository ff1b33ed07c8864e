"""Closed vocabularies: helping with a word that is nearly right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from enum import Enum
from typing import TypeVar

from genie.domain.errors import BadInput

NAME_RULE = "[a-z0-9][a-z0-9._-]{0,62}"
_NAME = re.compile(NAME_RULE)


class Color(Enum):
    """Pane border colours. tmux knows these words on every terminal."""

    BLUE = "blue"
    GREEN = "green"
    YELLOW = "yellow"
    MAGENTA = "magenta"
    CYAN = "cyan"
    RED = "red"
    ORANGE = "orange"
    PINK = "pink"
    PURPLE = "purple"
    WHITE = "white"


class PermissionMode(Enum):
    """How much an agent may do without asking; the words of Claude Code."""

    MANUAL = "manual"
    ACCEPT_EDITS = "acceptEdits"
    PLAN = "plan"
    AUTO = "auto"
    DONT_ASK = "dontAsk"
    BYPASS = "bypassPermissions"


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint such as "did you mean 'engineer'?", or the list of what is known."""
    choices = sorted(known)
    close = get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(choices)}" if choices else ""


W = TypeVar("W", bound=Enum)


def one_of(kind: str, word: str, words: type[W]) -> W:
    """The member of `words` that is written `word`. Raises BadInput with the nearest one."""
    for member in words:
        if member.value == word:
            return member
    raise BadInput(f"unknown {kind} '{word}'", hint=nearest(word, [str(m.value) for m in words]))


def check_name(kind: str, name: str) -> str:
    """`name` itself when it is legal. Raises BadInput with the rule otherwise."""
    if _NAME.fullmatch(name):
        return name
    raise BadInput(f"illegal {kind} name {name!r}", hint=f"a name matches {NAME_RULE}")


def next_color(used: Iterable[str | None]) -> Color:
    """The first colour nobody has, else the one used least."""
    worn = list(used)
    return min(Color, key=lambda color: worn.count(color.value))
