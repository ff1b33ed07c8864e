"""`genie inbox`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.happening import ndjson
from genie.cli.output import as_json, clean, flush, line, table, warn
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.client import Row
from genie.lettering import one_line

HEADING = "Look"
CALL = "POST /v1/messages/inbox"
EXAMPLE = """
genie inbox engineer
genie inbox --follow
"""
HEADER = ("ID", "TIME", "FROM", "TO", "STATE", "TEXT")
SHOWN = 60
"""Characters of a message in a table."""


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Whose; without one your own.", autocompletion=answer_names),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until interrupted.")] = False,
    json: AsJson = False,
) -> None:
    """Show the messages to an agent.

    How far each has come, and what it waits for.
    """
    if follow:
        for row in reach().follow_inbox(name, on_lost=_lost):
            if json:
                ndjson(row)
            else:
                line("  ".join(clean(cell) for cell in _cells(row)))
                flush()
        return
    rows = reach().inbox(name)
    if json:
        as_json(rows)
        return
    for text in table(HEADER, [_cells(row) for row in rows]):
        line(text)


def _cells(row: Row) -> tuple[str, ...]:
    text = one_line(str(row["text"]))
    short = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    why = row["waits"] or (row["reason"] if row["state"] in ("failed", "unproven") else None)
    state = f"{row['state']}: {why}" if why else str(row["state"])
    return str(row["id"])[:8], str(row["created_at"])[11:19], str(row["from"]), str(row["to"]), state, short


def _lost() -> None:
    warn("the daemon went away; this goes on when it is back")
