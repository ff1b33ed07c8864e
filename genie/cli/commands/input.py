"""`genie input`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genie.cli.output import as_json
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam
from genie.cli.targets import told
from genie.client import InputRow
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/sessions/input"
EXAMPLE = """
genie input helper 'now the tests'
git diff | genie input helper -
genie input --tag review 'stop after this file'
genie input helper --interrupt
genie input helper --close
"""


def command(
    session: Annotated[
        str | None, typer.Argument(metavar="SESSION", help="Name or id.", autocompletion=answer_names)
    ] = None,
    message: Annotated[
        str | None, typer.Argument(metavar="MESSAGE", help="What to say; - reads it from stdin.")
    ] = None,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    cross_team: Annotated[bool, typer.Option("--cross-team", help="Also to agents of another team.")] = False,
    interrupt: Annotated[
        bool,
        typer.Option("--interrupt", help="End its present turn, and not the session; then say the MESSAGE, if any."),
    ] = False,
    close: Annotated[
        bool, typer.Option("--close", help="Nothing more will come: it ends once it has answered.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Say something to a session, as it is.

    One of genie run --interactive reads it at once, an agent in its pane when it can. With --team, --tag or --latest
    alone the one word is the MESSAGE.
    """
    group = team is not None or bool(tag) or latest
    if group and message is None:
        session, message = None, session
    if message is None and not (close or interrupt):
        hint = f"genie input {session or 'SESSION'} MESSAGE, --interrupt or --close"
        raise BadInput("there is no message", hint=hint)
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if message == "-" else message
    genie = reach()
    words = [session] if session is not None else []

    def say(what: str | None, *, interrupting: bool = False) -> list[InputRow]:
        return genie.input(
            what,
            *words,
            team=team,
            tags=tag or [],
            latest=latest,
            cross_team=cross_team,
            interrupt=interrupting,
        )

    rows = say(text, interrupting=interrupt) if text is not None or interrupt else []
    if close and all(row["ok"] for row in rows):
        rows = [*rows, *say(None)]
    if json:
        as_json(rows)
    return told(rows)
