"""`genie ps`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from genie.cli.drawing import Pen, means, memory, pen, sparkline
from genie.cli.managing import answer_verbs, check_flags, manage, named, taken_apart
from genie.cli.output import as_json, life_style, line, table
from genie.cli.parsing import AsJson, Quiet, Tags, Team, Watch, Yes
from genie.cli.reach import reach
from genie.cli.spans import moment, now, since
from genie.cli.targets import Targets
from genie.cli.watching import watch as go_on
from genie.client import Row
from genie.domain.errors import BadInput

HEADING = "Look"
CALL = "GET /v1/runs, POST /v1/agents/stop, POST /v1/agents/kill"
EXAMPLE = """
genie ps
genie ps --sort cpu --watch
genie ps engineer --json
genie ps show self
genie ps stop engineer
"""

LOOK_AGAIN = 2.5
"""Seconds after which --watch looks again: what runs use is no event."""
HEADER = ("NAME", "STATE", "PID", "CPU", "RSS", "PROCS", "LAST 4 MIN", "UPTIME")
COLUMNS, STEP = 24, 10.0
"""Of a sparkline: how many, and the seconds of each."""
QUIET = 10.0
"""Percent: a run that has used less draws no mountains."""
ORDERS = ("cpu", "rss", "name")


def _answer_orders(incomplete: str) -> list[str]:
    return [order for order in ORDERS if order.startswith(incomplete)]


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="The agents; before them list, show, stop or kill.", autocompletion=answer_verbs
        ),
    ] = None,
    team: Team = None,
    tag: Tags = None,
    sort: Annotated[str | None, typer.Option("--sort", help="cpu, rss or name.", autocompletion=_answer_orders)] = None,
    watch: Watch = False,
    yes: Yes = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Show the live runs and what they use.

    list does so, too; show tells all of them, stop and kill end them; self is the agent whose run this is in.
    """
    verb, words = taken_apart(names or [])
    if sort is not None and sort not in ORDERS:
        raise BadInput(f"--sort {sort!r} is none of {', '.join(ORDERS)}", hint="genie ps --sort cpu")
    genie = reach()
    names = named(genie, words)
    if verb != "list":
        check_flags(verb, {"--watch": watch, "--sort": sort is not None, "--yes": yes and verb == "show"})
        targets = Targets(names, team, tag or [])
        return manage(genie, verb, targets, yes=yes, json=json, quiet=quiet)
    check_flags(verb, {"--yes": yes})

    def look() -> Sequence[Row]:
        return ordered(genie.runs(*names, team=team, tags=tag or []), sort)

    def show(rows: Sequence[Row]) -> None:
        if json:
            as_json(rows)
            return
        for text in [row["name"] for row in rows] if quiet else drawn(rows, pen(), now()):
            line(text)

    if watch:
        go_on(genie, look, show, every=LOOK_AGAIN, json=json)
    else:
        show(look())
    return 0


def ordered(rows: Sequence[Row], by: str | None) -> Sequence[Row]:
    """The greatest first, those of which nothing is known last; without `by` as they come."""
    if by is None:
        return rows
    if by == "name":
        return sorted(rows, key=lambda row: str(row["name"]))
    return sorted(rows, key=lambda row: -1.0 if row[by] is None else float(row[by]), reverse=True)


def drawn(rows: Sequence[Row], with_: Pen, at: datetime) -> Iterator[str]:
    """The runs as a table."""
    cells = [_cells(row, with_, at) for row in rows]
    return table(HEADER, cells, {"NAME": lambda _: ("bold",), "STATE": life_style})


def _cells(row: Row, with_: Pen, at: datetime) -> tuple[Any, ...]:
    history = [(moment(past["at"]), float(past["cpu"])) for past in row["history"]]
    past = means(history, now=at, step=STEP, count=COLUMNS)
    return (
        row["name"],
        row["state"],
        row["pid"],
        "" if row["cpu"] is None else f"{row['cpu']:.1f}%",
        memory(row["rss"]),
        row["processes"],
        sparkline(past, with_, least=QUIET),
        since(row["started_at"]),
    )
