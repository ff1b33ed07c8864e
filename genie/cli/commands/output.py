"""`genie output`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genie.cli.failing import sentence
from genie.cli.output import as_json, line, raw, say, working
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.client import Genie, Selected

HEADING = "Look"
CALL = "GET /v1/sessions/output"
EXAMPLE = """
genie output engineer
genie output 1f0c --wait > answer.md
genie output --latest --json
"""


def command(
    sessions: Sessions = None,
    wait: Annotated[bool, typer.Option("--wait", help="Once it has ended.")] = False,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    json: AsJson = False,
) -> None:
    """Print the result of a session, and nothing else.

    1 when it has failed without one, or has none yet.
    """
    genie = reach()
    chosen = genie.select(*(sessions or []), team=team, tags=tag or [], latest=latest) if wait else None
    if chosen and len(chosen["sessions"]) == 1:
        row = genie.result(_ended(genie, chosen))
    else:
        row = genie.result(*(sessions or []), team=team, tags=tag or [], latest=latest)
    if json:
        as_json({"session_id": row["session_id"], "result": row["result"]})
        return
    text = row["result"] or ""
    raw(text)
    if sys.stdout.isatty() and text and not text.endswith("\n"):
        line()


def _ended(genie: Genie, chosen: Selected) -> str:
    """The id of the one session that was chosen, once it has ended."""
    (one,) = chosen["sessions"]
    wait = genie.wait_for(chosen)
    with working(f"{one['name']} is {one['state']}…"):
        wait.until(None, on_away=lambda error: say(sentence(error)))
    return str(one["past_session"] or one["session_id"] or one["name"])
