"""What sessions have come to, in words."""

from __future__ import annotations

from collections.abc import Iterator

from genie.cli.describing import provider
from genie.cli.output import clean, life_style, paint
from genie.client import Row

_KINDS = (("input", "in"), ("output", "out"), ("cache_read", "cache read"), ("cache_write", "cache write"))
_SIZES = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def header(row: Row) -> str:
    """The line above what is told of a session."""
    state = str(row["status"])
    words = [
        paint(clean(str(row["name"])), "bold"),
        paint(state, *life_style(state)),
        clean(provider(row)),
        str(row["session_id"] or "-")[:8],
    ]
    return f"==> {'  '.join(words)}"


def tokens(usage: Row) -> str:
    """`1204 in, 310 out, $0.0211`; empty where nothing was used."""
    counts = [f"{usage[key]} {word}" for key, word in _KINDS if usage[key]]
    return ", ".join([*counts, *([price(usage["cost"])] if usage["cost"] is not None else [])])


def price(cost: float) -> str:
    return f"${cost:.4f}"


def size(count: int) -> str:
    """Bytes as people read them, rounded down."""
    return next((f"{count // unit}{word}" for unit, word in _SIZES if count >= unit), f"{count}B")


def text(value: str) -> Iterator[str]:
    """A result line by line, without what drives a terminal."""
    for one in value.rstrip("\n").split("\n"):
        yield clean(one.rstrip("\r").replace("\t", "    "))
