"""`genie next`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from genie.cli.attaching import show
from genie.cli.output import as_json, clean, line
from genie.cli.parsing import AsJson, answer_teams
from genie.cli.reach import reach
from genie.client import Genie, Row
from genie.domain.errors import NotAllowed, NotFound, Refused

HEADING = "Look"
CALL = "GET /v1/needs, GET /v1/agents/{name}/place"
EXAMPLE = """
genie next
genie next --team web
genie next --no-attach
"""


def command(
    team: Annotated[str | None, typer.Option(help="Only agents of this team.", autocompletion=answer_teams)] = None,
    no_attach: Annotated[bool, typer.Option("--no-attach", help="Only tell who it is.")] = False,
    json: AsJson = False,
) -> None:
    """Go to the next agent that needs you.

    That asks for a permission or something else, or whose resume attempts are spent: who waits longest first, and from
    the pane of one to the next. When nobody needs you the exit code is 3.
    """
    genie = reach()
    rows = _from(genie.needs(team=team), os.environ.get("TMUX_PANE") if os.environ.get("TMUX") else None)
    found = next(_placed(genie, rows), None)
    if found is None:
        raise _nobody(rows, team)
    row, place = found
    if json:
        as_json({**row, "place": place})
    elif no_attach:
        line("  ".join((clean(row["name"]), str(row["need"]), str(place["pane"]))))
    else:
        show({**place, "name": row["name"]}, again="genie next")


def _from(rows: Sequence[Row], present: str | None) -> list[Row]:
    """Those after the one in the present pane first, and that one last."""
    at = next((at for at, row in enumerate(rows) if present and row.get("pane") == present), -1)
    return [*rows[at + 1 :], *rows[: at + 1]]


def _placed(genie: Genie, rows: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    """Each that is in a pane, and where. A pane can have gone since."""
    for row in rows:
        try:
            yield row, genie.place(str(row["name"]))
        except (NotAllowed, NotFound, Refused):
            continue


def _nobody(rows: Sequence[Row], team: str | None) -> NotFound:
    if not rows:
        return NotFound(f"no agent of team '{team}' needs you" if team else "no agent needs you", hint="genie ls")
    names = ", ".join(str(row["name"]) for row in rows)
    return NotFound(f"who needs you is in no pane: {names}", hint=f"genie explain {rows[0]['name']}")
