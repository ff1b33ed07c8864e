"""`genie events`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.happening import Types, happened, ndjson
from genie.cli.output import as_json, line
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import count

HEADING = "Look"
CALL = "GET /v1/agents/{name}/events"
EXAMPLE = """
genie events engineer
genie events engineer --type user_event --type failed --last 10
genie events engineer --after-seq 120 --json
"""


def command(
    name: AgentName,
    types: Types = None,
    last: Annotated[str | None, typer.Option("--last", "-n", metavar="N", help="The last so many.")] = None,
    after: Annotated[str | None, typer.Option("--after-seq", metavar="N", help="Only those after this one.")] = None,
    before: Annotated[str | None, typer.Option("--before-seq", metavar="N", help="Only those before this one.")] = None,
    how_many: Annotated[bool, typer.Option("--count", help="Print how many they are.")] = False,
    json: AsJson = False,
) -> None:
    """Print what was told in an agent's session."""
    genie = reach()
    most = count(last, "--last") if last is not None else None
    first = count(after, "--after-seq", least=0) if after is not None else None
    end = count(before, "--before-seq", least=0) if before is not None else None
    if how_many:
        found = genie.count_events(name, types=types or [], last=most, after=first, before=end)
        if json:
            as_json(found)
        else:
            line(str(found["count"]))
        return
    for row in genie.session_events(name, types=types or [], last=most, after=first, before=end):
        if json:
            ndjson(row)
        else:
            line(happened(row, number="seq", name=False))
