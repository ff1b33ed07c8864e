"""`genie collect`."""

from __future__ import annotations

from collections.abc import Iterator

from genie.cli.outcomes import header, text, tokens
from genie.cli.output import as_json, clean, line
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/sessions/outcomes"
EXAMPLE = """
genie collect engineer reviewer
genie collect --tag nightly --json
"""


def command(
    sessions: Sessions = None, team: OfTeam = None, tag: OfTags = None, latest: Latest = False, json: AsJson = False
) -> None:
    """Print what sessions have come to: results, errors, usage."""
    rows = reach().collect(*(sessions or []), team=team, tags=tag or [], latest=latest)
    if json:
        as_json(rows)
        return
    for number, row in enumerate(rows):
        if number:
            line()
        for one in _told(row):
            line(one)


def _told(row: Row) -> Iterator[str]:
    used = tokens(row["usage"])
    yield f"{header(row)}  {used}" if used else header(row)
    if row["error"]:
        yield f"error: {clean(str(row['error']))}"
    if row["result_text"] is not None:
        yield from text(str(row["result_text"]))
