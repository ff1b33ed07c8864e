"""What codex is started with."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.adapters.providers import InstalledProviders
from genie.domain.errors import BadInput
from genie.domain.words import PermissionMode
from tests.adapters.test_providers import bin_dir, make_ask

__all__ = ["bin_dir"]

CODEX = InstalledProviders({}).get("codex")
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=200)


def argv(bin_dir: Path, **changes: object) -> tuple[str, ...]:
    return CODEX.plan(make_ask(bin_dir, **changes)).argv[1:]


def test_codex_runs_without_its_shared_server_and_asks(bin_dir: Path) -> None:
    assert argv(bin_dir) == ("--no-daemon", "-a", "on-request")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (PermissionMode.MANUAL, ("-a", "on-request", "-s", "read-only")),
        (PermissionMode.ACCEPT_EDITS, ("-a", "on-request", "-s", "workspace-write")),
        (PermissionMode.AUTO, ("--approve-for-me",)),
        (PermissionMode.DONT_ASK, ("-a", "never", "-s", "workspace-write")),
        (PermissionMode.BYPASS, ("--dangerously-bypass-approvals-and-sandbox",)),
    ],
)
def test_permission_modes(mode: PermissionMode, words: tuple[str, ...], bin_dir: Path) -> None:
    assert argv(bin_dir, permission_mode=mode)[1:] == words


@given(role=texts.filter(str.strip), replaced=st.booleans())
def test_the_role_prompt_is_a_toml_string(role: str, replaced: bool, bin_dir: Path) -> None:
    words = argv(bin_dir, role_prompt=role, replace_system_prompt=replaced)
    setting = words[words.index("-c") + 1]
    # Codex parses what stands after the equals sign as a TOML value.
    assert tomllib.loads(setting) == {"instructions" if replaced else "developer_instructions": role.strip()}


def test_other_options(bin_dir: Path) -> None:
    words = argv(bin_dir, model="gpt-x", effort="low", add_dirs=("/a b", "/c"), extra_args=("--search",), prompt="-x")
    assert words == (
        *("--no-daemon", "-m", "gpt-x", "-c", 'model_reasoning_effort="low"', "-a", "on-request"),
        *("--add-dir", "/a b", "--add-dir", "/c", "--search", "--", "-x"),
    )


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("provider codex takes no tools", {"tools": ("Bash",)}),
        ("provider codex takes no disallowed_tools", {"disallowed_tools": ("Bash",)}),
        ("provider codex takes no mcp", {"mcp": ("m.json",)}),
        ("provider codex has no permission mode plan", {"permission_mode": PermissionMode.PLAN}),
        ("provider codex has no model 'large'", {"model": "large"}),
        ("the limit is 100000", {"role_prompt": "x" * 100_000}),
        ("is genie's own to give", {"extra_args": ("--dangerously-bypass-approvals-and-sandbox",)}),
        ("is genie's own to give", {"extra_args": ("--sandbox=danger-full-access",)}),
    ],
)
def test_what_it_cannot_honour_is_refused(message: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=message):
        argv(bin_dir, **changes)
