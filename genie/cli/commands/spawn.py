"""`genie spawn`."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from genie.cli.bundles import spread
from genie.cli.describing import chain, limits, provider, spawned, team
from genie.cli.failing import exit_code
from genie.cli.output import as_json, fields, line, paint, say, warn, working
from genie.cli.parsing import (
    REST,
    AsJson,
    CommandWithRest,
    Quiet,
    answer_limits,
    answer_names,
    answer_providers,
    answer_teams,
    answer_templates,
    pairs,
)
from genie.cli.reach import reach
from genie.cli.spans import count, seconds
from genie.cli.streaming import Streamed, check_streams, copy_turn
from genie.client import Genie, Row, Spawn
from genie.domain.errors import BadInput, Failed, GenieError

HEADING = "Agents"
CALL = "POST /v1/agents"
CLASS = CommandWithRest
EXAMPLE = """
genie spawn engineer --prompt 'fix the flaky test'
genie spawn build --team web -- make watch
genie spawn reviewer --role engineer --model opus --dry-run
genie spawn worker_1 --ttl 30m --limit children=5 -- python worker.py
"""


def _one_of(*words: str) -> Any:  # noqa: ANN401
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


@spread(Streamed)
def command(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.", autocompletion=answer_templates)],
    provider_: Annotated[
        str | None,
        typer.Option("--provider", help="claude, codex, gemini, shell, …", autocompletion=answer_providers),
    ] = None,
    team_: Annotated[str | None, typer.Option("--team", help="Its team.", autocompletion=answer_teams)] = None,
    role: Annotated[
        str | None, typer.Option(help="The template, where NAME is none.", autocompletion=answer_templates)
    ] = None,
    model: Annotated[str | None, typer.Option(help="The provider's model, or small, medium, large.")] = None,
    skill: Annotated[str | None, typer.Option(help="A skill to begin with.")] = None,
    prompt: Annotated[str | None, typer.Option(help="Its first prompt; - reads it from stdin.")] = None,
    prompt_file: Annotated[str | None, typer.Option(metavar="FILE", help="Read the first prompt from a file.")] = None,
    new_window: Annotated[bool, typer.Option("--new-window", help="In a tmux window of its own.")] = False,
    window: Annotated[str | None, typer.Option(help="In this tmux window, made if missing.")] = None,
    layout: Annotated[
        str | None, typer.Option(help="mosaic or vertical.", autocompletion=_one_of("mosaic", "vertical"))
    ] = None,
    color: Annotated[str | None, typer.Option(help="Colour of its border.")] = None,
    plan_mode: Annotated[bool, typer.Option("--plan-mode", help="Begin in plan mode.")] = False,
    permission_mode: Annotated[str | None, typer.Option(help="What it may do without asking.")] = None,
    extra_args: Annotated[
        list[str] | None, typer.Option(metavar="WORDS", help="More words for the provider's command; repeatable.")
    ] = None,
    cwd: Annotated[str | None, typer.Option(metavar="DIR", help="Where it works.")] = None,
    session: Annotated[str | None, typer.Option(metavar="SESSION", help="The tmux session to put it in.")] = None,
    no_auto_resume: Annotated[bool, typer.Option("--no-auto-resume", help="Leave it dead when it dies.")] = False,
    on_resume: Annotated[
        str | None, typer.Option("--on-resume", metavar="TEXT", help="What it is told when brought back, or none.")
    ] = None,
    env: Annotated[list[str] | None, typer.Option("--env", metavar="K=V", help="Its environment; repeatable.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; repeatable.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    parent: Annotated[str | None, typer.Option(help="Whose child it is.", autocompletion=answer_names)] = None,
    parent_pid: Annotated[
        str | None, typer.Option(metavar="PID", help="A process above you whose run is the parent.")
    ] = None,
    restart: Annotated[
        str | None,
        typer.Option(help="on-failure, always or never.", autocompletion=_one_of("on-failure", "always", "never")),
    ] = None,
    ttl: Annotated[str | None, typer.Option(metavar="TIME", help="How long it may live, such as 30m.")] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A limit of its spawn tree, such as children=5.", autocompletion=answer_limits
        ),
    ] = None,
    worktree: Annotated[
        str | None, typer.Option("--worktree", metavar="[NAME]", help="In a git worktree of its own, called so.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when it has ended.")] = False,
    timeout: Annotated[str | None, typer.Option(metavar="TIME", help='The longest --wait, such as "10m".')] = None,
    wanted: Streamed = Streamed(),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be done; start nothing.")] = False,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Start an agent, or bring it back.

    A name that is not running is resumed; beside one that runs, a parallel is made.
    """
    if timeout is not None and not wait:
        raise BadInput("--timeout bounds --wait", hint="add --wait")
    if parent is not None and parent_pid is not None:
        raise BadInput("--parent and --parent-pid say both whose child it is", hint="give one of them")
    text = _prompt(prompt, prompt_file)
    check_streams(wanted.format, prompted=bool(text or skill), plain=ctx.meta[REST] is not None, quiet=quiet)
    longest = seconds(timeout) if timeout is not None else None
    asked: Spawn = {
        "command": ctx.meta[REST] or [],
        "provider": provider_,
        "team": team_,
        "role": role,
        "model": model,
        "skill": skill,
        "prompt": text,
        "new_window": new_window,
        "window": window,
        "layout": layout,
        "color": color,
        "plan_mode": plan_mode,
        "permission_mode": permission_mode,
        "extra_args": _words(extra_args or []),
        "sdk": wanted.sdk(),
        "cwd": cwd,
        "session": session,
        "auto_resume": False if no_auto_resume else None,
        "on_resume": on_resume,
        "env": dict(pairs(env or [], "--env")),
        "tags": tag or [],
        "description": description,
        "parent": parent,
        "parent_pid": count(parent_pid, "--parent-pid") if parent_pid is not None else None,
        "restart": restart,
        "ttl": ttl,
        "limits": dict(pairs(limit or [], "--limit")),
        "worktree": worktree,
        "dry_run": dry_run,
    }
    if ctx.meta[REST] == []:
        raise BadInput("there is no command after --", hint=f"genie spawn {name} -- COMMAND")
    genie = reach()
    with working(f"spawning {name}…"):
        row = genie.spawn(name, **asked)
    if dry_run:
        return _tell_plan(row, json=json)
    if wanted.format:
        _tell_aside(row)
        return copy_turn(genie, row, wanted.format)
    if wait:
        return _wait(genie, row, longest, json=json, quiet=quiet)
    _tell(row, json=json, quiet=quiet)
    return 0


