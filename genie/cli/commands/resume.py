"""`genie resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.parsing import AsJson, Quiet, Tags, Team, answer_names
from genie.cli.reach import reach
from genie.cli.targets import Targets, act
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/agents/resume"
EXAMPLE = """
genie resume engineer
genie resume --all
"""


def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="The agents.", autocompletion=answer_names)
    ] = None,
    team: Team = None,
    tag: Tags = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are neither running nor done.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Bring agents back into their sessions.

    Whatever is left of their budget of resumes.
    """
    targets = Targets(names or [], team, tag or [], everything).check("resume")
    if names and everything:
        raise BadInput("--all takes all: names beside it mean nothing", hint="leave one of them out")
    genie = reach()
    return act(
        "resuming",
        lambda: genie.resume(*targets.names, team=team, tags=targets.tags, everything=everything),
        json=json,
        quiet=quiet,
    )
