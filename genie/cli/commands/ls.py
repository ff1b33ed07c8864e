"""`genie ls`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from genie.cli.describing import roster
from genie.cli.output import as_json, flush, line, write
from genie.cli.parsing import AsJson, Quiet, Tags, Team
from genie.cli.reach import reach
from genie.client import Genie, Row

HEADING = "Look"
CALL = "GET /v1/agents"
EXAMPLE = """
genie ls
genie ls --team web --state failed
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
    everything: Annotated[bool, typer.Option("--all", help="Those that are terminated, too.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it until interrupted.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the agents and how they are."""
    genie = reach()

    def look() -> list[Row]:
        return genie.ls(team=team, tags=tag or [], states=state or [], everything=everything)

    if watch:
        _watch(genie, look, json=json, quiet=quiet)
    else:
        _show(look(), json=json, quiet=quiet)


def _show(rows: list[Row], *, json: bool, quiet: bool) -> None:
    if json:
        as_json(rows)
        return
    for text in [row["name"] for row in rows] if quiet else roster(rows):
        line(text)


def _watch(genie: Genie, look: Callable[[], list[Row]], *, json: bool, quiet: bool) -> None:
    """On a terminal the picture is drawn over itself; elsewhere each change is a new one."""
    from genie.client.changes import Changes

    changes = Changes(genie)
    drawn: list[Row] | None = None
    while True:
        rows = look()
        if sys.stdout.isatty() and not json:
            write("\x1b[H\x1b[J")
            _show(rows, json=False, quiet=quiet)
        elif rows != drawn:
            _show(rows, json=json, quiet=quiet)
        drawn = rows
        flush()
        changes.wait(LOOK_AGAIN)