def _prompt(text: str | None, file: str | None) -> str | None:
    if text is not None and file is not None:
        raise BadInput("--prompt and --prompt-file say both what the prompt is", hint="give one of them")
    if text == "-" or file == "-":
        return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")
    if file is None:
        return text
    try:
        return Path(file).expanduser().read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise BadInput(f"cannot read the prompt from {file}: {error.strerror}", hint="check the path") from error


def _words(texts: list[str]) -> list[str]:
    try:
        return [word for text in texts for word in shlex.split(text)]
    except ValueError as error:
        raise BadInput(f"--extra-args {texts!r}: {error}".lower(), hint="quote it as a shell would") from error


def _tell(row: Row, *, json: bool, quiet: bool) -> None:
    if json:
        as_json(row)
    elif quiet:
        line(row["name"])
    else:
        for text in spawned(row):
            line(text)
    for text in row.get("warnings") or ():
        warn(text)


def _tell_aside(row: Row) -> None:
    """On stderr, where stdout is for what it says."""
    for text in spawned(row):
        say(text)
    for text in row.get("warnings") or ():
        warn(text)


def _wait(genie: Genie, row: Row, limit: float | None, *, json: bool, quiet: bool) -> int:
    if not json:
        _tell(row, json=False, quiet=quiet)
    with working(f"{row['name']} is running…"):
        end = genie.wait(str(row["session_id"] or row["name"]), timeout=limit)[0]
    last = genie.show(end["name"])
    ended = {"state": end["state"], "reason": end["reason"]}
    ended |= {key: last.get(key) for key in ("exit_code", "signal", "ended_at")}
    if json:
        _tell({**row, **ended}, json=True, quiet=False)
    if end["success"]:
        return 0
    error = _ending(row["name"], end)
    say(f"genie: {error.message} — {error.hint}")
    return exit_code(error)


def _ending(name: str, end: Row) -> GenieError:
    reason = f" ({end['reason']})" if end.get("reason") else ""
    return Failed(f"{name} ended {end['state']}{reason}", hint=f"genie explain {name}")


def _tell_plan(row: Row, *, json: bool) -> int:
    if json:
        as_json(row)
        return 0
    template = row.get("template") or {}
    shown = [
        ("name", row["name"]),
        ("decision", f"{row['decision']}: {row['reason']}" if row.get("reason") else row["decision"]),
        ("template", f"{template['name']} ({template['scope']}, {template['source']})" if template else "none"),
        ("provider", provider(row)),
        ("argv", shlex.join(row.get("argv") or [])),
        ("cwd", row.get("cwd")),
        ("worktree", f"a new one, {row['worktree']}" if row.get("worktree") else None),
        ("environment", " ".join(row.get("env_names") or [])),
        ("tmux", f"session {row.get('tmux_session')}, window {row.get('window')}, layout {row.get('layout')}"),
        ("color", row.get("color")),
        ("restart", f"{row.get('restart')}, auto-resume {'on' if row.get('auto_resume') else 'off'}"),
        ("parent", f"{row['parent']}, at depth {row.get('depth')}" if row.get("parent") else None),
        ("ttl", None if row.get("ttl") is None else f"{row['ttl']:g} s"),
        ("limits", limits(row) or None),
        ("team", team(row).removeprefix("team ")),
    ]
    for text in (*fields(shown), *chain(row.get("team_chain") or [], row.get("team_tier"))):
        line(text)
    line(paint("nothing was started", "dim"))
    for text in row.get("warnings") or ():
        warn(text)
    return 0
