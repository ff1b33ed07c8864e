"""Finding providers, and what claude, codex and a plain command are started with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.domain.errors import BadInput, MissingProgram
from genie.domain.session import Launch, Session
from genie.domain.words import PermissionMode
from genie.ports import Ask, Plan, Provider, Providers

SESSION = UUID("2b9c5df3-2f0c-4d3a-9d54-0f3f6f2f9e55")
HOSTILE = ["$(touch x)", "`id`", 'it\'s "quoted"', "a\nb\n", "-p", "--resume", "--", "😀 é", "\\", "#", "@x", " lead"]

prompts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300),
)


@pytest.fixture(scope="module")
def bin_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with programs of the right names; nothing here runs them but `--version`."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("claude", "codex", "tool"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} 1.2.3'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def make_ask(bin_dir: Path, **changes: object) -> Ask:
    ask = Ask(
        session=SESSION,
        name="ada",
        team="core",
        role_prompt="",
        replace_system_prompt=False,
        prompt=None,
        prompt_file=None,
        command=(),
        cwd=str(bin_dir.parent),
        model=None,
        effort=None,
        permission_mode=None,
        skill=None,
        skills=(),
        tools=(),
        disallowed_tools=(),
        mcp=(),
        add_dirs=(),
        extra_args=(),
        env={"PATH": str(bin_dir), "HOME": str(bin_dir.parent)},
    )
    return replace(ask, **changes)  # type: ignore[arg-type]  # the caller's words are fields of Ask


def provider(name: str, **options: object) -> Provider:
    return InstalledProviders({name: ProviderOptions(**options)}).get(name)  # type: ignore[arg-type]  # fields


def session_of(plan: Plan, cwd: str, *, name: str = "claude", prompted: bool = True) -> Session:
    return Session(
        id=SESSION,
        agent=SESSION,
        provider=name,
        provider_session=plan.provider_session,
        launch=Launch(argv=plan.argv, cwd=cwd, prompt=plan.prompt),
        role_prompt="",
        created_at=datetime.now(UTC),
        prompted=prompted,
    )


# ---- the folder -----------------------------------------------------------------------------


def test_providers_are_the_files_of_the_folder() -> None:
    providers: Providers = InstalledProviders({})
    assert {"claude", "codex", "shell"} <= set(providers.names())
    assert all(not name.startswith("_") for name in providers.names())
    for name in ("claude", "codex", "shell"):
        assert providers.get(name).name == name
        assert providers.get(name) is providers.get(name)


def test_naming_providers_imports_none() -> None:
    code = (
        "import sys\n"
        "from genie.adapters.providers import InstalledProviders\n"
        "found = InstalledProviders({})\n"
        "assert 'claude' in found.names()\n"
        "found.get('shell')\n"
        "made = [m for m in sys.modules if m.startswith('genie.adapters.providers.') and '._' not in m]\n"
        "assert made == ['genie.adapters.providers.shell'], made\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(("word", "hint"), [("claud", "claude"), ("codx", "codex"), ("zzz", "known: ")])
def test_an_unknown_provider_names_the_nearest(word: str, hint: str) -> None:
    with pytest.raises(BadInput) as caught:
        InstalledProviders({}).get(word)
    assert word in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("word", ["_program", "-program", "../claude", "__init__", ""])
def test_what_is_no_provider_is_never_imported(word: str) -> None:
    with pytest.raises(BadInput):
        InstalledProviders({}).get(word)


# ---- programs -------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "package"), [("claude", "@anthropic-ai/claude-code"), ("codex", "@openai/codex")])
def test_a_missing_program_says_how_to_install_it(name: str, package: str, tmp_path: Path, bin_dir: Path) -> None:
    with pytest.raises(MissingProgram) as caught:
        provider(name).plan(make_ask(bin_dir, env={"PATH": str(tmp_path)}))
    assert f"provider {name} needs the program '{name}', which is not on PATH of the caller" in caught.value.message
    assert f"npm install -g {package}" in caught.value.hint


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_the_program_is_looked_up_in_the_path_of_the_caller(name: str, bin_dir: Path) -> None:
    absolute = provider(name).plan(make_ask(bin_dir))
    relative = provider(name).plan(make_ask(bin_dir, env={"PATH": f"nowhere:{bin_dir.name}"}))
    assert absolute.argv[0] == relative.argv[0] == str(bin_dir / name)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_the_configuration_names_another_program(name: str, bin_dir: Path) -> None:
    ask = make_ask(bin_dir, env={})
    assert provider(name, binary=str(bin_dir / "tool")).plan(ask).argv[0] == str(bin_dir / "tool")
    with pytest.raises(MissingProgram, match="cannot be run"):
        provider(name, binary="/nonexistent/agent").plan(ask)
    # A folder, and a file that nobody may run, are no programs.
    for place in (str(bin_dir), str(Path(__file__))):
        with pytest.raises(MissingProgram):
            provider(name, binary=place).plan(ask)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_versions(name: str, bin_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    assert provider(name).version() == f"{name} 1.2.3"
    assert provider(name, binary="/nonexistent/agent").version() is None
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\nexit 1\n")
    failing.chmod(0o755)
    assert provider(name, binary=str(failing)).version() is None


def test_a_session_of_the_caller_is_not_inherited() -> None:
    for name in ("claude", "codex", "shell"):
        assert {"CLAUDECODE", "CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID"} <= set(provider(name).strip_env)
        assert not {"CLAUDE_CONFIG_DIR", "ANTHROPIC_API_KEY", "CODEX_HOME", "PATH"} & set(provider(name).strip_env)


# ---- prompts --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["claude", "codex"])
@given(prompt=prompts)
def test_the_prompt_is_the_last_argument_byte_for_byte(name: str, bin_dir: Path, prompt: str) -> None:
    plan = provider(name).plan(make_ask(bin_dir, prompt=prompt, tools=() if name == "codex" else ("Bash",)))
    assert plan.prompt == len(plan.argv) - 1
    assert plan.argv[-2] == "--"
    interpreted = prompt.startswith("/" if name == "claude" else "!")
    assert os.fsencode(plan.argv[-1]) == os.fsencode(f"\n{prompt}" if interpreted else prompt)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_without_a_prompt_nothing_stands_in_its_place(name: str, bin_dir: Path) -> None:
    plan = provider(name).plan(make_ask(bin_dir))
    assert plan.prompt is None
    assert "--" not in plan.argv


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_bytes_that_are_no_text_survive(name: str, bin_dir: Path) -> None:
    prompt = os.fsdecode(b"caf\xe9 \xff")
    assert os.fsencode(provider(name).plan(make_ask(bin_dir, prompt=prompt)).argv[-1]) == b"caf\xe9 \xff"


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("prompt", ["a\0b", "lone \ud800 surrogate"])
def test_what_can_be_no_argument_is_refused(name: str, bin_dir: Path, prompt: str) -> None:
    with pytest.raises(BadInput, match="a prompt cannot"):
        provider(name).plan(make_ask(bin_dir, prompt=prompt))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_long_prompt_goes_by_its_file(name: str, bin_dir: Path) -> None:
    agent = provider(name)
    fits = "é" * (agent.prompt_limit // 2)
    assert agent.plan(make_ask(bin_dir, prompt=fits)).argv[-1] == fits
    plan = agent.plan(make_ask(bin_dir, prompt=fits + "x", prompt_file="/home/ada/prompts/1"))
    assert "/home/ada/prompts/1" in plan.argv[-1]
    assert len(plan.argv[-1]) < 300
    with pytest.raises(BadInput, match="the limit is 100000"):
        agent.plan(make_ask(bin_dir, prompt=fits + "x"))
    with pytest.raises(BadInput, match="the limit is 16777216"):
        agent.plan(make_ask(bin_dir, prompt="x" * (16 * 1024 * 1024 + 1), prompt_file="/p"))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_resume_can_be_told_something_new(name: str, bin_dir: Path) -> None:
    plan = provider(name).plan(make_ask(bin_dir, prompt="first"))
    bare = plan.argv[: plan.argv.index("--")]
    assert provider(name).tell(bare, "it's $(new)") == (*bare, "--", "it's $(new)")
    assert provider(name).tell(plan.argv, "new") == (*plan.argv[:-1], "first\n\nnew")


# ---- claude ---------------------------------------------------------------------------------


def claude_argv(bin_dir: Path, env: Mapping[str, str] | None = None, **changes: object) -> tuple[str, ...]:
    ask = make_ask(bin_dir, **changes)
    return provider("claude").plan(replace(ask, env={**ask.env, **(env or {})})).argv[1:]


def test_claude_gets_our_session_id(bin_dir: Path) -> None:
    plan = provider("claude").plan(make_ask(bin_dir))
    assert plan.argv[1:] == ("--session-id", str(SESSION), "--permission-mode", "default")
    assert plan.provider_session == str(SESSION)
    assert plan.env == ()


@pytest.mark.parametrize(
    ("asked", "given"),
    [("small", "haiku"), ("medium", "sonnet"), ("large", "opus"), ("claude-opus-5", "claude-opus-5")],
)
def test_claude_model_aliases(asked: str, given: str, bin_dir: Path) -> None:
    argv = claude_argv(bin_dir, model=asked, effort="high")
    assert argv[2:6] == ("--model", given, "--effort", "high")


def test_claude_refuses_an_unknown_effort(bin_dir: Path) -> None:
    with pytest.raises(BadInput) as caught:
        claude_argv(bin_dir, effort="hihg")
    assert "did you mean 'high'?" in caught.value.hint


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        (None, "default"),
        (PermissionMode.MANUAL, "default"),
        (PermissionMode.ACCEPT_EDITS, "acceptEdits"),
        (PermissionMode.PLAN, "plan"),
        (PermissionMode.AUTO, "auto"),
        (PermissionMode.DONT_ASK, "dontAsk"),
        (PermissionMode.BYPASS, "bypassPermissions"),
    ],
)
def test_claude_permission_modes(mode: PermissionMode | None, word: str, bin_dir: Path) -> None:
    argv = claude_argv(bin_dir, env={"IS_SANDBOX": "1"}, permission_mode=mode)
    assert argv[argv.index("--permission-mode") + 1] == word
    assert "--dangerously-skip-permissions" not in argv


def test_the_configured_mode_holds_where_none_is_asked_for(bin_dir: Path) -> None:
    agent = provider("claude", permission_mode="plan", extra_args=("--verbose",))
    assert agent.plan(make_ask(bin_dir)).argv[-3:] == ("--permission-mode", "plan", "--verbose")
    asked = agent.plan(make_ask(bin_dir, permission_mode=PermissionMode.AUTO, extra_args=("--ide",)))
    assert asked.argv[-4:] == ("--permission-mode", "auto", "--verbose", "--ide")
    with pytest.raises(BadInput, match="permission mode 'pln'"):
        provider("claude", permission_mode="pln").plan(make_ask(bin_dir))


def test_root_may_bypass_permissions_only_in_a_sandbox(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for value in ("yes", "0", ""):
        with pytest.raises(BadInput) as caught:
            claude_argv(bin_dir, env={"IS_SANDBOX": value}, permission_mode=PermissionMode.BYPASS)
        assert "IS_SANDBOX=1" in caught.value.hint
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "bypassPermissions" in claude_argv(bin_dir, permission_mode=PermissionMode.BYPASS)


def test_claude_role_prompts(bin_dir: Path) -> None:
    assert "--append-system-prompt=- be terse\n- $(x)" in claude_argv(bin_dir, role_prompt="- be terse\n- $(x)\n")
    replaced = claude_argv(bin_dir, role_prompt="You are ada.", replace_system_prompt=True)
    assert "--system-prompt=You are ada." in replaced
    with pytest.raises(BadInput, match="the role prompt has 100001 bytes; the limit is 100000"):
        claude_argv(bin_dir, role_prompt="x" * 100_001)


def test_claude_lists_take_one_argument_each(bin_dir: Path) -> None:
    argv = claude_argv(
        bin_dir,
        prompt="go",
        tools=("Bash(git log:*)", "Read"),
        disallowed_tools=("WebFetch",),
        mcp=("mcp.json",),
        add_dirs=("/srv/a b",),
        extra_args=("--add-dir", "/x"),
    )
    assert argv[4:] == (
        "--allowedTools=Bash(git log:*)",
        "--allowedTools=Read",
        "--disallowedTools=WebFetch",
        "--mcp-config=mcp.json",
        "--add-dir=/srv/a b",
        *("--add-dir", "/x", "--", "go"),
    )


@pytest.mark.parametrize("word", ["--resume", "--session-id=x", "-c", "-p", "--", "--dangerously-skip-permissions"])
def test_claude_extra_arguments_may_not_say_what_genie_says(word: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="is genie's own to give"):
        claude_argv(bin_dir, extra_args=("--verbose", word))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_conversation_takes_no_command(name: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="takes no command"):
        provider(name).plan(make_ask(bin_dir, command=("make",)))


# ---- shell ----------------------------------------------------------------------------------


def test_a_command_runs_as_it_was_written(bin_dir: Path) -> None:
    words = ("tool", "-x", "", "a b", "$(id)", "😀", "--")
    plan = provider("shell").plan(make_ask(bin_dir, command=words, role_prompt="left out", prompt="go\n'now'"))
    assert plan == Plan(words, None, (("AGENT_GOAL", "go\n'now'"),), None)
    session = session_of(plan, "/", name="shell")
    assert provider("shell").resume(session.launch, session=session, env={}) == words
    assert provider("shell").can_resume(session, env={})
    assert not provider("shell").conversational
    assert provider("shell").version() is None


def test_a_command_finds_a_long_prompt_in_its_file(bin_dir: Path) -> None:
    shell = provider("shell")
    short = make_ask(bin_dir, command=("tool",), prompt="go", prompt_file="/p")
    assert shell.plan(short).env == (("AGENT_GOAL", "go"), ("GENIE_PROMPT_FILE", "/p"))
    long = replace(short, prompt="x" * 100_001)
    assert shell.plan(long).env == (("GENIE_PROMPT_FILE", "/p"),)
    with pytest.raises(BadInput, match="the limit is 100000"):
        shell.plan(replace(long, prompt_file=None))
    with pytest.raises(BadInput, match="the limit is 16777216"):
        shell.plan(replace(long, prompt="x" * (16 * 1024 * 1024 + 1)))


def test_a_command_must_be_there(bin_dir: Path) -> None:
    shell = provider("shell")
    for missing in ("nonesuch", "./tool", "/nonexistent/tool"):
        with pytest.raises(MissingProgram, match=missing):
            shell.plan(make_ask(bin_dir, command=(missing,)))
    assert shell.plan(make_ask(bin_dir, command=(f"{bin_dir.name}/tool",))).argv == (f"{bin_dir.name}/tool",)
    for nothing in ((), ("",)):
        with pytest.raises(BadInput) as caught:
            shell.plan(make_ask(bin_dir, command=nothing))
        assert caught.value.hint == "genie spawn ada -- CMD"


@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        ("--model", {"model": "opus"}),
        ("--effort", {"effort": "high"}),
        ("--permission-mode", {"permission_mode": PermissionMode.PLAN}),
        ("--skill", {"skills": ("tdd",)}),
        ("tools", {"tools": ("Bash",)}),
        ("mcp", {"mcp": ("m.json",)}),
        ("add_dirs", {"add_dirs": ("/x",)}),
    ],
)
def test_a_command_takes_no_flags_of_a_model(flag: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider shell takes no {flag}"):
        provider("shell").plan(make_ask(bin_dir, command=("tool",), **changes))
