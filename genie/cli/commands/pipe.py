"""`genie pipe`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli import running as flags
from genie.cli.bundles import spread
from genie.cli.failing import sentence
from genie.cli.output import say, warn, working
from genie.cli.parsing import REST, AsJson, CommandWithRest, Quiet
from genie.cli.reach import reach
from genie.cli.running import asked, check_format, prompt_of, tell, until_end
from genie.cli.selecting import Latest, Sessions
from genie.client import Genie, Selected
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/sessions"
CLASS = CommandWithRest
EXAMPLE = """
genie pipe research -- 'write a summary for the team'
genie pipe --tag review --provider codex --detach -- 'which of these findings are real?'
"""


@spread(flags.Wanted)
def command(
    ctx: typer.Context,
    sessions: Sessions = None,
    of_tag: Annotated[list[str] | None, typer.Option("--tag", help="Those with this tag; repeatable.")] = None,
    latest: Latest = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Take what they have said so far.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the session's id and return.")] = False,
    *,
    wanted: flags.Wanted,
    give_tag: Annotated[
        list[str] | None, typer.Option("--give-tag", help="A tag of the new session; repeatable.")
    ] = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Give the results of sessions to a new one.

    Its answer is printed. Those that have not ended are waited for. The prompt comes after --.
    """
    check_format(wanted.output)
    if detach and wanted.output is not None:
        raise BadInput("--output is about the answer, which --detach does not wait for", hint="leave one of them out")
    words = ctx.meta[REST] or []
    if len(words) > 1:
        raise BadInput("the prompt after -- is more than one word", hint="put it in quotes")
    prompt = prompt_of(words[0] if words else None, wanted.prompt_file)
    if not prompt:
        raise BadInput("there is no prompt", hint="genie pipe SESSION -- 'PROMPT'")
    genie = reach()
    chosen = genie.select(*(sessions or []), tags=of_tag or [], latest=latest)
    for text in chosen["notes"]:
        warn(text)
    if not no_wait:
        _wait(genie, chosen)
    ids = [str(one["session_id"]) for one in chosen["sessions"]]
    with working("starting…"):
        row = genie.pipe(prompt, *ids, wait=not no_wait, name=wanted.name or "", **asked(wanted, tags=give_tag))
    if detach:
        tell(row, json=json, quiet=quiet)
        return 0
    return until_end(genie, row, output=wanted.output or ("json" if json else "text"), usage=wanted.show_usage)


def _wait(genie: Genie, chosen: Selected) -> None:
    wait = genie.wait_for(chosen)
    with working(f"waiting for {len(wait.pending)}…"):
        wait.until(None, on_away=lambda error: say(sentence(error)))
    for row in wait.ended:
        if not row["success"]:
            warn(f"{row['name']} has {row['state']}")
