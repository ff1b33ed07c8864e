"""`genie broadcast`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genie.cli.output import as_json, clean, line
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import OfTags, OfTeam
from genie.cli.targets import told
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/sessions/input"
EXAMPLE = """
genie broadcast --team web 'the API has changed: pull before you go on'
genie broadcast --tag review 'stop after this file'
"""


def command(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="What to say; - reads it from stdin.")],
    team: OfTeam = None,
    tag: OfTags = None,
    raw: Annotated[bool, typer.Option("--raw", help="The bare text, without who wrote it.")] = False,
    cross_team: Annotated[bool, typer.Option("--cross-team", help="Also to agents of another team.")] = False,
    json: AsJson = False,
) -> int:
    """Send a message to all agents of a team, or with a tag.

    Each gets it when it can; those that read no messages, and who sends it, are left out.
    """
    if team is None and not tag:
        raise BadInput("nobody is named", hint="give --team or --tag")
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if message == "-" else message
    rows = reach().input(text, team=team, tags=tag or [], envelope=not raw, cross_team=cross_team)
    if json:
        as_json(rows)
    else:
        for row in rows:
            if row["ok"]:
                line(clean(str(row["name"])))
    return told(rows)
