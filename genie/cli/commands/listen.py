"""`genie listen`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.conversing import Conversation
from genie.cli.happening import answer_types, ndjson
from genie.cli.output import flush, warn, write
from genie.cli.parsing import AsJson
from genie.cli.reach import reach
from genie.cli.selecting import Latest, OfTags, OfTeam, Sessions

HEADING = "Look"
CALL = "GET /v1/sessions, GET /v1/sessions/events"
EXAMPLE = """
genie listen engineer
genie listen 1f0c --show-thinking --timestamps
genie listen --latest --filter assistant_message --filter tool_call --json
"""


def command(
    sessions: Sessions = None,
    types: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="TYPE", help="Only this type; repeatable.", autocompletion=answer_types),
    ] = None,
    thinking: Annotated[bool, typer.Option("--show-thinking", help="The reasoning, too.")] = False,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="Begin with the time (UTC).")] = False,
    team: OfTeam = None,
    tag: OfTags = None,
    latest: Latest = False,
    json: AsJson = False,
) -> int:
    """Print a session's conversation until it ends.

    0 when it is done, 1 when it has failed.
    """
    kinds = _kinds(types, thinking=thinking)
    genie = reach()
    chosen = genie.select(*(sessions or []), team=team, tags=tag or [], latest=latest)
    heard = genie.listen_to(chosen, types=kinds, on_lost=lambda: warn(LOST))
    shown = Conversation(timestamps=timestamps, named=len(heard.sessions) > 1)
    for row in heard:
        if json:
            ndjson(row)
        elif text := shown.event(row):
            write(text)
            flush()
    for one in heard.ended:
        if not one["success"]:
            warn(" ".join(str(one[key]) for key in ("name", "state", "reason") if one[key]))
    return 0 if heard.success else 1


LOST = "the daemon went away; this goes on when it is back"


def _kinds(types: list[str] | None, *, thinking: bool) -> list[str]:
    """All that is said, without the reasoning; or what was asked for."""
    from genie.domain.events import SAID, Kind

    hidden = () if thinking else (Kind.REASONING,)
    wanted = types or [kind.value for kind in SAID if kind not in hidden]
    return [*wanted, *([Kind.REASONING.value] if thinking and types else [])]
