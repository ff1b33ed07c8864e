"""`genie retry`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import as_json, clean, line, working
from genie.cli.parsing import AsJson, Quiet
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.cli.targets import told

HEADING = "Agents"
CALL = "POST /v1/sessions/retry"
EXAMPLE = """
genie retry 1f0c
genie retry --tag nightly --failed --model large
"""


def command(
    sessions: Sessions = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that have failed.")] = False,
    model: Annotated[str | None, typer.Option(help="Another model.")] = None,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Run sessions once more, as they were run, as new ones."""
    genie = reach()
    with working("starting…"):
        rows = genie.retry(*(sessions or []), team=team, tags=tag or [], latest=latest, failed=failed, model=model)
    if json:
        as_json(rows)
    else:
        for row in rows:
            if row["ok"]:
                said = f"{row['session_id']}  {clean(row['name'])}  attempt {row['attempts']}"
                line(str(row["session_id"]) if quiet else said)
    return told(rows)
