"""`genie attach`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.attaching import show
from genie.cli.parsing import answer_names, answer_teams
from genie.cli.reach import reach
from genie.client import Genie, Row
from genie.domain.errors import BadInput, Conflict, NotFound

HEADING = "Look"
CALL = "GET /v1/agents/{name}/place"
EXAMPLE = """
genie attach engineer
genie attach --team web
"""


def command(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The agent.", autocompletion=answer_names)] = None,
    team: Annotated[str | None, typer.Option(help="The team to show.", autocompletion=answer_teams)] = None,
) -> None:
    """Show an agent's pane in this terminal.

    Attaches to tmux, or switches the client when inside it. Without a name, the session of the only team
    that has agents in panes.
    """
    genie = reach()
    if name and team:
        raise BadInput("NAME and --team say both what to show", hint="give one of them")
    if name:
        show(genie.place(name) | {"name": name}, again=f"genie attach {name}")
    show(_team(genie, team), again="genie attach" + (f" --team {team}" if team else ""))


def _team(genie: Genie, asked: str | None) -> Row:
    """The session of a team, by the place of one of its agents that is in a pane."""
    rows = [row for row in genie.ls(team=asked) if row.get("pane") and row["state"] == "running"]
    teams = sorted({str(row["team"]) for row in rows})
    if not teams:
        raise NotFound(f"no agent of team '{asked}' runs" if asked else "no agent runs", hint="genie ls --all")
    if len(teams) > 1:
        raise Conflict(f"several teams run: {', '.join(teams)}", hint=f"genie attach --team {teams[0]}", teams=teams)
    place = genie.place(rows[0]["name"])
    return {"socket": place["socket"], "session": place["session"], "name": rows[0]["name"]}
