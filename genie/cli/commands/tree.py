"""`genie tree`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from genie.cli.describing import ending, left
from genie.cli.drawing import Pen, branches, memory, pen
from genie.cli.output import as_json, life_style, line, table
from genie.cli.parsing import AsJson, Quiet, Watch, answer_names
from genie.cli.reach import reach
from genie.cli.spans import since
from genie.cli.watching import watch as go_on
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/tree"
EXAMPLE = """
genie tree
genie tree engineer --all
genie tree --watch
"""

LOOK_AGAIN = 2.5
"""Seconds after which --watch looks again: what runs use is no event."""
HEADER = ("NAME", "STATE", "DEPTH", "PID", "CPU", "MEMORY", "TREE", "UPTIME", "TTL", "EXIT")
ORPHAN = ", orphan"


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Only below this agent.", autocompletion=answer_names)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are terminated, too.")] = False,
    watch: Watch = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show who has spawned whom, and what they use."""
    genie = reach()

    def look() -> Sequence[Row]:
        return genie.tree(name, everything=everything)

    def show(rows: Sequence[Row]) -> None:
        if json:
            as_json(rows)
            return
        for text in [row["name"] for row in rows] if quiet else drawn(rows, pen()):
            line(text)

    if watch:
        go_on(genie, look, show, every=LOOK_AGAIN, json=json)
    else:
        show(look())


def drawn(rows: Sequence[Row], with_: Pen) -> Iterator[str]:
    """The forest as a table, whose first column is the drawing."""
    before = branches([row["level"] for row in rows], with_)
    cells = [(f"{branch}{row['name']}", *_cells(row)) for branch, row in zip(before, rows, strict=True)]
    return table(HEADER, cells, {"STATE": _style})


def _style(state: str) -> Sequence[str]:
    return ("yellow", "bold") if state.endswith(ORPHAN) else life_style(state.partition(":")[0])


def _cells(row: Row) -> tuple[object, ...]:
    runs = row["started_at"] and not row["ended_at"]
    return (
        _state(row),
        row["depth"],
        row["pid"],
        "" if row["cpu"] is None else f"{row['cpu']:.1f}%",
        memory(row["rss"]),
        memory(row["tree_rss"]),
        since(row["started_at"]) if runs else "",
        left(row),
        ending(row),
    )


def _state(row: Row) -> str:
    """The state, with what must not be overlooked: that its parent is gone, or why it failed."""
    if row["orphan"]:
        return f"{row['state']}{ORPHAN}"
    return f"failed: {row['reason']}" if row["state"] == "failed" and row["reason"] else str(row["state"])
