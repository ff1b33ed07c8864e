"""What `genie run` and `genie pipe` have in common: their flags, waiting for the end, and printing what came of it."""

from __future__ import annotations

import json as json_
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from genie.cli.failing import sentence
from genie.cli.outcomes import tokens
from genie.cli.output import as_json, clean, flush, line, raw, say, warn, working
from genie.cli.parsing import answer_limits, answer_names, answer_providers, answer_teams, answer_templates, pairs
from genie.cli.spans import count
from genie.cli.wishes import SdkEffort, SdkMaxBudget, SdkMaxTurns, SdkResume, wishes
from genie.client import Genie, Row, Run
from genie.domain.errors import BadInput

FORMATS = ("text", "json", "json-pretty", "stream-json")
TIMED_OUT, SIGNALLED = 124, 128


def _formats(incomplete: str) -> list[str]:
    return [word for word in FORMATS if word.startswith(incomplete)]


def _sizes(incomplete: str) -> list[str]:
    return [word for word in ("small", "medium", "large") if word.startswith(incomplete)]


Words = list[str] | None

Provider = Annotated[
    str | None, typer.Option("--provider", help="claude, codex, gemini, ollama, …", autocompletion=answer_providers)
]
Model = Annotated[str | None, typer.Option(help="The provider's model, or small, medium, large.")]
Size = Annotated[str | None, typer.Option(help="small, medium or large model.", autocompletion=_sizes)]
Role = Annotated[str | None, typer.Option(help="A template for it.", autocompletion=answer_templates)]
OfTeam = Annotated[str | None, typer.Option("--team", help="Its team.", autocompletion=answer_teams)]
Root = Annotated[str | None, typer.Option("--root", "--cwd", metavar="DIR", help="Where it works.")]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Let it do everything without asking.")]
SystemPrompt = Annotated[str | None, typer.Option(metavar="TEXT", help="Added to the provider's own.")]
AddDir = Annotated[Words, typer.Option("--add-dir", metavar="DIR", help="Another directory it may use; repeatable.")]
Env = Annotated[Words, typer.Option("--env", metavar="K=V", help="Its environment; repeatable.")]
File = Annotated[Words, typer.Option("--file", metavar="FILE", help="A file to go with the prompt; repeatable.")]
McpConfig = Annotated[str | None, typer.Option(metavar="JSON", help="MCP servers: a file, or JSON.")]
MaxTurns = Annotated[str | None, typer.Option(metavar="N", help="The most turns.")]
Timeout = Annotated[str | None, typer.Option(metavar="TIME", help='End it, and all it started, after "10m".')]
Ttl = Annotated[str | None, typer.Option(metavar="TIME", help="How long it may live from now on, waiting included.")]
Name = Annotated[str | None, typer.Option(help="Its name; one is made up otherwise.")]
Description = Annotated[str | None, typer.Option(help="What it is for.")]
Tag = Annotated[Words, typer.Option("--tag", help="A word to find it by; repeatable.")]
DependsOn = Annotated[
    Words,
    typer.Option(
        "--depends-on", metavar="SESSION", help="Start when it is done; repeatable.", autocompletion=answer_names
    ),
]
Inject = Annotated[bool, typer.Option("--inject-context", help="Tell it the results of what it depends on.")]
Context = Annotated[
    Words,
    typer.Option(
        "--context", metavar="SESSION", help="Tell it that session's result; repeatable.", autocompletion=answer_names
    ),
]
Worktree = Annotated[str | None, typer.Option("--worktree", metavar="[NAME]", help="In a git worktree of its own.")]
Sandbox = Annotated[str | None, typer.Option("--sandbox", metavar="[IMAGE]", help="In a container.")]
Network = Annotated[str | None, typer.Option(help="The container's network.")]
JsonSchema = Annotated[
    str | None, typer.Option("--json-schema", metavar="SCHEMA", help="What its result must fit: a file, or JSON.")
]
ExtraArgs = Annotated[Words, typer.Option(metavar="WORDS", help="More words for the provider's command; repeatable.")]
Limit = Annotated[
    Words,
    typer.Option(
        metavar="KEY=VALUE", help="A limit of what it starts itself; repeatable.", autocompletion=answer_limits
    ),
]
Keep = Annotated[bool, typer.Option("--keep", help="Leave its pane when it is done.")]
PromptFile = Annotated[str | None, typer.Option(metavar="FILE", help="Read the prompt from a file; - is stdin.")]
Output = Annotated[
    str | None,
    typer.Option("--output", metavar="FORMAT", help="text, json, json-pretty, stream-json.", autocompletion=_formats),
]
ShowUsage = Annotated[bool, typer.Option("--show-usage", help="Tokens and price, on stderr.")]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The flags that say what is to be run, and how its result is printed."""

    provider: Provider = None
    model: Model = None
    size: Size = None
    role: Role = None
    root: Root = None
    prompt_file: PromptFile = None
    auto_approve: AutoApprove = False
    system_prompt: SystemPrompt = None
    add_dir: AddDir = None
    env: Env = None
    file: File = None
    mcp_config: McpConfig = None
    max_turns: MaxTurns = None
    timeout: Timeout = None
    ttl: Ttl = None
    name: Name = None
    description: Description = None
    worktree: Worktree = None
    sandbox: Sandbox = None
    network: Network = None
    json_schema: JsonSchema = None
    extra_args: ExtraArgs = None
    team: OfTeam = None
    sdk_max_turns: SdkMaxTurns = None
    sdk_max_budget: SdkMaxBudget = None
    sdk_effort: SdkEffort = None
    sdk_resume: SdkResume = None
    keep: Keep = False
    output: Output = None
    show_usage: ShowUsage = False


def asked(wanted: Wanted, *, tags: Words, **more: Any) -> Run:  # noqa: ANN401
    """The request for these flags; words that are repeated, pairs and numbers are read."""
    sdk = wishes(
        turns=wanted.sdk_max_turns, budget=wanted.sdk_max_budget, effort=wanted.sdk_effort, resume=wanted.sdk_resume
    )
    run: Run = {
        "provider": wanted.provider,
        "model": wanted.model,
        "size": wanted.size,
        "role": wanted.role,
        "cwd": wanted.root,
        "auto_approve": wanted.auto_approve,
        "system_prompt": wanted.system_prompt,
        "add_dirs": wanted.add_dir or [],
        "env": dict(pairs(wanted.env or [], "--env")),
        "files": wanted.file or [],
        "mcp_config": wanted.mcp_config,
        "max_turns": None if wanted.max_turns is None else count(wanted.max_turns, "--max-turns"),
        "timeout": wanted.timeout,
        "ttl": wanted.ttl,
        "description": wanted.description,
        "tags": tags or [],
        "worktree": wanted.worktree,
        "sandbox": wanted.sandbox,
        "network": wanted.network,
        "json_schema": wanted.json_schema,
        "extra_args": _split(wanted.extra_args or []),
        "team": wanted.team,
        "sdk": sdk,
        "keep": wanted.keep,
        **more,  # type: ignore[typeddict-item]  # keys of Run
    }
    return run


def _split(texts: list[str]) -> list[str]:
    try:
        return [word for text in texts for word in shlex.split(text)]
    except ValueError as error:
        raise BadInput(f"--extra-args {texts!r}: {error}".lower(), hint="quote it as a shell would") from error


def prompt_of(text: str | None, file: str | None) -> str | None:
    """The prompt: as it was typed, or what stands in a file or on stdin, byte for byte."""
    if text is not None and file is not None:
        raise BadInput("PROMPT and --prompt-file say both what the prompt is", hint="give one of them")
    if "-" in (text, file):
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    if file is None:
        return text
    try:
        return Path(file).expanduser().read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise BadInput(f"cannot read the prompt from {file}: {error.strerror}", hint="check the path") from error


def check_format(output: str | None) -> None:
    if output is not None and output not in FORMATS:
        raise BadInput(f"unknown format '{output}'", hint=", ".join(FORMATS))


def until_end(genie: Genie, row: Row, *, output: str, usage: bool) -> int:
    """Wait for the end of a session, print what it has come to; the exit code is the session's."""
    _warn(row)
    session = str(row["session_id"])
    if output == "stream-json":
        _stream(genie, session)
    else:
        wait = genie.wait_for(genie.select(session))
        with working(f"{row['name']} is {row['state']}…"):
            wait.until(None, on_away=lambda error: say(sentence(error)))
    found = genie.collect(session)[0]
    _print(found, output)
    if usage and (used := tokens(found["usage"])):
        say(used)
    if found["error"]:
        warn(f"{found['name']}: {found['error']}")
    return 0 if found["status"] == "completed" else exit_of(genie.show(str(found["name"])), session)


