"""`genie run`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli import running as flags
from genie.cli.bundles import spread
from genie.cli.output import as_json, fields, line, warn, working
from genie.cli.parsing import REST, AsJson, CommandWithRest, Quiet, pairs
from genie.cli.reach import reach
from genie.cli.running import asked, check_format, prompt_of, tell, until_end
from genie.client import Row
from genie.domain.errors import BadInput

HEADING = "Agents"
CALL = "POST /v1/sessions"
CLASS = CommandWithRest
EXAMPLE = """
genie run 'fix the flaky test' --provider claude --wait
genie run --name checks --timeout 10m -- make check
genie run 'explain the failure' --depends-on checks --inject-context
genie run --interactive --name helper
"""


@spread(flags.Wanted)
def command(
    ctx: typer.Context,
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="What to do; - reads it from stdin.")] = None,
    *,
    wanted: flags.Wanted,
    tag: flags.Tag = None,
    depends_on: flags.DependsOn = None,
    inject_context: flags.Inject = False,
    context: flags.Context = None,
    limit: flags.Limit = None,
    on_resume: Annotated[
        str | None, typer.Option("--on-resume", metavar="TEXT", help="What it is told when brought back, or none.")
    ] = None,
    interactive: Annotated[bool, typer.Option("--interactive", help="Go on with what genie input says.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Print the result when it has ended.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be run; start nothing.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Run a session to its end.

    Its id is printed at once; with --wait its result, and the exit code is the session's.
    """
    _check(wanted.output, wait=wait, usage=wanted.show_usage, interactive=interactive)
    if ctx.meta[REST] == []:
        raise BadInput("there is no command after --", hint="genie run -- COMMAND")
    request = asked(
        wanted,
        tags=tag,
        command=ctx.meta[REST] or [],
        depends_on=depends_on or [],
        inject=inject_context,
        context=context or [],
        limits=dict(pairs(limit or [], "--limit")),
        on_resume=on_resume,
        streaming=interactive,
        dry_run=dry_run,
    )
    text = prompt_of(prompt, wanted.prompt_file)
    genie = reach()
    with working("starting…"):
        row = genie.run(text, name=wanted.name or "", **request)
    if dry_run:
        return _tell_plan(row, json=json)
    if not wait:
        tell(row, json=json, quiet=quiet)
        return 0
    return until_end(genie, row, output=wanted.output or ("json" if json else "text"), usage=wanted.show_usage)


def _check(output: str | None, *, wait: bool, usage: bool, interactive: bool) -> None:
    check_format(output)
    for flag, said in (("--output", output is not None), ("--show-usage", usage)):
        if said and not wait:
            raise BadInput(f"{flag} is about the result", hint="add --wait")
    if interactive and wait:
        raise BadInput("--wait waits for an end that --interactive leaves open", hint="genie listen, or genie wait")


def _tell_plan(row: Row, *, json: bool) -> int:
    if json:
        as_json(row)
        return 0
    shown = [("name", row["name"]), ("team", row["team"]), ("argv", " ".join(row.get("argv") or []))]
    shown += [("cwd", row.get("cwd")), ("tmux", f"session {row.get('tmux_session')}, window {row.get('window')}")]
    for one in fields(shown):
        line(one)
    for text in row.get("warnings") or ():
        warn(text)
    return 0
