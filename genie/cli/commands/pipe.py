"""`genie pipe`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli import running as flags
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


def command(
    ctx: typer.Context,
    sessions: Sessions = None,
    of_tag: Annotated[list[str] | None, typer.Option("--tag", help="Those with this tag; repeatable.")] = None,
    latest: Latest = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Take what they have said so far.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Print the session's id and return.")] = False,
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
    give_tag: Annotated[
        list[str] | None, typer.Option("--give-tag", help="A tag of the new session; repeatable.")
    ] = None,
    worktree: flags.Worktree = None,
    sandbox: flags.Sandbox = None,
    network: flags.Network = None,
    json_schema: flags.JsonSchema = None,
    extra_args: flags.ExtraArgs = None,
    team: flags.OfTeam = None,
    keep: flags.Keep = False,
    output: flags.Output = None,
    show_usage: flags.ShowUsage = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Give the results of sessions to a new one.

    Its answer is printed. Those that have not ended are waited for. The prompt comes after --.
    """
    check_format(output)
    if detach and output is not None:
        raise BadInput("--output is about the answer, which --detach does not wait for", hint="leave one of them out")
    words = ctx.meta[REST] or []
    if len(words) > 1:
        raise BadInput("the prompt after -- is more than one word", hint="put it in quotes")
    prompt = prompt_of(words[0] if words else None, prompt_file)
    if not prompt:
        raise BadInput("there is no prompt", hint="genie pipe SESSION -- 'PROMPT'")
    genie = reach()
    chosen = genie.select(*(sessions or []), tags=of_tag or [], latest=latest)
    for text in chosen["notes"]:
        warn(text)
    if not no_wait:
        _wait(genie, chosen)
    wanted = asked(
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
        tags=give_tag,
        depends_on=None,
        context=None,
        worktree=worktree,
        sandbox=sandbox,
        network=network,
        json_schema=json_schema,
        extra_args=extra_args,
        team=team,
        keep=keep,
    )
    ids = [str(one["session_id"]) for one in chosen["sessions"]]
    with working("starting…"):
        row = genie.pipe(prompt, *ids, wait=not no_wait, name=name or "", **wanted)
    if detach:
        tell(row, json=json, quiet=quiet)
        return 0
    return until_end(genie, row, output=output or ("json" if json else "text"), usage=show_usage)


def _wait(genie: Genie, chosen: Selected) -> None:
    wait = genie.wait_for(chosen)
    with working(f"waiting for {len(wait.pending)}…"):
        wait.until(None, on_away=lambda error: say(sentence(error)))
    for row in wait.ended:
        if not row["success"]:
            warn(f"{row['name']} has {row['state']}")
