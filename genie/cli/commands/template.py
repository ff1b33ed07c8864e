"""`genie template`."""

from __future__ import annotations

from genie.cli.output import as_json, line, table
from genie.cli.parsing import AsJson, Command, Quiet, epilog, group
from genie.cli.reach import reach

HEADING = "Team"

app = group("Templates: what an agent of a role is, as AGENTS.md files.", "genie template ls")


@app.command(cls=Command, epilog=epilog("genie template ls", "GET /v1/templates"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the templates that can be seen from here."""
    rows = reach().templates()
    if json:
        as_json(rows)
        return
    header = ("NAME", "SCOPE", "PROVIDER", "TEAM", "DESCRIPTION", "SOURCE")
    cells = [tuple(row.get(key.lower()) for key in header) for row in rows]
    for text in [row["name"] for row in rows] if quiet else table(header, cells):
        line(text)
