"""What docs/providers.md says of providers is so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions, provider_names
from genie.adapters.providers._argv import KNOWN
from genie.adapters.providers._declaration import Declaration
from genie.domain.errors import BadInput
from genie.domain.session import Way
from genie.domain.words import PermissionMode
from genie.ports import Ask, Task
from tests.adapters.test_providers import make_ask
from tests.fakes.sdk import python_with_sdk

PAGE = (Path(__file__).parents[2] / "docs" / "providers.md").read_text()
SIZES = ("small", "medium", "large")
ASKED: dict[str, dict[str, object]] = {
    "model": {"model": "a-model"},
    "role prompt": {"role_prompt": "You are ada."},
    "permission mode": {"permission_mode": PermissionMode.MANUAL},
    "effort": {"effort": "high"},
    "skill": {"skill": "tdd"},
    "tools": {"tools": ("Bash",)},
    "directories": {"add_dirs": ("/srv",)},
    "more arguments": {"extra_args": ("--more",)},
}
WANTED: dict[str, dict[str, object]] = {
    "size": {"size": "small"},
    "system prompt": {"system_prompt": "Be terse."},
    "max turns": {"max_turns": 3},
    "MCP servers": {"mcp_config": "m.json"},
    "auto-approve": {"auto_approve": True},
    "schema": {"schema": "schema.json"},
}


def rows(first: str) -> list[list[str]]:
    """The cells of the table whose head begins with that word."""
    table = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)
    assert table is not None, first
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table[1].splitlines()]


@pytest.fixture(scope="module")
def bin_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    for name in ("claude", "codex", "gemini", "ollama", "tool"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder.parent / "schema.json").write_text("{}")
    skill = folder.parent / "codex-home" / "skills" / "tdd" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: tdd\ndescription: Test first.\n---\nTest first.\n")
    python_with_sdk(folder)
    return folder


def usual(bin_dir: Path, name: str) -> Ask:
    env = {"PATH": str(bin_dir), "IS_SANDBOX": "1", "CODEX_HOME": str(bin_dir.parent / "codex-home")}
    ask = make_ask(bin_dir, prompt="go", env=env, command=("tool",) if name == "shell" else ())
    return replace(ask, model="a-model") if name == "ollama" else ask


def takes(bin_dir: Path, name: str, what: str) -> bool:
    task = Task(way=Way.ONE_SHOT)
    try:
        options = {"claude-sdk": ProviderOptions(python=str(bin_dir / "python-with-sdk"))}
        InstalledProviders(options).get(name).attended(
            replace(usual(bin_dir, name), **ASKED.get(what, {})),  # type: ignore[arg-type]  # fields of Ask
            replace(task, **WANTED.get(what, {})),  # type: ignore[arg-type]  # fields of Task
        )
    except BadInput:
        return False
    return True


def test_the_table_of_what_can_be_asked_for(bin_dir: Path) -> None:
    head = re.search(r"^\| Asked for \|(.*)\|$", PAGE, flags=re.MULTILINE)
    assert head is not None
    names = [name.strip() for name in head[1].split("|")]
    assert sorted(names) == list(provider_names())
    told = {row[0].strip("`"): dict(zip(names, row[1:], strict=True)) for row in rows("Asked for")}
    assert told.keys() == ASKED.keys() | WANTED.keys()
    for what, cells in told.items():
        assert {name: "yes" if takes(bin_dir, name, what) else "no" for name in names} == cells, what


def test_the_table_of_providers() -> None:
    told = {row[0].strip("`"): row[1:] for row in rows("Provider")}
    assert sorted(told) == list(provider_names())
    for name, (_, ways, conversation, models) in told.items():
        one = InstalledProviders({}).get(name)
        assert ways == ", ".join(way.value for way in Way if way in one.ways)
        assert (conversation != "none") == one.conversational
        assert models == (", ".join(one.models[size] for size in SIZES if size in one.models) or "–")


def test_every_field_and_placeholder_is_told() -> None:
    fields = {word for row in rows("Field") for word in re.findall(r"`(\w+)`", row[0])}
    assert fields == set(Declaration.model_fields)
    assert {word for row in rows("Placeholder") for word in re.findall(r"`\{(\w+)\}`", row[0])} == set(KNOWN)


def test_the_example_is_one(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    assert example is not None
    (tmp_path / "aider.toml").write_text(example[1])
    providers = InstalledProviders({}, tmp_path)
    assert providers.problems() == []
    assert providers.get("aider").ways == {Way.INTERACTIVE, Way.ONE_SHOT}
