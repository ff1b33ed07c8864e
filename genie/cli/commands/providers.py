"""`genie providers`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import as_json, line, table
from genie.cli.parsing import AsJson, Command, Quiet, answer_providers, epilog, group
from genie.cli.reach import reach
from genie.client import Row
from genie.domain.errors import NotFound

HEADING = "System"

app = group("Providers: the programs that agents are.", "genie providers ls")


@app.command(cls=Command, epilog=epilog("genie providers ls", "GET /v1/providers"))
def ls(json: AsJson = False, quiet: Quiet = False) -> None:
    """Show the providers, where their programs are, and what each can do."""
    rows = reach().providers()
    if json:
        as_json(rows)
        return
    header = ("NAME", "PROGRAM", "VERSION", "SESSIONS", "MODELS", "SOURCE")
    for text in [row["name"] for row in rows] if quiet else table(header, [_cells(row) for row in rows]):
        line(text)


def _cells(row: Row) -> tuple[object, ...]:
    ways = ", ".join(row["ways"]) or row["problem"]
    models = ", ".join(f"{size}={model}" for size, model in row["models"].items())
    return (row["name"], row["program"], row["version"], ways, models, row["source"] or "built in")


@app.command(cls=Command, epilog=epilog("genie providers check aider", "GET /v1/providers/problems"))
def check(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only this one.", autocompletion=answer_providers)
    ] = None,
    json: AsJson = False,
) -> int:
    """Check the files that declare providers. Exit code 1 when something is wrong."""
    genie = reach()
    problems = genie.provider_problems()
    if name is not None:
        problems = [bad for bad in problems if str(bad["file"]).endswith(f"/{name}.toml")]
        if not problems and name not in {row["name"] for row in genie.providers()}:
            raise NotFound(f"there is no provider '{name}'", hint="genie providers ls", provider=name)
    if json:
        as_json(problems)
    else:
        for bad in problems:
            line(f"{bad['message']} ({bad['hint']})" if bad["hint"] else bad["message"])
    return int(bool(problems))