def _stream(genie: Genie, session: str) -> None:
    for event in genie.listen(session, on_lost=lambda: warn("reconnecting")):
        line(json_.dumps(event))
        flush()


def _print(found: Row, output: str) -> None:
    if output == "json":
        line(json_.dumps(found))
    elif output == "json-pretty":
        line(json_.dumps(found, indent=2))
    elif output == "text" and found["result_text"]:
        text = str(found["result_text"])
        raw(text if text.endswith("\n") else f"{text}\n")


def exit_of(agent: Row, session: str) -> int:
    """The exit code of a session that has failed: its own, 124 after its time, 128 and the number of a signal."""
    if agent["session_id"] != session:
        return 1
    if str(agent["reason"] or "").startswith("timeout"):
        return TIMED_OUT
    if agent["signal"]:
        return SIGNALLED + int(agent["signal"])
    return int(agent["exit_code"] or 1)


def tell(row: Row, *, json: bool, quiet: bool) -> None:
    """What was started."""
    _warn(row)
    if json:
        as_json(row)
    elif quiet:
        line(str(row["session_id"]))
    else:
        line(str(row["session_id"]))
        say(f"{clean(row['name'])} is {row['state']}{_where(row)}")


def _warn(row: Row) -> None:
    for text in row.get("warnings") or ():
        warn(text)


def _where(row: Row) -> str:
    if row["state"] == "queued":
        return ""
    return f" in {row['tmux_session']}:{row['window']} ({row['pane']})" if row.get("pane") else ""
