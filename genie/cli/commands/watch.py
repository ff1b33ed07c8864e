"""`genie watch`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from genie.cli import keeping
from genie.cli.happening import answer_types, ndjson
from genie.cli.matching import command_of, conditions, fits
from genie.cli.output import warn
from genie.cli.parsing import REST, AsJson, CommandWithRest
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions
from genie.client import Row
from genie.client.cursors import Cursor, cursor
from genie.domain.errors import BadInput
from genie.domain.rule import as_variable
from genie.paths import Home

HEADING = "Look"
CALL = "GET /v1/sessions, GET /v1/sessions/events"
CLASS = CommandWithRest
EXAMPLE = """
genie watch engineer --on session_result -- notify-send '{name} has a result'
genie watch --team web --on failed --on died --name pager -- ./page.sh '{name}' '{event_type}'
genie watch 1f0c --on tool_result --filter tool=Bash,is_error=true --once -- jq .payload.output event.json
"""


def command(
    ctx: typer.Context,
    sessions: Sessions = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--on", metavar="TYPE", help="The type of event; repeatable.", autocompletion=answer_types),
    ] = None,
    filters: Annotated[
        list[str] | None, typer.Option("--filter", metavar="K=V,…", help="Only with these values in its payload.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End after the first.")] = False,
    name: Annotated[str | None, typer.Option("--name", help="Keep under this name how far it came.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="What was told before, too.")] = False,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    as_json: AsJson = False,
) -> int:
    """Run a command for each event of a type.

    Until the sessions end: 0 when every command has ended well, 1 when one has not.
    """
    words, wanted = _command(ctx.meta[REST]), conditions(filters or [])
    if not types:
        raise BadInput("no type of events is given", hint="--on session_result")
    genie = reach()
    with ExitStack() as held:
        selected = genie.select(*(sessions or []), team=team, tags=tag or [], latest=latest)
        kept = held.enter_context(cursor(Home.from_environment(), name)) if name is not None else None
        after = _begin(kept, 0 if replay else int(selected["after"]))
        if not replay and all(one["ended"] for one in selected["sessions"]):
            warn("what is watched has ended; --replay runs the command for what was told before")
        heard = genie.listen_to(selected, types=types, after=after, on_lost=lambda: warn(LOST))
        failed = 0
        for row in heard:
            if fits(row, wanted):
                code = _run(row, words, kept, as_json=as_json)
                failed += code != 0
                if once:
                    break
    return 1 if failed else 0


LOST = "the daemon went away; this goes on when it is back"


def _command(words: list[str] | None) -> list[str]:
    """Raises BadInput for one that is not there."""
    if not words:
        raise BadInput("no command is given", hint="genie watch NAME --on TYPE -- COMMAND")
    if "{" not in words[0] and shutil.which(words[0]) is None:
        raise BadInput(f"there is no command '{words[0]}'", hint="see PATH, or give its path")
    return words


def _begin(kept: Cursor | None, first: int) -> int:
    """After which event to begin: where a watch of that name was, else after `first`."""
    after = kept.read() if kept else None
    if kept and after is None:
        kept.write(first)
    return first if after is None else after


def _run(row: Row, words: list[str], kept: Cursor | None, *, as_json: bool) -> int:
    """Run it to its end; its exit code."""
    argv = command_of(row, words)
    code = _keep(argv, row, kept, apart=as_json)
    if as_json:
        ndjson({"event": row, "command": argv, "exit_code": code})
    elif code:
        warn(f"{argv[0]} ended with exit code {code} (event {row['id']})")
    return code


def _keep(argv: list[str], row: Row, kept: Cursor | None, *, apart: bool) -> int:
    """The keeper ends the command when its stdin is closed, by whatever ends this process."""
    order = {"argv": argv, "mark": kept.mark(int(row["id"])) if kept else None}
    with subprocess.Popen(  # noqa: S603 — our own program, with words of the user's
        [sys.executable, "-I", "-S", str(Path(keeping.__file__))],
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno() if apart else None,
        env=os.environ | {"GENIE_EVENT": as_variable(row)},
        process_group=0,
    ) as keeper:
        assert keeper.stdin  # noqa: S101 — it is a pipe
        try:
            keeper.stdin.write(json.dumps(order).encode() + b"\n")
            keeper.stdin.flush()
            return keeper.wait()
        finally:
            keeper.stdin.close()
            keeper.wait()
