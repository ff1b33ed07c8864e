"""`genie done`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from genie.cli.output import as_json, say
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.domain.errors import BadInput, NotFound
from genie.domain.submission import LONGEST, check_result

HEADING = "Agents"
CALL = "POST /v1/done"
EXAMPLE = """
genie done --result 'all 214 tests are green'
genie done --result-file report.json
./measure | genie done --result-file -
"""


def command(
    result: Annotated[str | None, typer.Option("--result", metavar="TEXT", help="The result.")] = None,
    file: Annotated[
        str | None, typer.Option("--result-file", metavar="FILE", help="The file that holds it; - is stdin.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Say that this session is done, and what its result is.

    Again it takes the place of the earlier one.
    """
    if result is not None and file is not None:
        raise BadInput("--result and --result-file are two results", hint="leave one of them out")
    text = result if file is None else _read(file)
    if text is not None:
        check_result(text)
    kept = reach().done(text)
    if json:
        as_json(kept)
    elif kept["replaced"]:
        say("genie: the result was replaced")


def _read(file: str) -> str:
    """Raises NotFound, BadInput."""
    try:
        data = sys.stdin.buffer.read(LONGEST + 1) if file == "-" else _content(Path(file))
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {file}", hint="--result-file - reads stdin") from error
    except OSError as error:
        raise BadInput(f"cannot read {file}: {error.strerror}") from error
    return data.decode(errors="surrogateescape")


def _content(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.read(LONGEST + 1)
