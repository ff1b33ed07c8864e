"""`genie gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.outcomes import size
from genie.cli.output import as_json, line, say, table, warn, working
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.spans import seconds

HEADING = "System"
CALL = "POST /v1/gc"
EXAMPLE = """
genie gc
genie gc --older-than 30d --force
"""


def command(
    older_than: Annotated[str, typer.Option("--older-than", metavar="TIME", help="Of what ended so long ago.")] = "7d",
    force: Annotated[bool, typer.Option("--force", help="Remove it; else it is only told.")] = False,
    json: AsJson = False,
) -> int:
    """Clear up after sessions that ended some time ago.

    Logs, dead panes, unused worktrees, old events, samples, messages and permission requests of genie's own.
    """
    age = seconds(older_than)
    with working("looking…"):
        rows = reach().gc(age=age, force=force)
    if json:
        as_json(rows)
    else:
        verb = "REMOVED" if force else "COUNT"
        cells = [(row["what"], str(row["removed" if force else "count"]), size(row["bytes"])) for row in rows]
        for one in table(("WHAT", verb, "SIZE"), cells):
            line(one)
        if not force and any(row["count"] for row in rows):
            say("genie: nothing was removed — genie gc --force removes it")
    problems = [text for row in rows for text in row["problems"]]
    for text in problems:
        warn(text)
    return 1 if problems else 0
