"""`genie answer`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from genie.cli.output import as_json, clean, line, table
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.cli.spans import since
from genie.client import Row
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/agents/{name}/answer"
EXAMPLE = """
genie answer engineer yes
genie answer engineer 'use make instead'
genie answer
"""
HEADER = ("ID", "AGO", "AGENT", "STATE", "WHAT")
WORDS = ("yes", "no", "always")


def _answers(incomplete: str) -> list[str]:
    return [word for word in WORDS if word.startswith(incomplete)]


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name or session id.", autocompletion=answer_names)
    ] = None,
    answer: Annotated[
        list[str] | None,
        typer.Argument(metavar="[yes|no|always|TEXT]", help="- reads a text from stdin.", autocompletion=_answers),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", metavar="ID", help="Which, where it asks several things.")] = None,
    list_: Annotated[bool, typer.Option("--list", "-l", help="List what is asked.")] = False,
    everything: Annotated[bool, typer.Option("--all", "-a", help="List what is over, too.")] = False,
    json: AsJson = False,
) -> None:
    """Answer what an agent asks, or list what is asked.

    A text tells the agent what to do instead, and answers a question; so does the number of a choice.
    """
    if answer and (list_ or everything):
        raise BadInput("--list and --all take no answer", hint=f"genie answer {name}")
    if name is None or not answer:
        if id_ is not None:
            raise BadInput("--id goes with an answer", hint=f"genie answer {name or 'NAME'} yes --id {id_}")
        _list(reach().requests(name, everything=everything), json=json)
        return
    said = " ".join(answer)
    if said == "-":
        said = sys.stdin.buffer.read().decode("utf-8", "replace")
    row = reach().answer(name, said, id=id_)
    if json:
        as_json(row)
        return
    line(f"{str(row['id'])[:8]}  {_state(row)}  {clean(str(row['name']))}: {clean(str(row['line']))}")


def _list(rows: Sequence[Row], *, json: bool) -> None:
    if json:
        as_json(rows)
        return
    cells = [(str(row["id"])[:8], since(row["asked_at"]), row["name"], _state(row), row["line"]) for row in rows]
    for text in table(HEADER, cells):
        line(text)


def _state(row: Row) -> str:
    """How it is, and why."""
    if row["answer"] is not None:
        told = {"always": ", always", "text": ", with words"}.get(str(row["answer"]), "")
        return f"{row['state']}{told}"
    return f"{row['state']}: {row['reason']}" if row["reason"] else str(row["state"])
