"""`genie stop`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.parsing import AsJson, Quiet, Tags, Team, Yes, answer_names
from genie.cli.reach import reach
from genie.cli.targets import Targets, act, confirm

HEADING = "Agents"
CALL = "POST /v1/agents/stop"
EXAMPLE = """
genie stop engineer
genie stop --team web --yes
"""


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="The agents.", autocompletion=answer_names)
    ] = None,
    team: Team = None,
    tag: Tags = None,
    yes: Yes = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """End agents politely, keep their sessions.

    genie resume goes on where they were.
    """
    targets = Targets(names or [], team, tag or []).check("stop")
    genie = reach()
    if not confirm(genie, "stop", targets, yes=yes):
        return 1
    return act("stopping", lambda: genie.stop(*targets.names, team=team, tags=targets.tags), json=json, quiet=quiet)
