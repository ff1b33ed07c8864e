"""`genie wait`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from genie.cli.failing import exit_code, sentence
from genie.cli.output import as_json, clean, life_style, line, paint, say, warn, working
from genie.cli.parsing import AsJson, Quiet
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.cli.spans import seconds
from genie.client import Row
from genie.domain.errors import BadInput, TimedOut

HEADING = "Look"
CALL = "GET /v1/sessions, POST /v1/sessions/wait"
EXAMPLE = """
genie wait engineer
genie wait 1f0c --timeout 10m
genie wait --tag nightly --any --json
"""
KEYS = ("session_id", "name", "success", "state", "reason")


def command(
    sessions: Sessions = None,
    any_: Annotated[bool, typer.Option("--any", help="Return when one has ended.")] = False,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help='The longest, such as "10m".')] = None,
    follow_tag: Annotated[
        bool, typer.Option("--follow-tag", help="Those, too, that get the --tag while it waits.")
    ] = False,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Return when sessions have ended.

    0 when all of them are done, 1 when one is not, 124 when the time is over.
    """
    if follow_tag and (not tag or latest):
        raise BadInput("--follow-tag follows a --tag", hint="give --tag TAG, and no --latest")
    longest = seconds(timeout) if timeout is not None else None
    genie = reach()
    selected = genie.select(*(sessions or []), team=team, tags=tag or [], latest=latest)
    for text in selected["notes"]:
        warn(text)
    wait = genie.wait_for(selected, any_=any_, tags=(tag or []) if follow_tag else [], team=team)
    with working(f"waiting for {len(wait.pending)}…"):
        over = wait.until(longest, on_away=lambda error: say(sentence(error)))
    _tell(wait.ended, json=json, quiet=quiet)
    if not over:
        return _late(wait.pending, timeout or "")
    return 0 if all(row["success"] for row in wait.ended) else 1


def _tell(rows: Sequence[Row], *, json: bool, quiet: bool) -> None:
    if json:
        as_json([{key: row.get(key) for key in KEYS} for row in rows])
        return
    for row in rows:
        state = str(row["state"])
        words = [clean(row["name"]), paint(state, *life_style(state)), clean(row.get("reason") or "")]
        line(words[0] if quiet else "  ".join(word for word in words if word))


def _late(pending: Sequence[Row], timeout: str) -> int:
    names = ", ".join(sorted(str(row["name"]) for row in pending))
    span = f"{timeout} s" if timeout.isdigit() else timeout
    error = TimedOut(f"not ended in {span}: {names}", hint="they go on; genie wait again")
    say(sentence(error))
    return exit_code(error)
