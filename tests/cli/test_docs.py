"""What the documents say of commands, states, exit codes and each other is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup

from genie.cli.app import root
from genie.cli.failing import exit_code
from genie.domain import errors
from genie.domain.agent import MOVES
from genie.settings.model import KEYS
from tests.cli.test_help import commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG"))]
FLAG = re.compile(r"(?<![\w-])--?[a-z][a-z-]*\b")


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that these words name, and the words that are left for it."""
    command: Any = root()
    rest = list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        ctx = command.make_context("genie", [], resilient_parsing=True)
        found = command.get_command(ctx, rest[0])
        assert found is not None, f"genie {shlex.join(words)}: there is no such command"
        command, rest = found, rest[1:]
    return command, rest


LEAVES = [words for words in commands() if words and not isinstance(resolve(list(words))[0], TyperGroup)]


def sections() -> dict[tuple[str, ...], str]:
    """The part of cli.md that each command has."""
    parts = re.split(r"^### `genie ([^`]+)`\n", (DOCS / "cli.md").read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        words = [word for word in title.split() if re.fullmatch("[a-z]+(-[a-z]+)*", word)]
        found[tuple(words)] = body.split("\n## ")[0]
    return found


def flags_of(words: tuple[str, ...]) -> set[str]:
    command, _ = resolve(list(words))
    ctx = command.make_context("genie", [], resilient_parsing=True)
    given = {opt for param in command.get_params(ctx) for opt in (*param.opts, *param.secondary_opts)}
    return {opt for opt in given if opt.startswith("-")} - {"-h", "--help"}


def test_every_command_has_a_section_and_no_other_has() -> None:
    assert set(sections()) == set(LEAVES)


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_the_flags_of_a_command_are_those_of_its_section(words: tuple[str, ...]) -> None:
    cells = re.findall(r"^\| (`-[^|]*)\|", sections()[words], flags=re.MULTILINE)
    assert {flag for cell in cells for flag in FLAG.findall(cell)} == flags_of(words)


def examples() -> Iterator[tuple[str, str]]:
    """The genie commands in blocks of code, with the name of their page."""
    for page in PAGES:
        for block in re.findall(r"^```(?:sh|console)\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if re.match(r"(\$ )?genie( |$)", line):
                    yield page.name, line.removeprefix("$ ")


@pytest.mark.parametrize(("page", "line"), list(examples()))
def test_a_command_of_the_documents_is_understood(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command, rest = resolve(words)
    ctx = command.make_context("genie", rest, resilient_parsing=False)
    assert not ctx.args


def test_the_readme_has_commands_to_be_understood() -> None:
    assert sum(page == "README.md" for page, _ in examples()) >= 10


def test_a_flag_named_in_prose_belongs_to_some_command() -> None:
    known = {flag for words in LEAVES for flag in flags_of(words)} | {"--help", "-h", "--version"}
    theirs = {"--session-id", "--resume", "-L", "-S"}  # claude's, tmux's
    for page in (DOCS / "lifecycle.md", DOCS / "cli.md"):
        said = {flag for code in re.findall(r"`([^`\n]+)`", page.read_text()) for flag in FLAG.findall(code)}
        assert said <= known | theirs, page.name


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([a-z, –]+) \|$", (DOCS / "lifecycle.md").read_text(), flags=re.MULTILINE)
    told = {state: set(re.findall("[a-z]+", moves)) for state, moves in rows}
    assert told == {life.value: {other.value for other in others} for life, others in MOVES.items()}


def test_the_exit_codes_are_those_of_the_errors() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GenieError)]
    given = {exit_code(kind("")) for kind in kinds} | {0, 130}
    for page in (DOCS / "cli.md", ROOT / "README.md"):
        table = re.search(r"^\| Exit code \|.*?\n\n", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        assert table is not None, page.name
        assert {int(code) for code in re.findall(r"^\| (\d+) \|", table[0], flags=re.MULTILINE)} == given


def test_the_settings_that_are_named_exist() -> None:
    sections_ = {key.partition(".")[0] for key in KEYS if "." in key}
    pattern = re.compile(rf"`((?:{'|'.join(sorted(sections_))})\.[a-z_]+)`")
    for page in (DOCS / "lifecycle.md", DOCS / "why.md", ROOT / "README.md"):
        assert set(pattern.findall(page.read_text())) <= set(KEYS), page.name


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text())) <= targets, page.name
