"""`genie env`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import as_json, clean, line
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.domain.errors import BadInput

HEADING = "Look"
CALL = "POST /v1/env"
EXAMPLE = """
genie env
eval "$(genie env --shell)"
genie env engineer --json
"""


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The agent; else this one.", autocompletion=answer_names)
    ] = None,
    shell: Annotated[bool, typer.Option("--shell", help="Print lines for a shell to evaluate.")] = False,
    json: AsJson = False,
) -> None:
    """Print the variables that tell which session this is."""
    if shell and json:
        raise BadInput("--shell and --json are two forms", hint="leave one of them out")
    found = reach().environment(name)
    if json:
        as_json(found)
        return
    for key, value in found.items():
        line(f"export {key}={quoted(value)}" if shell else f"{key}={clean(value)}")


def quoted(value: str) -> str:
    """One word of a shell, whatever is in it."""
    return "'" + value.replace("'", "'\\''") + "'"
