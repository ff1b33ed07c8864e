"""Text that stands well on a terminal: its colours, what may not reach it, what fits into its width, sizes and times.

Standard library only: the attendant, which runs in a pane, uses it.
"""

from __future__ import annotations

import json

DIM, RED, BOLD, PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[1m", "\x1b[0m"

_SIGNS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    **dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000)], "\ufffd"),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd"),  # they reorder what follows
    0x7F: "\u2421",
    0x2028: "\n",
    0x2029: "\n",
}


def harmless(text: str) -> str:
    """The same text without anything that a terminal obeys; line breaks and tabs stay."""
    return text.replace("\r\n", "\n").translate(_SIGNS)


def cut(text: str, width: int) -> str:
    """As much of one line as fits into `width` columns."""
    if text.isascii():
        return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
    columns = 0
    for place, column in enumerate(map(_columns, text)):
        columns += column
        if columns > width:
            return _fitting(text[:place], width - 1) + "…"
    return text


def _fitting(text: str, width: int) -> str:
    columns = sum(map(_columns, text))
    while text and columns > width:
        columns -= _columns(text[-1])
        text = text[:-1]
    return text


def _columns(character: str) -> int:
    if character < "\u0300":
        return 1
    from unicodedata import combining, east_asian_width  # a megabyte that most sessions never need

    return 0 if combining(character) or character in "\u200b\u200d\ufe0f" else 1 + (east_asian_width(character) in "WF")


def one_line(value: object) -> str:
    """A value on one line: a text with its breaks as spaces, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(harmless(text[:4000]).split())


def spent(milliseconds: float) -> str:
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def amount(tokens: float) -> str:
    return f"{tokens:.0f}" if tokens < 1000 else f"{tokens / 1000:.1f}k" if tokens < 1e6 else f"{tokens / 1e6:.1f}M"
