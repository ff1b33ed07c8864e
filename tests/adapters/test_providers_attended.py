"""What sessions without a screen are started with: claude, codex, a plain command."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genie.adapters.records import parser
from genie.domain.errors import BadInput, MissingProgram
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode
from genie.ports import Attended, Task
from tests.adapters.test_providers import SESSION, bin_dir, make_ask, provider, session_of

__all__ = ["bin_dir"]

ONE_SHOT, STREAMING = Task(way=Way.ONE_SHOT), Task(way=Way.STREAMING)
PRINT = ("--print", "--output-format", "stream-json", "--verbose")
EXEC = ("exec", "--json", "--skip-git-repo-check")


def attended(name: str, bin_dir: Path, task: Task = ONE_SHOT, **changes: object) -> Attended:
    given = {"prompt": "go", **changes}
    if name == "shell":
        given = {"command": ("tool", "-x"), **given}
    return provider(name).attended(make_ask(bin_dir, **given), task)


def argv(name: str, bin_dir: Path, task: Task = ONE_SHOT, **changes: object) -> tuple[str, ...]:
    return attended(name, bin_dir, task, **changes).plan.argv[1:]


@pytest.fixture
def schema(bin_dir: Path) -> str:
    (bin_dir.parent / "answer.json").write_text('{ "type": "object" }')
    return "answer.json"


# ---- all of them ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["claude", "codex", "shell"])
@pytest.mark.parametrize("prompt", ["a\n'b' $(x)", "-p", "😀", "x" * 300_000])
def test_the_prompt_goes_by_stdin_alone(name: str, prompt: str, bin_dir: Path) -> None:
    given = attended(name, bin_dir, prompt=prompt)
    assert given.stdin == prompt
    assert given.plan.prompt is None
    assert prompt not in given.plan.argv


@pytest.mark.parametrize("name", ["claude", "codex", "shell"])
def test_a_form_has_a_parser(name: str, bin_dir: Path) -> None:
    given = attended(name, bin_dir)
    parser(name, given.form)
    assert given.screen == {"claude": "claude", "codex": "codex", "shell": "text"}[name]
    assert not given.keep_open


@pytest.mark.parametrize("name", ["claude", "codex", "shell"])
def test_a_prompt_has_a_limit(name: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="the limit is 16777216"):
        attended(name, bin_dir, prompt="x" * (16 * 1024 * 1024 + 1))


@pytest.mark.parametrize("name", ["claude", "codex"])
@pytest.mark.parametrize("prompt", [None, "", " \n"])
def test_one_shot_needs_something_to_do(name: str, prompt: str | None, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"one-shot session of provider {name} needs a prompt"):
        attended(name, bin_dir, prompt=prompt)


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_the_program_has_to_be_there(name: str, bin_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingProgram, match=f"provider {name} needs the program"):
        attended(name, bin_dir, env={"PATH": str(tmp_path)})
    with pytest.raises(BadInput, match="takes no command"):
        attended(name, bin_dir, command=("make",))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_a_schema_has_to_be_one(name: str, bin_dir: Path) -> None:
    for text, message in (("{", "is not JSON"), ("[]", "is no JSON schema")):
        (bin_dir.parent / "wrong.json").write_text(text)
        with pytest.raises(BadInput, match=message):
            attended(name, bin_dir, replace(ONE_SHOT, schema="wrong.json"))
    with pytest.raises(BadInput, match=r"--json-schema nothing\.json cannot be read: No such file"):
        attended(name, bin_dir, replace(ONE_SHOT, schema="nothing.json"))


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_an_unknown_size_is_refused(name: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="unknown size 'huge'"):
        attended(name, bin_dir, replace(ONE_SHOT, size="huge"))


def test_programs_are_where_path_says(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(bin_dir))
    for name in ("claude", "codex"):
        assert provider(name).program() == str(bin_dir / name)
        assert provider(name, binary="/nonexistent/agent").program() is None
    assert provider("shell").program() is None


# ---- claude ---------------------------------------------------------------------------------


def test_claude_prints_for_programs(bin_dir: Path) -> None:
    given = attended("claude", bin_dir)
    assert given.plan.argv[1:] == (*PRINT, "--session-id", str(SESSION), "--permission-mode", "default")
    assert given.plan.provider_session == str(SESSION)
    assert given.plan.env == ()
    assert given.form == "stream-json"


def test_claude_gets_what_a_task_wants(bin_dir: Path, schema: str) -> None:
    task = Task(
        way=Way.ONE_SHOT,
        system_prompt="Be terse.",
        max_turns=3,
        mcp_config="mcp.json",
        auto_approve=True,
        schema=schema,
        size="small",
    )
    env = {"PATH": str(bin_dir), "IS_SANDBOX": "1"}
    changes = {"role_prompt": "You are ada.", "model": "opus", "tools": ("Bash",), "add_dirs": ("/srv",), "env": env}
    given = argv("claude", bin_dir, task, **changes, extra_args=("--ide",))
    assert given == (
        *PRINT,
        *("--session-id", str(SESSION), "--model", "haiku", "--permission-mode", "bypassPermissions"),
        "--append-system-prompt=You are ada.\n\nBe terse.",
        *("--allowedTools=Bash", "--add-dir=/srv", "--max-turns", "3", "--mcp-config=mcp.json"),
        *('--json-schema={"type":"object"}', "--ide"),
    )


def test_claude_streams(bin_dir: Path) -> None:
    given = attended("claude", bin_dir, STREAMING, prompt="two\nlines")
    assert given.plan.argv[1:8] == (*PRINT, "--input-format", "stream-json", "--replay-user-messages")
    assert given.plan.env == (("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS", "1"),)
    assert given.keep_open
    assert given.stdin is not None
    assert given.stdin.count("\n") == 1
    message = json.loads(given.stdin)
    assert message["message"] == {"role": "user", "content": [{"type": "text", "text": "two\nlines"}]}
    assert attended("claude", bin_dir, STREAMING, prompt=None).stdin is None


def test_claude_takes_no_prompt_for_a_command(bin_dir: Path) -> None:
    assert attended("claude", bin_dir, prompt="/clear it").stdin == "\n/clear it"
    assert attended("claude", bin_dir, prompt="it", skill="tdd").stdin == "/tdd it"
    assert attended("claude", bin_dir, prompt=None, skill="tdd").stdin == "/tdd"


def test_claude_auto_approves_as_root_only_in_a_sandbox(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = replace(ONE_SHOT, auto_approve=True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(BadInput) as caught:
        attended("claude", bin_dir, task)
    assert "IS_SANDBOX=1" in caught.value.hint
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "bypassPermissions" in argv("claude", bin_dir, task, permission_mode=PermissionMode.PLAN)


@pytest.mark.parametrize("word", ["--output-format=json", "--input-format", "-p", "--resume", "--session-id=x"])
def test_claude_says_its_formats_itself(word: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="is genie's own to give"):
        attended("claude", bin_dir, extra_args=(word,))


@pytest.mark.parametrize("turns", [0, -1])
def test_claude_needs_a_turn(turns: int, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"--max-turns {turns} would end it at once"):
        attended("claude", bin_dir, replace(ONE_SHOT, max_turns=turns))


def test_claude_keeps_a_transcript(bin_dir: Path, tmp_path: Path) -> None:
    session = session_of(provider("claude").plan(make_ask(bin_dir)), "/srv/web")
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    assert provider("claude").transcript(session, env=env) is None
    path = tmp_path / "projects" / "-srv-web" / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    assert provider("claude").transcript(session, env=env) == (str(path), "transcript")
    parser("claude", "transcript")


# ---- codex ----------------------------------------------------------------------------------


def test_codex_executes(bin_dir: Path) -> None:
    given = attended("codex", bin_dir)
    assert given.plan.argv[1:] == (*EXEC, "-")
    assert (given.plan.provider_session, given.plan.env, given.form) == (None, (), "exec")


def test_codex_gets_what_a_task_wants(bin_dir: Path, schema: str) -> None:
    task = Task(way=Way.ONE_SHOT, system_prompt="Be terse.", auto_approve=True, schema=schema)
    changes = {"role_prompt": "You are ada.", "model": "gpt-9", "effort": "high", "add_dirs": ("/srv",)}
    assert argv("codex", bin_dir, task, **changes, extra_args=("--color", "never")) == (
        *EXEC,
        *("-m", "gpt-9", "-c", 'model_reasoning_effort="high"', "--dangerously-bypass-approvals-and-sandbox"),
        *("-c", 'developer_instructions="You are ada.\\n\\nBe terse."', "--add-dir", "/srv"),
        *("--output-schema", str(bin_dir.parent / "answer.json"), "--color", "never", "-"),
    )


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (PermissionMode.MANUAL, ("-s", "read-only")),
        (PermissionMode.ACCEPT_EDITS, ("-s", "workspace-write")),
        (PermissionMode.AUTO, ("--approve-for-me",)),
    ],
)
def test_codex_asks_nobody(mode: PermissionMode, words: tuple[str, ...], bin_dir: Path) -> None:
    assert argv("codex", bin_dir, permission_mode=mode) == (*EXEC, *words, "-")


@pytest.mark.parametrize(
    ("flag", "changes"),
    [("--max-turns", {"max_turns": 3}), ("--mcp-config", {"mcp_config": "m.json"}), ("model", {"size": "small"})],
)
def test_codex_refuses_what_it_cannot_do(flag: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider codex (takes|has) no {flag}"):
        attended("codex", bin_dir, replace(ONE_SHOT, **changes))  # type: ignore[arg-type]  # fields of Task


def test_codex_does_not_stream(bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="provider codex has no streaming sessions") as caught:
        attended("codex", bin_dir, STREAMING)
    assert caught.value.hint == "it has: interactive, one-shot"


@pytest.mark.parametrize("word", ["-", "--json", "resume", "--output-schema=x", "-s"])
def test_codex_arguments_that_are_genies(word: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="is genie's own to give"):
        attended("codex", bin_dir, extra_args=(word,))


def test_codex_keeps_a_rollout(tmp_path: Path) -> None:
    session = Session(
        id=SESSION,
        agent=SESSION,
        provider="codex",
        provider_session=None,
        launch=Launch(argv=("codex",), cwd="/"),
        role_prompt="",
        created_at=datetime.now(UTC),
    )
    env = {"CODEX_HOME": str(tmp_path)}
    assert provider("codex").transcript(session, env=env) is None
    named = replace(session, provider_session=str(SESSION))
    assert provider("codex").transcript(named, env=env) is None
    path = tmp_path / "sessions" / "2026" / "11" / "21" / f"rollout-2026-11-21T08-00-00-{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    assert provider("codex").transcript(named, env=env) == (str(path), "rollout")
    parser("codex", "rollout")


# ---- shell ----------------------------------------------------------------------------------


def test_a_command_reads_its_prompt(bin_dir: Path) -> None:
    given = attended("shell", bin_dir)
    assert given.plan.argv == ("tool", "-x")
    assert given.plan.env == (("AGENT_GOAL", "go"),)
    assert (given.form, given.stdin, given.keep_open) == ("text", "go", False)
    assert attended("shell", bin_dir, prompt=None).stdin is None
    assert attended("shell", bin_dir, STREAMING).keep_open


@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        ("--system-prompt", {"system_prompt": "x"}),
        ("--max-turns", {"max_turns": 1}),
        ("--mcp-config", {"mcp_config": "m.json"}),
        ("--auto-approve", {"auto_approve": True}),
        ("--size", {"size": "small"}),
    ],
)
def test_a_command_takes_nothing_of_a_model(flag: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider shell takes no {flag}"):
        attended("shell", bin_dir, replace(ONE_SHOT, **changes))  # type: ignore[arg-type]  # fields of Task


def test_a_schema_of_a_command_is_for_genie_to_check(bin_dir: Path, schema: str) -> None:
    assert attended("shell", bin_dir, replace(ONE_SHOT, schema=schema)).plan.argv == ("tool", "-x")
    assert provider("shell").transcript(session_of(attended("shell", bin_dir).plan, "/"), env={}) is None
