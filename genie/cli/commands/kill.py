"""`genie kill`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.parsing import AsJson, Quiet, Tags, Team, Yes, answer_names
from genie.cli.reach import reach
from genie.cli.targets import Targets, act, confirm

HEADING = "Agents"
CALL = "POST /v1/agents/kill"
EXAMPLE = """
genie kill engineer
genie kill --tag experiment
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
    """End agents and all their processes for good.

    They cannot be resumed; their history stays.
    """
    targets = Targets(names or [], team, tag or []).check("kill")
    genie = reach()
    if not confirm(genie, "kill", targets, yes=yes):
        return 1
    return act("killing", lambda: genie.kill(*targets.names, team=team, tags=targets.tags), json=json, quiet=quiet)
