"""Command lines of declared providers: words with placeholders, and groups that are left out.

`["tool", "run", ["--model", "{model}"], "{extra_args}", ["--", "{prompt}"]]`: a group in brackets is left out where one
of its placeholders has no value. Two braces are one brace.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from genie.domain.amounts import Wrong
from genie.domain.words import nearest

Words: TypeAlias = Sequence[str | Sequence[str]]

CONTEXT = ("session", "cwd", "name", "team", "prompt_file")
"""What is there anyway: nothing is lost where it is not used."""
ASKED = {
    "prompt": "--prompt",
    "model": "--model",
    "effort": "--effort",
    "permission_mode": "--permission-mode",
    "skill": "--skill",
    "system_prompt": "--system-prompt",
    "max_turns": "--max-turns",
    "mcp_config": "--mcp-config",
    "schema": "--json-schema",
}
"""What is asked for, and the flag that says so."""
SPLICED = {"extra_args": "--extra-args", "auto_approve": "--auto-approve"}
"""Placeholders that are words of their own and stand for any number of words."""
KNOWN = (*CONTEXT, *ASKED, *SPLICED)
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check(words: Words) -> None:
    """Raises Wrong for what is no command line: an unknown placeholder, a brace alone, no program."""
    if not words or not isinstance(words[0], str) or not words[0] or names(words[:1]):
        raise Wrong("a command line begins with its program", 'write ["tool", "--flag", "{prompt}"]')
    for word in _flat(words):
        for found in _PLACEHOLDER.finditer(word):
            _check_placeholder(word, found)
        if "\0" in word:
            raise Wrong(f"{word!r} holds a NUL character")


def _check_placeholder(word: str, found: re.Match[str]) -> None:
    name = found[1]
    if name is None and found[0] in ("{", "}"):
        raise Wrong(f"a brace alone in {word!r}", "write {{ or }} for one brace")
    if name is not None and name not in KNOWN:
        raise Wrong(f"unknown placeholder {{{name}}}", nearest(name, KNOWN))
    if name in SPLICED and word != f"{{{name}}}":
        raise Wrong(f"{{{name}}} stands for words of its own", f'write "{{{name}}}" as one word')


def _flat(words: Words) -> Iterator[str]:
    for word in words:
        if isinstance(word, str):
            yield word
        else:
            yield from word


def names(words: Words) -> set[str]:
    """The placeholders in them."""
    return {found[1] for word in _flat(words) for found in _PLACEHOLDER.finditer(word) if found[1] is not None}


def filled(words: Words, values: Mapping[str, str | None], spliced: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The command line. Raises KeyError with the name of a placeholder outside a group that has no value."""
    argv: list[str] = []
    for word in words:
        if not isinstance(word, str):
            if all(spliced[name] if name in spliced else values.get(name) is not None for name in names(word)):
                argv += filled(word, values, spliced)
        elif (name := word[1:-1]) in spliced and word == f"{{{name}}}":
            argv += spliced[name]
        else:
            argv.append(_PLACEHOLDER.sub(lambda found: _value(found, values), word))
    return tuple(argv)


def _value(found: re.Match[str], values: Mapping[str, str | None]) -> str:
    if found[1] is None:
        return found[0][0]
    value = values.get(found[1])
    if value is None:
        raise KeyError(found[1])
    return value
