"""Results of sessions as text for another session: one XML element each, before the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

_PICTURES = 0x2400
_C0 = {code: chr(_PICTURES + code) for code in range(0x20) if code not in b"\t\n\r"}
_NEITHER = dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}")
_VISIBLE = _C0 | _NEITHER
# A carriage return as it is would be read as a line feed.
_TEXT = _VISIBLE | {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord("\r"): "&#13;"}
_ATTRIBUTE = _TEXT | {ord('"'): "&quot;", ord("\t"): "&#9;", ord("\n"): "&#10;"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResult:
    """What a session gave as its result."""

    session: UUID
    name: str
    text: str


def envelope(results: Sequence[SessionResult]) -> str:
    """An element a result, a line break between them; empty for none. `index` counts from 1 where there are several."""
    several = len(results) > 1
    return "\n".join(_element(result, number if several else None) for number, result in enumerate(results, 1))


def with_context(prompt: str, results: Sequence[SessionResult]) -> str:
    """The prompt, after the results that it may need and an empty line."""
    return f"{envelope(results)}\n\n{prompt}" if results else prompt


def visible(text: str) -> str:
    """The text as XML can hold it: control characters as their pictures (U+241B for escape), what is no character as
    U+FFFD."""
    return text.translate(_VISIBLE)


def escape(text: str) -> str:
    """For the content of an element: an XML parser reads `visible(text)` from it."""
    return text.translate(_TEXT)


def escape_attribute(text: str) -> str:
    """For the value of an attribute between double quotes: an XML parser reads `visible(text)` from it."""
    return text.translate(_ATTRIBUTE)


def _element(result: SessionResult, index: int | None) -> str:
    number = "" if index is None else f' index="{index}"'
    head = f'<session-result session="{result.session.hex[:8]}"{number} name="{escape_attribute(result.name)}">'
    return f"{head}{escape(result.text)}</session-result>"
