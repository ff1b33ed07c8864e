"""`genie run`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli import running as flags
from genie.cli.output import as_json, fields, line, working
from genie.cli.parsing import REST, AsJson, CommandWithRest, Quiet
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


def command(
    ctx: typer.Context,
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="What to do; - reads it from stdin.")] = None,
    provider: flags.Provider = None,
    model: flags.Model = None,
    size: flags.Size = None,
    role: flags.Role = None,
    root: flags.Root = None,
    prompt_file: flags.PromptFile = None,
    auto_approve: flags.AutoApprove = False,
    system_prompt: flags.SystemPrompt = None,
    add_dir: flags.AddDir = None,
    env: flags.Env = None,
    file: flags.File = None,
    mcp_config: flags.McpConfig = None,
    max_turns: flags.MaxTurns = None,
    timeout: flags.Timeout = None,
    ttl: flags.Ttl = None,
    name: flags.Name = None,
    description: flags.Description = None,
    tag: flags.Tag = None,
    depends_on: flags.DependsOn = None,
    inject_context: flags.Inject = False,
    context: flags.Context = None,
    worktree: flags.Worktree = None,
    sandbox: flags.Sandbox = None,
    network: flags.Network = None,
    json_schema: flags.JsonSchema = None,
    extra_args: flags.ExtraArgs = None,
    team: flags.OfTeam = None,
    limit: flags.Limit = None,
    keep: flags.Keep = False,
    interactive: Annotated[bool, typer.Option("--interactive", help="Go on with what genie input says.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Print the result when it has ended.")] = False,
    output: flags.Output = None,
    show_usage: flags.ShowUsage = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be run; start nothing.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Run a session to its end.

    Its id is printed at once; with --wait its result, and the exit code is the session's.
    """
    _check(output, wait=wait, usage=show_usage, interactive=interactive)
    if ctx.meta[REST] == []:
        raise BadInput("there is no command after --", hint="genie run -- COMMAND")
    wanted = asked(
        command=ctx.meta[REST] or [],
        provider=provider,
        model=model,
        size=size,
        role=role,
        cwd=root,
        auto_approve=auto_approve,
        system_prompt=system_prompt,
        add_dirs=add_dir,
        env=env,
        files=file,
        mcp_config=mcp_config,
        max_turns=max_turns,
        timeout=timeout,
        ttl=ttl,
        description=description,
        tags=tag,
        depends_on=depends_on,
        inject=inject_context,
        context=context,
        worktree=worktree,
        sandbox=sandbox,
        network=network,
        json_schema=json_schema,
        extra_args=extra_args,
        team=team,
        limits=limit,
        keep=keep,
        streaming=interactive,
        dry_run=dry_run,
    )
    text = prompt_of(prompt, prompt_file)
    genie = reach()
    with working("starting…"):
        row = genie.run(text, name=name or "", **wanted)
    if dry_run:
        return _tell_plan(row, json=json)
    if not wait:
        tell(row, json=json, quiet=quiet)
        return 0
    return until_end(genie, row, output=output or ("json" if json else "text"), usage=show_usage)


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
    return 0
