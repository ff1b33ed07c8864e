"""Events as lines, for people and for scripts, and the words for their types."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from genie.cli.describing import event
from genie.cli.output import clean, flush, line, paint
from genie.client import Row


def answer_types(incomplete: str) -> list[str]:
    from genie.domain.events import Kind

    words = dict.fromkeys(word for kind in Kind for word in (kind.word, kind.value))
    return [word for word in words if word.startswith(incomplete)]


Types = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="TYPE", help="Only events of this type; repeatable.", autocompletion=answer_types),
]


def ndjson(row: Row) -> None:
    """One JSON object on one line, at once."""
    line(json.dumps(row))
    flush()


def happened(row: Row, *, number: str, name: bool) -> str:
    """One line: when, its `number` (`id` or `seq`), whose it is, what happened."""
    _, kind, said = event(row)
    whose = [clean(str(row.get("name") or "-")).ljust(16)] if name else []
    cells = [str(row["at"])[:19].replace("T", " "), str(row.get(number) or "-").rjust(6), *whose, paint(kind, "bold")]
    return "  ".join([*cells, *([clean(said)] if said else [])])
