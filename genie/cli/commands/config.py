"""`genie config`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from genie.cli.output import as_json, line, table, warn
from genie.cli.parsing import AsJson, Command, epilog, group
from genie.paths import Home, project_of

HEADING = "System"

app = group("The configuration: flags, environment, project, user.", "genie config show")


@app.command(cls=Command, epilog=epilog("genie config show"))
def show(json: AsJson = False) -> None:
    """Print each value and where it comes from."""
    from genie.settings import origins

    rows = origins(Home.from_environment(), project=project_of(Path.cwd()), env=os.environ)
    if json:
        as_json([{"key": key, "value": value, "origin": origin} for key, value, origin in rows])
        return
    for text in table(("KEY", "VALUE", "ORIGIN"), rows):
        line(text)


@app.command(cls=Command, epilog=epilog("genie config check"))
def check(json: AsJson = False) -> int:
    """Tell what does not read: file, line, and the nearest key that does. Exit code 2 when there is something."""
    from genie.settings import check as problems_of

    problems = problems_of(Home.from_environment(), project=project_of(Path.cwd()), env=os.environ)
    if json:
        as_json([asdict(problem) for problem in problems])
    for problem in problems:
        warn(f"{problem} — {problem.hint}" if problem.hint else str(problem))
    if not problems and not json:
        line("ok")
    return 2 if problems else 0


@app.command(cls=Command, epilog=epilog("genie config path"))
def path() -> None:
    """Print the user's configuration file."""
    line(str(Home.from_environment().config))
