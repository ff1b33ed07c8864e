"""`genie status`."""

from __future__ import annotations

from genie.cli.output import as_json, life_style, line, paint, warn
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions

HEADING = "Look"
CALL = "GET /v1/sessions/status"
EXAMPLE = """
genie status engineer
genie status 1f0c --json
genie status --latest
"""


def command(
    sessions: Sessions = None, team: OfTeam = None, tag: OfTags = None, latest: Latest = False, json: AsJson = False
) -> None:
    """Tell how one session is, in a word.

    queued, running, idle, waiting, limited, suspended, dead, completed, failed or terminated.
    """
    row = reach().status(*(sessions or []), team=team, tags=tag or [], latest=latest)
    for text in row["notes"]:
        warn(text)
    if json:
        as_json({key: value for key, value in row.items() if key != "notes"})
    else:
        line(paint(row["status"], *life_style(row["state"])))
