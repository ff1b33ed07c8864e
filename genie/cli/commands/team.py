"""`genie team`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli import teaming
from genie.cli.describing import roster
from genie.cli.output import as_json, fields, line, table, working
from genie.cli.parsing import (
    AsJson,
    Command,
    Quiet,
    Yes,
    answer_limits,
    answer_names,
    answer_teams,
    epilog,
    group,
    pairs,
)
from genie.cli.reach import reach
from genie.cli.spans import since
from genie.client import Genie, Row
from genie.domain.errors import NotFound

HEADING = "Team"

app = group("Teams: agents that share a tmux session.", "genie team up\ngenie team create web")

TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="The team.", autocompletion=answer_teams)]
AgentNames = Annotated[list[str], typer.Argument(metavar="AGENT", help="The agents.", autocompletion=answer_names)]


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
    repo: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where its agents work, unless they are told otherwise.")
    ] = None,
    worktrees: Annotated[
        bool, typer.Option("--worktrees", help="Give each of its agents a git worktree of its own.")
    ] = False,
    native: Annotated[
        bool | None,
        typer.Option("--native/--no-native", help="Have it be a team of Claude Code's own, too (experimental)."),
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a team. Its tmux session comes with its first agent."""
    limits = dict(pairs(limit or [], "--limit"))
    row = reach().create_team(
        name,
        session=session,
        layout=layout,
        lead=lead,
        limits=limits,
        native=native,
        repo=repo,
        worktrees=worktrees,
    )
    if json:
        as_json(row)
    else:
        line(row["name"] if quiet else f"{row['name']}  session {row['tmux_session']}  layout {row['layout']}")


@app.command(cls=Command, epilog=epilog("genie team ls", "GET /v1/teams"))
def ls(
    everything: Annotated[bool, typer.Option("--all", "-a", help="Archived teams, too.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show the teams."""
    rows = reach().teams(everything=everything)
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
            row.get("repo") or row["cwd"],
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
    keys = ("name", "lead", "tmux_session", "layout", "cwd", "repo", "worktrees", "native", "created_at", "archived_at")
    for text in (*fields([(key, row.get(key)) for key in keys]), "", *roster(members)):
        line(text)


# ---- whole teams, by their file ------------------------------------------------------------


@app.command(
    cls=Command,
    epilog=epilog("genie team up\ngenie team up ops/night.yaml --dry-run", "POST /v1/teams/up"),
)
def up(
    file: Annotated[
        str | None, typer.Argument(metavar="FILE", help="The team file; else the nearest .genie/team.yaml.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell the steps; do nothing.")] = False,
    done: Annotated[bool, typer.Option("--done", help="Resume those that are done, too.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Bring a team to what its file says.

    It spawns who is missing, resumes who is at rest, and leaves who runs.
    """
    genie = reach()
    with working("bringing the team up…"):
        told = genie.team_up(file, done_too=done, dry_run=dry_run)
    if dry_run:
        return teaming.tell_plan(told, json=json, quiet=quiet)
    return teaming.tell_steps(told, json=json, quiet=quiet)


@app.command(cls=Command, epilog=epilog("genie team down\ngenie team down web --yes", "POST /v1/teams/down"))
def down(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="TEAM|FILE", help="A team, or its file; else the nearest one.", autocompletion=answer_teams
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell who would be stopped; do nothing.")] = False,
    yes: Yes = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Stop a team and keep its sessions; genie team up goes on with them."""
    genie = reach()
    team, file = teaming.team_or_file(word)
    meant = genie.team_down(team, file=file, dry_run=True)
    if dry_run:
        return teaming.tell_names(meant, json=json)
    if not teaming.sure("stop", meant["names"], yes=yes):
        return 1
    with working("stopping…"):
        told = genie.team_down(team, file=file)
    return teaming.tell_steps(told, json=json, quiet=quiet)


# ---- teams as they change ------------------------------------------------------------------


@app.command(cls=Command, epilog=epilog("genie team add web engineer", "POST /v1/teams/{name}/add"))
def add(team: TeamName, agents: AgentNames, json: AsJson = False) -> None:
    """Move agents into a team. Their panes stay where they are."""
    teaming.tell_moved(reach().add_to_team(team, agents), json=json)


@app.command(cls=Command, epilog=epilog("genie team remove web engineer", "POST /v1/teams/{name}/remove"))
def remove(team: TeamName, agents: AgentNames, json: AsJson = False) -> None:
    """Take agents out of a team: each is a team of one then."""
    teaming.tell_moved(reach().remove_from_team(team, agents), json=json)


@app.command(cls=Command, epilog=epilog("genie team rename web shop", "POST /v1/teams/{name}/rename"))
def rename(
    team: TeamName, to: Annotated[str, typer.Argument(metavar="NAME", help="Its new name.")], json: AsJson = False
) -> None:
    """Give a team another name. None of its agents may be live."""
    teaming.tell_team(reach().rename_team(team, to), f"{team} is {to} now", json=json)


@app.command(cls=Command, epilog=epilog("genie team archive web", "POST /v1/teams/{name}/archive"))
def archive(team: TeamName, json: AsJson = False) -> None:
    """Put a team away: no list shows it, no spawn finds it."""
    teaming.tell_team(reach().archive_team(team), f"{team} is archived", json=json)


@app.command(cls=Command, epilog=epilog("genie team unarchive web", "POST /v1/teams/{name}/unarchive"))
def unarchive(
    team: Annotated[str, typer.Argument(metavar="TEAM", help="The team.", autocompletion=teaming.answer_archived)],
    json: AsJson = False,
) -> None:
    """Fetch an archived team back."""
    teaming.tell_team(reach().unarchive_team(team), f"{team} is back", json=json)


@app.command(cls=Command, epilog=epilog("genie team disband web", "POST /v1/teams/{name}/disband"))
def disband(
    team: TeamName,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what it would end; do nothing.")] = False,
    yes: Yes = False,
    json: AsJson = False,
) -> int:
    """End a team for good: its agents, its tmux session, and clean worktrees of genie's own.

    Repositories, and worktrees in which something would be lost, stay.
    """
    genie = reach()
    meant = genie.disband_team(team, dry_run=True)
    if dry_run and json:
        as_json(meant)
        return 0
    teaming.show_end(meant, data=dry_run)
    if dry_run:
        return 0
    if not teaming.sure("kill", [*meant["agents"], *meant["along"]], yes=yes):
        return 1
    with working("disbanding…"):
        done = genie.disband_team(team)
    return teaming.tell_disbanded(done, json=json)


def _find(genie: Genie, name: str) -> Row:
    from genie.domain.words import nearest

    rows = {row["name"]: row for row in genie.teams(everything=True)}
    if name not in rows:
        raise NotFound(f"there is no team '{name}'", hint=nearest(name, rows) or f"genie team create {name}", team=name)
    return rows[name]
