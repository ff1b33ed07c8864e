"""`genie subscribe`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.happening import Types, happened, ndjson
from genie.cli.output import flush, line, warn
from genie.cli.parsing import AsJson, Tags, Team
from genie.cli.reach import reach
from genie.cli.spans import count

HEADING = "Look"
CALL = "GET /v1/events?follow=true"
EXAMPLE = """
genie subscribe
genie subscribe --team web --type failed --type died
genie subscribe --after 4711 --json
"""


def command(
    team: Team = None,
    tag: Tags = None,
    types: Types = None,
    after: Annotated[str | None, typer.Option("--after", metavar="ID", help="Go on after this event.")] = None,
    json: AsJson = False,
) -> None:
    """Print what happens, in all sessions, until interrupted."""
    first = count(after, "--after", least=0) if after is not None else None
    for row in reach().subscribe(after=first, types=types or [], team=team, tags=tag or [], on_lost=_lost):
        if json:
            ndjson(row)
        else:
            line(happened(row, number="id", name=True))
            flush()


def _lost() -> None:
    warn("the daemon went away; this goes on when it is back")
