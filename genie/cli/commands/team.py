"""`genie team`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.describing import roster
from genie.cli.output import as_json, fields, line, table
from genie.cli.parsing import AsJson, Command, Quiet, answer_limits, answer_names, answer_teams, epilog, group, pairs
from genie.cli.reach import reach
from genie.cli.spans import since
from genie.client import Genie, Row
from genie.domain.errors import NotFound

HEADING = "Team"

app = group("Teams: agents that share a tmux session.", "genie team create web")

TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="The team.", autocompletion=answer_teams)]


@app.command(cls=Command, epilog=epilog("genie team create web --layout vertical", "POST /v1/teams"))
def create(
    name: Annotated[str, typer.Argument(metavar="TEAM", help="Its name.")],
    session: Annotated[
        str | None, typer.Option(metavar="SESSION", help="Its tmux session; its name if left out.")
    ] = None,
    layout: Annotated[str | None, typer.Option(help="mosaic or vertical.")] = None,
    lead: Annotated[str | None, typer.Option(help="Who leads it.", autocompletion=answer_names)] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A limit of its spawn trees, such as children=5.", autocompletion=answer_limits
        ),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a team. Its tmux session comes with its first agent."""
    row = reach().create_team(
        name, session=session, layout=layout, lead=lead, limits=dict(pairs(limit or [], "--limit"))
    )
    if json:
        as_json(row)
    else:
        line(row["name"] if quiet else f"{row['name']}  session {row['tmux_session']}  layout {row['layout']}")


@app.command(cls=Command, epilog=epilog("genie team ls", "GET /v1/teams"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the teams."""
    rows = reach().teams()
    if json:
        as_json(rows)
        return
    cells = [
        (
            row["name"],
            row["agents"],
            row["lead"],
            row["tmux_session"],
            row["layout"],
            since(row["created_at"]),
            row["cwd"],
        )
        for row in rows
    ]
    header = ("NAME", "AGENTS", "LEAD", "SESSION", "LAYOUT", "AGE", "DIRECTORY")
    for text in [row["name"] for row in rows] if quiet else table(header, cells):
        line(text)


@app.command(cls=Command, epilog=epilog("genie team show web", "GET /v1/teams, GET /v1/agents?team={name}"))
def show(name: TeamName, json: AsJson = False) -> None:
    """Show a team and its agents."""
    genie = reach()
    row = _find(genie, name)
    members = genie.ls(team=name)
    if json:
        as_json({**row, "members": members})
        return
    keys = ("name", "lead", "tmux_session", "layout", "cwd", "created_at")
    for text in (*fields([(key, row[key]) for key in keys]), "", *roster(members)):
        line(text)


def _find(genie: Genie, name: str) -> Row:
    from genie.domain.words import nearest

    rows = {row["name"]: row for row in genie.teams()}
    if name not in rows:
        raise NotFound(f"there is no team '{name}'", hint=nearest(name, rows) or f"genie team create {name}", team=name)
    return rows[name]
