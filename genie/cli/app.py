"""The command `genie`: finds the verb, runs it, turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from genie.cli.failing import INTERRUPTED, report, report_bug
from genie.cli.output import ReaderGone, flush, line, write
from genie.cli.parsing import Commands, epilog
from genie.domain.errors import BadInput, GenieError


def main() -> None:
    """Run the command line of this process."""
    raise SystemExit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Run one command line; its exit code."""
    _steady_streams()
    try:
        code = _invoke(list(args))
        flush()
    except ReaderGone:
        # `genie ls | head` and `| grep -q` have got what they wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _invoke(args: list[str]) -> int:
    if args[:1] == ["__complete"]:
        from genie.cli.completing import answer

        return answer(root(), args[1:])
    json = "--json" in args[: args.index("--")] if "--" in args else "--json" in args
    try:
        result = root().main(args=args, prog_name="genie", standalone_mode=False)
    except GenieError as error:
        return report(error, json=json)
    except typer.TyperException as error:
        return report(_usage(error), json=json)
    except typer.Abort:
        return INTERRUPTED
    except ReaderGone:
        raise
    except Exception as error:  # noqa: BLE001 — the outermost edge of the command line
        return report_bug(error, json=json)
    return result if isinstance(result, int) else 0


def root() -> Any:  # noqa: ANN401 — typer moved the classes of commands between releases
    """The group of all commands."""
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        epilog=epilog("genie spawn engineer --prompt 'fix the flaky test'\ngenie attach engineer\ngenie demo"),
    )
    app.callback()(_genie)
    return typer.main.get_command(app)


def _genie(
    ctx: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """Run coding agents in tmux panes, and bring them back when they die."""
    if version:
        from genie import __version__

        line(__version__)
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        write(ctx.get_help() + "\n")


def _usage(error: typer.TyperException) -> BadInput:
    ctx = getattr(error, "ctx", None)
    text = " ".join(error.format_message().split()).rstrip(".")
    return BadInput(text[:1].lower() + text[1:], hint=f"{ctx.command_path if ctx else 'genie'} --help")


def _steady_streams() -> None:
    """Let names and texts that are no UTF-8 pass through as they came."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")
