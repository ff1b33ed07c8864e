"""`genie cancel`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import warn
from genie.cli.parsing import AsJson, Quiet, Yes
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.cli.targets import Targets, act, confirm

HEADING = "Agents"
CALL = "GET /v1/sessions, POST /v1/sessions/cancel"
EXAMPLE = """
genie cancel 1f0c --reason 'no longer needed'
genie cancel --tag nightly --yes
"""


def command(
    sessions: Sessions = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in the history.")] = None,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    yes: Yes = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """End sessions and all their processes for good.

    One that has ended stays as it is.
    """
    genie = reach()
    selected = genie.select(*(sessions or []), team=team, tags=tag or [], latest=latest)
    for text in selected["notes"]:
        warn(text)
    chosen = selected["sessions"]
    live = [row["name"] for row in chosen if not row["ended"]]
    if not confirm(genie, "cancel", Targets(live, None, ()), yes=yes):
        return 1
    agents = [row["agent_id"] for row in chosen]
    return act("cancelling", lambda: genie.cancel_agents(agents, reason=reason), json=json, quiet=quiet)
