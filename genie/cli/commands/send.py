"""`genie send`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from genie.cli.output import as_json, clean, line, raw, say
from genie.cli.parsing import AsJson, answer_names
from genie.cli.reach import reach
from genie.cli.spans import seconds
from genie.client import Row
from genie.domain.errors import Failed, TimedOut

HEADING = "Agents"
CALL = "POST /v1/messages"
EXAMPLE = """
genie send engineer 'the API has changed: pull before you go on'
git diff | genie send engineer -
genie send reviewer --ask --timeout 10m 'is the branch ready?'
"""


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name or session id.", autocompletion=answer_names)],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say; - reads it from stdin.")],
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="A second message with this key is not sent.")
    ] = None,
    raw_: Annotated[bool, typer.Option("--raw", help="The bare text, without who wrote it.")] = False,
    cross_team: Annotated[bool, typer.Option("--cross-team", help="Also to an agent of another team.")] = False,
    wait: Annotated[bool, typer.Option("--wait-delivered", help="Return when it has arrived.")] = False,
    ask: Annotated[bool, typer.Option("--ask", help="Wait for the answer, and print it.")] = False,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help='The longest to wait, such as "10m".')] = None,
    json: AsJson = False,
) -> int:
    """Send a message to an agent.

    It arrives as soon as the agent can take it, and after those that were sent before.
    """
    longest = seconds(timeout) if timeout is not None else None
    said = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if text == "-" else text
    genie = reach()
    row = genie.send(name, said, key=key, raw=raw_, cross_team=cross_team, answer=ask)
    if wait or ask:
        try:
            row = {**row, **genie.wait_for_message(str(row["id"]), answer=ask, timeout=longest)}
        except TimedOut as error:
            say(f"genie: {clean(error.message)}; {error.hint}")
            return 124
    if json:
        as_json(row)
    else:
        _tell(row, ask=ask)
    why = str(row["reason"] or row["state"])
    if (wait or ask) and row["state"] in ("failed", "unproven"):
        raise Failed(f"the message is {row['state']}: {why}", hint=f"genie inbox {row['to']}")
    if ask and row["state"] == "answered" and row["reason"]:
        raise Failed(f"the turn of the message has failed: {why}", hint=f"genie history {row['to']}")
    return 0


def _tell(row: Row, *, ask: bool) -> None:
    if ask and row["state"] == "answered":
        answer = str(row["answer"] or "")
        if row["reason"] and not answer:
            return
        raw(answer if answer.endswith("\n") else f"{answer}\n")
        return
    waits = f"  ({clean(str(row['waits']))})" if row.get("waits") else ""
    again = "  (sent before)" if row.get("repeated") else ""
    line(f"{str(row['id'])[:8]}  {row['state']}  to {clean(str(row['to']))}{waits}{again}")
