"""`genie output`."""

from __future__ import annotations

import sys

from genie.cli.output import as_json, line, raw
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions

HEADING = "Look"
CALL = "GET /v1/sessions/output"
EXAMPLE = """
genie output engineer
genie output 1f0c > answer.md
genie output --latest --json
"""


def command(
    sessions: Sessions = None, team: OfTeam = None, tag: OfTags = None, latest: Latest = False, json: AsJson = False
) -> None:
    """Print the result of a session, and nothing else.

    1 when it has failed without one, or has none yet.
    """
    row = reach().result(*(sessions or []), team=team, tags=tag or [], latest=latest)
    if json:
        as_json({"session_id": row["session_id"], "result": row["result"]})
        return
    text = row["result"] or ""
    raw(text)
    if sys.stdout.isatty() and text and not text.endswith("\n"):
        line()
