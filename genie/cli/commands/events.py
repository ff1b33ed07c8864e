"""`genie events`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.happening import Types, happened, ndjson
from genie.cli.output import as_json, line
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.cli.spans import count
from genie.domain.errors import BadInput

HEADING = "Look"
CALL = "GET /v1/agents/{name}/events"
EXAMPLE = """
genie events engineer
genie events engineer --type user_event --type failed --last 10
genie events engineer --all-sessions --type assistant_message
genie events 1f0c --after-seq 120 --json
"""


def command(
    session: Annotated[
        str, typer.Argument(metavar="SESSION", help="A name, an id or its beginning.", autocompletion=answer_names)
    ],
    types: Types = None,
    last: Annotated[str | None, typer.Option("--last", "-n", metavar="N", help="The last so many.")] = None,
    after: Annotated[str | None, typer.Option("--after-seq", metavar="N", help="Only those after this one.")] = None,
    before: Annotated[str | None, typer.Option("--before-seq", metavar="N", help="Only those before this one.")] = None,
    every: Annotated[bool, typer.Option("--all-sessions", help="All sessions that the name had.")] = False,
    how_many: Annotated[bool, typer.Option("--count", help="Print how many they are.")] = False,
    json: AsJson = False,
) -> None:
    """Print what was told in a session."""
    if every and (after is not None or before is not None):
        raise BadInput("--after-seq and --before-seq go with one session", hint="leave out --all-sessions")
    genie = reach()
    most = count(last, "--last") if last is not None else None
    first = count(after, "--after-seq", least=0) if after is not None else None
    end = count(before, "--before-seq", least=0) if before is not None else None
    if how_many:
        found = genie.count_events(session, types=types or [], last=most, after=first, before=end, every=every)
        if json:
            as_json({"count": found})
        else:
            line(str(found))
        return
    for row in genie.session_events(session, types=types or [], last=most, after=first, before=end, every=every):
        if json:
            ndjson(row)
        else:
            whose = f"{str(row['session_id'])[:8]}  " if every else ""
            line(whose + happened(row, number="seq", name=False))
