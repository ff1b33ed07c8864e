"""Shell completion: the words that may come next. Asks the daemon only if it is up, and never for long."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from genie.cli.output import line
from genie.client import Daemon, Genie, Row
from genie.domain.errors import GenieError
from genie.paths import Home

PATIENCE = 0.15
"""Seconds: somebody has pressed Tab and waits."""


def answer(root: Any, words: list[str]) -> int:  # noqa: ANN401 — typer moved the classes
    """Print what may stand in the place of the last of `words`, for the shell that is the first of them:
    one value a line, for zsh and fish with its description. Silent when there is nothing to say."""
    shell, *typed = words or [""]
    mark = {"zsh": ":", "fish": "\t"}.get(shell)
    for value, text in _candidates(root, typed):
        line(f"{value}{mark}{text}" if mark and text else value)
    return 0


def _candidates(root: Any, typed: list[str]) -> list[tuple[str, str]]:  # noqa: ANN401
    *before, incomplete = [word for word in typed if word != "="] or [""]
    if "--" in before:
        return []
    command, ctx, rest = _descend(root, before)
    inner = command.after(rest) if hasattr(command, "after") else []
    if inner:
        return _candidates(root, [*inner, incomplete])
    if incomplete.startswith("-"):
        items = _options(command, incomplete)
    elif isinstance(command, TyperGroup):
        items = [(name, _help(command, ctx, name)) for name in command.list_commands(ctx)]
    else:
        items = _values(command, ctx, rest, incomplete) + [(verb, "") for verb in getattr(command, "verbs", ())]
    return [(value, text) for value, text in items if value.startswith(incomplete)]


def _descend(command: Any, words: list[str]) -> tuple[Any, Any, list[str]]:  # noqa: ANN401
    """The command that `words` lead to, its context, and the words that are left for it."""
    ctx = command.make_context("genie", [], resilient_parsing=True)
    rest = list(words)
    while isinstance(command, TyperGroup) and rest:
        found = command.get_command(ctx, rest.pop(0))
        if found is None:
            continue
        command = found
        ctx = command.make_context(command.name, [], parent=ctx, resilient_parsing=True)
    return command, ctx, rest


def _help(command: TyperGroup, ctx: Any, name: str) -> str:  # noqa: ANN401
    found = command.get_command(ctx, name)
    return found.get_short_help_str(60) if found else ""


def _options(command: Any, incomplete: str) -> list[tuple[str, str]]:  # noqa: ANN401
    return [
        (option, getattr(param, "help", None) or "")
        for param in command.params
        for option in (*param.opts, *param.secondary_opts)
        if option.startswith(incomplete if incomplete != "-" else "--")
    ] + [("--help", "Show the help.")]


def _values(command: Any, ctx: Any, rest: list[str], incomplete: str) -> list[tuple[str, str]]:  # noqa: ANN401
    """Values of the option that stands before, otherwise of the arguments."""
    last = rest[-1] if rest else ""
    for param in command.params:
        if last and last in param.opts and not getattr(param, "is_flag", False):
            return _of(param, ctx, incomplete)
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    return [item for param in arguments for item in _of(param, ctx, incomplete)]


def _of(param: Any, ctx: Any, incomplete: str) -> list[tuple[str, str]]:  # noqa: ANN401
    return [(str(item.value), str(item.help or "")) for item in param.shell_complete(ctx, incomplete)]


def agents(incomplete: str) -> list[str]:
    """Names of agents that begin so."""
    return _ask(incomplete, lambda genie: genie.ls(timeout=PATIENCE))


def teams(incomplete: str) -> list[str]:
    """Names of teams that begin so."""
    return _ask(incomplete, lambda genie: genie.teams(timeout=PATIENCE))


def archived_teams(incomplete: str) -> list[str]:
    """Names of archived teams that begin so."""
    return _ask(
        incomplete,
        lambda genie: [row for row in genie.teams(everything=True, timeout=PATIENCE) if row.get("archived_at")],
    )


def schedules(incomplete: str) -> list[str]:
    """Names of schedules that begin so."""
    return _ask(incomplete, lambda genie: genie.schedules(timeout=PATIENCE))


def worktrees(incomplete: str) -> list[str]:
    """Names of worktrees that begin so."""
    return _ask(incomplete, lambda genie: genie.worktrees(timeout=PATIENCE))


def templates(incomplete: str) -> list[str]:
    """Names of templates that begin so."""
    return _ask(incomplete, lambda genie: genie.templates(timeout=PATIENCE))


def providers(incomplete: str) -> list[str]:
    """Names of providers that begin so: those of genie, and the files that declare others. No daemon is asked, which
    would look for the program of each."""
    home = Home.from_environment()
    folder = Path(__file__).parent.parent / "adapters" / "providers"
    brought = {path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py")}
    known = brought | {path.stem for path in home.providers.glob("*.toml")}
    return sorted(name for name in known if name.startswith(incomplete))


def _ask(incomplete: str, question: Callable[[Genie], Iterable[Row]]) -> list[str]:
    try:
        rows = question(Genie(Daemon(Home.from_environment(), start=False)))
    except GenieError:
        return []
    return sorted({row["name"] for row in rows if row["name"].startswith(incomplete)})
