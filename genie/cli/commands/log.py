"""`genie log`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from genie.cli.output import as_json
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.domain.errors import BadInput
from genie.domain.note import Level, check_data, check_message

HEADING = "Agents"
CALL = "POST /v1/log"
EXAMPLE = """
genie log 'half of the tests are green'
genie log --level warning --data '{"failed": 3}' 'three tests fail'
"""
HINT = """--data '{"key": "value"}'"""


def answer_levels(incomplete: str) -> list[str]:
    return [level.value for level in Level if level.value.startswith(incomplete)]


def command(
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="What there is to say.")],
    level: Annotated[
        str,
        typer.Option("--level", metavar="LEVEL", help="debug, info, warning or error.", autocompletion=answer_levels),
    ] = "info",
    data: Annotated[str | None, typer.Option("--data", metavar="JSON", help="Something for programs.")] = None,
    as_json_: AsJson = False,
) -> None:
    """Add a message to the session that this is in."""
    check_message(message)
    said = reach().note(message, level=level, data=None if data is None else _data(data))
    if as_json_:
        as_json(said)


def _data(text: str) -> object:
    """Raises BadInput for what is no JSON or cannot be kept."""
    try:
        data = json.loads(text)
    except RecursionError as error:
        raise BadInput("--data is nested too deep", hint="flatten it") from error
    except ValueError as error:
        raise BadInput(f"--data is not JSON: {error}", hint=HINT) from error
    check_data(data)
    return data
