"""`genie ls`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from genie.cli.describing import roster
from genie.cli.output import as_json, line
from genie.cli.parsing import AsJson, Quiet, Tags, Team, Watch
from genie.cli.reach import reach
from genie.cli.watching import watch as go_on
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/agents"
EXAMPLE = """
genie ls
genie ls --team web --state failed
genie ls --wide
genie ls --watch
"""

LOOK_AGAIN = 2.0
"""Seconds after which --watch looks without being told of a change: ages grow, and pushes can be lost."""


def command(
    team: Team = None,
    tag: Tags = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", metavar="STATE", help="Only agents in this state; repeatable.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="What they have used, too: context, cost, limits.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Those that are terminated, too.")] = False,
    watch: Watch = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the agents and how they are."""
    genie = reach()

    def look() -> Sequence[Row]:
        return genie.ls(team=team, tags=tag or [], states=state or [], everything=everything)

    def show(rows: Sequence[Row]) -> None:
        _show(rows, json=json, quiet=quiet, wide=wide)

    if watch:
        go_on(genie, look, show, every=LOOK_AGAIN, json=json)
    else:
        show(look())


def _show(rows: Sequence[Row], *, json: bool, quiet: bool, wide: bool) -> None:
    if json:
        as_json(rows)
        return
    for text in [row["name"] for row in rows] if quiet else roster(rows, wide=wide):
        line(text)
