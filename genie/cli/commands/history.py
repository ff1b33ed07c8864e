"""`genie history`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.describing import event
from genie.cli.output import as_json, line, table
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import count

HEADING = "Look"
CALL = "GET /v1/agents/{name}/history"
EXAMPLE = "genie history engineer --limit 20"


def command(
    name: AgentName,
    limit: Annotated[str, typer.Option("--limit", "-n", metavar="N", help="The last so many.")] = "200",
    json: AsJson = False,
) -> None:
    """Show every change of an agent, oldest first."""
    rows = reach().history(name, limit=count(limit, "--limit"))
    if json:
        as_json(rows)
        return
    cells = [(row["at"][:19].replace("T", " "), *event(row)) for row in rows]
    for text in table(("AT", "AGO", "EVENT", "WHAT"), cells):
        line(text)
