"""`genie input`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genie.cli.output import as_json
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.cli.targets import told
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/sessions/input"
EXAMPLE = """
genie input helper 'now the tests'
git diff | genie input helper -
genie input helper --close
"""


def command(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="Name or id.", autocompletion=answer_names)],
    message: Annotated[
        str | None, typer.Argument(metavar="MESSAGE", help="What to say; - reads it from stdin.")
    ] = None,
    close: Annotated[
        bool, typer.Option("--close", help="Nothing more will come: it ends once it has answered.")
    ] = False,
    json: AsJson = False,
) -> int:
    """Say something to a session that is fed.

    That is one which genie run --interactive has started.
    """
    if message is None and not close:
        raise BadInput("there is no message", hint=f"genie input {session} MESSAGE, or --close")
    text = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if message == "-" else message
    genie = reach()
    rows = genie.input(text, session) if text is not None else []
    if close and all(row["ok"] for row in rows):
        rows = [*rows, *genie.input(None, session)]
    if json:
        as_json(rows)
    return told(rows)
