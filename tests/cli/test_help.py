"""Every command explains itself, and starting one imports little."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from typer.core import TyperGroup

from genie.cli.app import root, run
from genie.cli.parsing import HEADINGS, command_names, load
from tests.cli.conftest import Run
from tests.cli.peer import Peer, row

HEAVY = ("sqlalchemy", "psycopg", "libtmux", "apscheduler", "fastapi", "pydantic", "rich", "uvicorn", "http.client")


def commands(command: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    """The words of every command, those of groups included."""
    command = command or root()
    ctx = command.make_context("genie", [], resilient_parsing=True)
    yield words
    if isinstance(command, TyperGroup):
        for name in command.list_commands(ctx):
            yield from commands(command.get_command(ctx, name), (*words, name))


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_help_has_an_example(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    def said(flag: str) -> tuple[int, str, str]:
        return run([*words, flag]), *capsys.readouterr()

    assert said("-h") == said("--help")
    code, out, err = said("--help")
    assert (code, err) == (0, "")
    assert f"Example:\n  {'genie' if words != ('completion',) else 'source'}" in out


def test_the_help_lists_every_command_under_a_heading(genie: Run) -> None:
    out = genie("--help").out
    assert [word for word in HEADINGS if f"\n{word}:\n" in out] == list(HEADINGS)
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert set(command_names()) <= set(listed)
    assert genie().out == out


def test_no_first_sentence_is_cut_off(genie: Run) -> None:
    assert "..." not in genie("--help", COLUMNS="80").out.replace("[ARGS]...", "")


def test_only_the_command_that_is_asked_for_is_imported() -> None:
    script = """
import sys
from genie.cli import app
sys.argv = ["genie", "version", "-h"]
try:
    app.main()
except SystemExit:
    pass
print(sorted(name.rpartition(".")[2] for name in sys.modules if name.startswith("genie.cli.commands.")))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['version']"


@pytest.mark.parametrize("words", [["ls"], ["ls", "--json"], ["show", "a"], ["spawn", "a"], ["--help"]])
def test_nothing_heavy_is_imported(words: list[str], peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/agents"] = [row("a")]
    peer.answers["GET /v1/agents/a"] = row("a") | {"sessions": [], "runs": []}
    peer.answers["POST /v1/agents"] = row("a") | {"decision": "create"}
    script = f"""
import sys
from genie.cli import app
code = app.run({words!r})
sys.stderr.write(" ".join(sys.modules))
raise SystemExit(code)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environ, check=True)
    loaded = set(done.stderr.split())
    assert "genie.cli.parsing" in loaded
    assert not [name for name in HEAVY if name in loaded]


def test_every_command_has_a_known_heading() -> None:
    assert {load(name)[1] for name in command_names()} == set(HEADINGS)


def test_flags_of_what_is_not_there_yet_are_refused(genie: Run) -> None:
    for flag in ("--stream", "--sdk-effort"):
        assert genie("spawn", "a", flag).code == 2
