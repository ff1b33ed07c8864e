"""What every command shares on its way in: help with an example, `--` and the loading of the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from genie.domain.errors import BadInput

HEADINGS = ("Agents", "Look", "Team", "System")
REST = "genie.rest"
"""Key in a context's meta: the words after `--`, or None when there was no `--`."""


def answer_names(incomplete: str) -> list[str]:
    """Names of agents for completion; nothing when no daemon runs."""
    from genie.cli.completing import agents

    return agents(incomplete)


def answer_teams(incomplete: str) -> list[str]:
    from genie.cli.completing import teams

    return teams(incomplete)


def answer_templates(incomplete: str) -> list[str]:
    from genie.cli.completing import templates

    return templates(incomplete)


def answer_providers(incomplete: str) -> list[str]:
    from genie.cli.completing import providers

    return providers(incomplete)


def answer_worktrees(incomplete: str) -> list[str]:
    from genie.cli.completing import worktrees

    return worktrees(incomplete)


def answer_limits(incomplete: str) -> list[str]:
    from genie.domain.tree import KEYS

    return [f"{key}=" for key in KEYS if key.startswith(incomplete)]


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print names only.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it until interrupted.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AgentName = Annotated[str, typer.Argument(metavar="NAME", help="The agent.", autocompletion=answer_names)]
Team = Annotated[
    str | None, typer.Option("--team", metavar="TEAM", help="Only agents of this team.", autocompletion=answer_teams)
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Only agents with this tag; repeatable.")]


class _Words:
    """What typer makes of the words of a parameter: here they stay strings, lists of strings and flags.

    Typer's own way imports pydantic, which takes longer than all the rest of `genie ls` together.
    """

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:  # noqa: ANN401, ARG002 — the shape that typer calls
        if param.multiple or param.nargs == -1:
            return list(value or ())
        return value


class _Ours:
    """Parameters that are plain words, and help whose epilog stands as it is written: an example, and the
    request behind the command."""

    epilog: str | None

    def get_params(self, ctx: Any) -> list[Any]:  # noqa: ANN401 — typer moved the classes
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]  # mixed into classes that have it
        for param in params:
            if hasattr(param, "get_runtime_param"):
                vars(param)["get_runtime_param"] = _Words
        return params

    def format_epilog(self, _ctx: Any, formatter: Any) -> None:  # noqa: ANN401 — typer moved the classes
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog.rstrip() + "\n")


class Command(_Ours, TyperCommand):
    """One verb."""


ALONE = ("--worktree", "--sandbox")
"""Options whose value may be left out: the next word is theirs unless it is another option, or has spaces in it."""


class CommandWithRest(Command):
    """A command that takes the words after `--` as they are, and options whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        ctx.meta[REST] = None
        if "--" in args:
            at = args.index("--")
            ctx.meta[REST] = args[at + 1 :]
            args = args[:at]
        followed = zip(args, [*args[1:], "-"], strict=False)
        words = [f"{word}=" if word in ALONE and _is_no_value(after) else word for word, after in followed]
        return super().parse_args(ctx, words)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        return [*super().collect_usage_pieces(ctx), "[-- WORD...]"]


def _is_no_value(word: str) -> bool:
    return not word or word.startswith("-") or any(map(str.isspace, word))


class Group(_Ours, TyperGroup):
    """A command of commands: without a word it shows its help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401
        if not args and not ctx.resilient_parsing:
            typer.echo(ctx.get_help())
            ctx.exit(0)
        return super().parse_args(ctx, args)


def epilog(example: str, call: str = "") -> str:
    """The foot of a command's help: example lines and the API call that any other face would make."""
    lines = ["Example:", *(f"  {line}" for line in example.strip().splitlines())]
    return "\n".join([*lines, "", "API:", f"  {call}"] if call else lines)


def group(text: str, example: str) -> typer.Typer:
    """A Typer application for a command that has commands."""
    app = typer.Typer(
        cls=Group,
        help=text,
        epilog=epilog(example),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)  # without it a group of one command would be that command
    return app


def _nothing() -> None:
    pass


def plain() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Commands(_Ours, TyperGroup):
    """The commands are the files of `genie.cli.commands`; only the one that is asked for is imported.

    Such a file has HEADING (where the help lists it) and either `app`, a group, or EXAMPLE, CALL and
    `command`, a function; `CLASS` where that is no plain Command.
    """

    def list_commands(self, _ctx: Any) -> list[str]:  # noqa: ANN401
        return command_names()

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        return load(cmd_name)[0] if cmd_name in command_names() else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401
        if not ctx.resilient_parsing and args[0] not in command_names() and not args[0].startswith("-"):
            from genie.domain.words import nearest

            raise BadInput(f"there is no command '{args[0]}'", hint=nearest(args[0], command_names()))
        return super().resolve_command(ctx, args)

    def format_commands(self, _ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        loaded = [(name, *load(name)) for name in command_names()]
        for heading in HEADINGS:
            rows = [
                (name, command.get_short_help_str(formatter.width - 20))
                for name, command, under in loaded
                if under == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


def command_names() -> list[str]:
    folder = Path(__file__).parent / "commands"
    return sorted(file.stem for file in folder.glob("[!_]*.py"))


def load(name: str) -> tuple[Any, str]:
    """The command of that name, imported and built, and its heading."""
    module = import_module(f"genie.cli.commands.{name}")
    app = getattr(module, "app", None)
    if app is None:
        app = plain()
        foot = epilog(module.EXAMPLE, module.CALL)
        app.command(name, cls=getattr(module, "CLASS", Command), epilog=foot)(module.command)
    built = typer.main.get_command(app)
    built.name = name
    return built, str(module.HEADING)


def pairs(words: list[str], flag: str) -> Iterator[tuple[str, str]]:
    """`K=V` words, taken apart. Raises BadInput."""
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise BadInput(f"{flag} {word!r} is not KEY=VALUE", hint=f"{flag} {key or 'KEY'}=…")
        yield key, value


Verb = Callable[..., int | None]
