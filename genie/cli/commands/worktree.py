"""`genie worktree`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import as_json, line, table, working
from genie.cli.parsing import AsJson, Command, Quiet, answer_worktrees, epilog, group
from genie.cli.reach import reach

HEADING = "System"

app = group("Worktrees that genie has made.", "genie worktree ls")


@app.command(cls=Command, epilog=epilog("genie worktree ls", "GET /v1/worktrees"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the worktrees, what would be lost with each, and whose they are."""
    with working("asking git…"):
        rows = reach().worktrees()
    if json:
        as_json(rows)
        return
    header = ("NAME", "STATE", "AGENTS", "BRANCH", "REPOSITORY", "PATH")
    cells = [
        (
            row["name"],
            row["state"] or row["problem"],
            ", ".join(row["agents"]),
            row["branch"],
            row["repository"],
            row["path"],
        )
        for row in rows
    ]
    for text in [row["name"] for row in rows] if quiet else table(header, cells):
        line(text)


@app.command(cls=Command, epilog=epilog("genie worktree remove engineer", "POST /v1/worktrees/remove"))
def remove(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Its name, or its path.", autocompletion=answer_worktrees)
    ],
    json: AsJson = False,
) -> None:
    """Remove a worktree in which nothing would be lost."""
    with working("asking git…"):
        row = reach().remove_worktree(name)
    if json:
        as_json(row)
    else:
        line(f"removed {row['path']}")
