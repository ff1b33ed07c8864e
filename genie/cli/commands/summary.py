"""`genie summary`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from genie.cli.outcomes import header, price, text, tokens
from genie.cli.output import as_json, fields, line, table
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.cli.spans import short
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/sessions/summary"
EXAMPLE = """
genie summary engineer
genie summary --tag nightly --stats
genie summary 1f0c --json
"""
HEADER = ("NAME", "TURNS", "CALLS", "FILES", "TIME", "IN", "OUT", "READ", "WRITTEN", "COST")


def command(
    sessions: Sessions = None,
    stats: Annotated[bool, typer.Option("--stats", help="Numbers only, a line a session.")] = False,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    json: AsJson = False,
) -> None:
    """Print what sessions did: turns, tools, files, time."""
    ask = reach().stats if stats else reach().summary
    rows: Sequence[Row] = ask(*(sessions or []), team=team, tags=tag or [], latest=latest)
    if json:
        as_json(rows)
        return
    told = table(HEADER, [_cells(row) for row in rows]) if stats else _pages(rows)
    for one in told:
        line(one)


def _cells(row: Row) -> tuple[object, ...]:
    return (
        row["name"],
        row["turns"],
        row["tool_calls"],
        row["files_written"],
        short(row["duration"]),
        row["input"],
        row["output"],
        row["cache_read"],
        row["cache_write"],
        None if row["cost"] is None else price(row["cost"]),
    )


def _pages(rows: Sequence[Row]) -> Iterator[str]:
    for number, row in enumerate(rows):
        if number:
            yield ""
        yield from _page(row)


def _page(row: Row) -> Iterator[str]:
    calls = ", ".join(f"{name} {count}" for name, count in row["tool_calls"].items())
    yield header(row)
    yield from fields(
        [
            ("turns", str(row["turns"])),
            ("tools", calls),
            ("files", ", ".join(row["files_written"])),
            ("time", short(row["duration"])),
            ("tokens", tokens(row["usage"])),
            ("error", row["error"]),
        ]
    )
    if row["result_head"]:
        yield from text(str(row["result_head"]))
