"""What gemini and ollama are started with, and where gemini keeps a conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.adapters.records import parser
from genie.domain.errors import BadInput, Failed, MissingProgram
from genie.domain.session import Way
from genie.domain.words import PermissionMode
from genie.ports import Ask, Attended, Plan, Task
from tests.adapters import test_providers as common
from tests.adapters.test_providers import SESSION, provider, session_of

ONE_SHOT = Task(way=Way.ONE_SHOT)
STREAM = ("--output-format", "stream-json", "--session-id", str(SESSION))


@pytest.fixture(scope="module")
def bin_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bin")
    for name in ("gemini", "ollama"):
        (folder / name).write_text(f"#!/bin/sh\necho '{name} 1.2.3'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def make_ask(bin_dir: Path, **changes: object) -> Ask:
    return common.make_ask(bin_dir, **changes)


def plan(name: str, bin_dir: Path, **changes: object) -> Plan:
    return provider(name).plan(make_ask(bin_dir, **changes))


def attended(name: str, bin_dir: Path, task: Task = ONE_SHOT, **changes: object) -> Attended:
    given = {"prompt": "go", **({"model": "llama3.2"} if name == "ollama" else {}), **changes}
    return provider(name).attended(make_ask(bin_dir, **given), task)


# ---- both -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gemini", "ollama"])
def test_the_program_has_to_be_there(name: str, bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingProgram, match=f"provider {name} needs the program '{name}'") as caught:
        attended(name, bin_dir, env={"PATH": str(tmp_path)})
    assert caught.value.hint
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    assert provider(name).program() == str(bin_dir / name)
    assert provider(name).version() == f"{name} 1.2.3"
    other = InstalledProviders({name: ProviderOptions(binary="/nonexistent")}).get(name)
    assert (other.program(), other.version()) == (None, None)


@pytest.mark.parametrize("name", ["gemini", "ollama"])
def test_the_prompt_goes_by_stdin_with_the_role_before_it(name: str, bin_dir: Path) -> None:
    task = replace(ONE_SHOT, system_prompt="Be terse.")
    given = attended(name, bin_dir, task, role_prompt="You are ada.", skills=("review",), prompt="- go")
    skills = "Use these skills where they fit: review."
    assert given.stdin == f"You are ada.\n\n{skills}\n\nBe terse.\n\n- go"
    assert not any("ada." in word or "go" in word for word in given.plan.argv)
    assert not given.keep_open
    parser(name, given.form)


@pytest.mark.parametrize("name", ["gemini", "ollama"])
def test_neither_streams_nor_works_for_nothing(name: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider {name} has no streaming sessions"):
        attended(name, bin_dir, Task(way=Way.STREAMING))
    with pytest.raises(BadInput, match="needs a prompt"):
        attended(name, bin_dir, prompt=None, role_prompt="You are ada.")


@pytest.mark.parametrize("name", ["gemini", "ollama"])
@pytest.mark.parametrize(
    ("flag", "task"),
    [("--max-turns", Task(way=Way.ONE_SHOT, max_turns=1)), ("--mcp-config", Task(way=Way.ONE_SHOT, mcp_config="{}"))],
)
def test_what_neither_can_do_is_refused(name: str, flag: str, task: Task, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider {name} takes no {flag}"):
        attended(name, bin_dir, task)


@pytest.mark.parametrize("name", ["gemini", "ollama"])
@pytest.mark.parametrize(
    ("flag", "changes"),
    [
        ("command", {"command": ("make",)}),
        ("--skill", {"skill": "tdd"}),
        ("tools", {"tools": ("Bash",)}),
        ("mcp", {"mcp": ("m.json",)}),
        ("prompt_mode replace", {"replace_system_prompt": True}),
    ],
)
def test_what_an_agent_cannot_have_is_refused(name: str, flag: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=f"provider {name} takes no {flag}"):
        attended(name, bin_dir, ONE_SHOT, **changes)


# ---- gemini: arguments ----------------------------------------------------------------------


def test_gemini_gets_our_session_id_and_its_prompt_in_one_argument(bin_dir: Path) -> None:
    bare = plan("gemini", bin_dir)
    assert bare.argv[1:] == ("--session-id", str(SESSION))
    assert (bare.prompt, bare.provider_session) == (None, str(SESSION))
    told = plan("gemini", bin_dir, prompt="-starts with a dash")
    assert told.argv[told.prompt or 0] == "--prompt-interactive=-starts with a dash"
    for sign in "/!":
        assert plan("gemini", bin_dir, prompt=f"{sign}x").argv[-1] == f"--prompt-interactive=\n{sign}x"
    assert plan("gemini", bin_dir, prompt="go", role_prompt="Ada.").argv[-1] == "--prompt-interactive=Ada.\n\ngo"


def test_gemini_reads_a_long_prompt_from_its_file(bin_dir: Path) -> None:
    limit = provider("gemini").prompt_limit
    told = plan("gemini", bin_dir, prompt="x" * (limit + 1), prompt_file="/p/1")
    assert "/p/1" in told.argv[-1]
    assert len(told.argv[-1]) < 300
    with pytest.raises(BadInput, match="the limit is 100000"):
        plan("gemini", bin_dir, prompt="x" * limit, role_prompt="y" * limit)


def test_gemini_runs_headless(bin_dir: Path) -> None:
    given = attended("gemini", bin_dir)
    assert given.plan.argv[1:] == STREAM
    assert (given.form, given.stdin, given.plan.provider_session) == ("stream-json", "go", str(SESSION))
    with pytest.raises(BadInput, match="the limit is 8388608"):
        attended("gemini", bin_dir, prompt="x" * (8 * 1024 * 1024 + 1))


def test_gemini_gets_what_a_task_wants(bin_dir: Path) -> None:
    (bin_dir.parent / "answer.json").write_text('{"type": "object"}')
    task = Task(way=Way.ONE_SHOT, auto_approve=True, size="large", schema="answer.json")
    given = attended("gemini", bin_dir, task, model="x", add_dirs=("/a b",), extra_args=("--debug",))
    options = ("--model", "pro", "--approval-mode", "yolo", "--skip-trust", "--include-directories=/a b", "--debug")
    assert given.plan.argv[1:] == (*STREAM, *options)
    assert given.stdin is not None
    assert given.stdin.startswith("go\n\nAnswer with JSON alone")
    assert given.stdin.endswith('{"type":"object"}')


@pytest.mark.parametrize(("size", "model"), [("small", "flash-lite"), ("medium", "flash"), ("large", "pro")])
def test_gemini_sizes(size: str, model: str, bin_dir: Path) -> None:
    by_size = attended("gemini", bin_dir, replace(ONE_SHOT, size=size))
    assert by_size.plan.argv[5:] == ("--model", model)
    assert attended("gemini", bin_dir, model=size).plan.argv == by_size.plan.argv
    assert plan("gemini", bin_dir, model=size).argv[3:] == ("--model", model)


@pytest.mark.parametrize(
    ("mode", "word"),
    [
        (PermissionMode.MANUAL, "default"),
        (PermissionMode.ACCEPT_EDITS, "auto_edit"),
        (PermissionMode.PLAN, "plan"),
        (PermissionMode.BYPASS, "yolo"),
    ],
)
def test_gemini_permission_modes(mode: PermissionMode, word: str, bin_dir: Path) -> None:
    assert plan("gemini", bin_dir, permission_mode=mode).argv[3:] == ("--approval-mode", word)
    for unknown in (PermissionMode.AUTO, PermissionMode.DONT_ASK):
        with pytest.raises(BadInput, match=f"no permission mode {unknown.value}"):
            plan("gemini", bin_dir, permission_mode=unknown)


@pytest.mark.parametrize("word", ["--resume", "-r", "--session-id=x", "-p", "-o", "--yolo", "--approval-mode=plan"])
def test_gemini_arguments_that_are_genies(word: str, bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="is genie's own to give"):
        plan("gemini", bin_dir, extra_args=(word,))


def test_gemini_takes_no_effort(bin_dir: Path) -> None:
    with pytest.raises(BadInput, match="provider gemini takes no --effort"):
        plan("gemini", bin_dir, effort="high")


# ---- gemini: its conversations --------------------------------------------------------------


def write_chat(home: Path, *records: object, time: str = "2026-11-21T08-00", session: UUID = SESSION) -> Path:
    path = home / ".gemini" / "tmp" / "web" / "chats" / f"session-{time}-{str(session)[:8]}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    first = {"sessionId": str(session), "kind": "main"}
    path.write_text("".join(json.dumps(record) + "\n" for record in (first, *records)), encoding="utf-8")
    return path


SPOKEN = {"id": "1", "type": "user", "content": [{"text": "go"}]}


def test_gemini_goes_on_where_something_was_said(bin_dir: Path, tmp_path: Path) -> None:
    told = plan("gemini", bin_dir, prompt="go", model="pro", extra_args=("--debug",))
    session, env = session_of(told, "/", name="gemini"), {"HOME": str(tmp_path)}
    path = write_chat(tmp_path, {"$set": {"messages": []}}, SPOKEN)
    gemini = provider("gemini")
    argv = gemini.resume(session.launch, session=session, env=env)
    assert argv == (told.argv[0], "--resume", str(SESSION), "--model", "pro", "--debug")
    assert gemini.transcript(session, env=env) == (str(path), "chat")
    parser("gemini", "chat")
    assert gemini.tell(argv, "-more") == (*argv, "--prompt-interactive=-more")
    assert gemini.tell(told.argv, "more") == (*told.argv[:-1], "--prompt-interactive=go\n\nmore")
    assert gemini.can_resume(session, env=env)


def test_gemini_begins_anew_where_nothing_was_said(bin_dir: Path, tmp_path: Path) -> None:
    """A file without a message lets the program neither resume the session nor start its id."""
    told = plan("gemini", bin_dir, prompt="go")
    session, env = session_of(told, "/", name="gemini"), {"HOME": str(tmp_path)}
    gemini = provider("gemini")
    assert gemini.resume(session.launch, session=session, env=env) == told.argv
    assert gemini.transcript(session, env=env) is None
    path = write_chat(tmp_path, {"$set": {"messages": [SPOKEN]}})
    assert gemini.resume(session.launch, session=session, env=env) == told.argv
    assert [left.name for left in path.parent.iterdir()] == [f"{path.name}.without-message"]


def test_gemini_knows_its_own_file(bin_dir: Path, tmp_path: Path) -> None:
    """The name holds the beginning of the id alone, and a resume leaves an empty file behind."""
    session = session_of(plan("gemini", bin_dir), "/", name="gemini")
    other = UUID(f"{str(SESSION)[:8]}-0000-4000-8000-000000000000")
    write_chat(tmp_path, SPOKEN, time="2026-11-21T09-00", session=other)
    path = write_chat(tmp_path, SPOKEN, time="2026-11-21T08-00")
    write_chat(tmp_path, time="2026-11-21T08-30")
    (path.parent / f"session-2026-11-21T10-00-{str(SESSION)[:8]}.jsonl").write_bytes(b"\xff no json")
    homes: list[Mapping[str, str]] = [{"HOME": str(tmp_path)}, {"HOME": "/x", "GEMINI_CLI_HOME": str(tmp_path)}]
    for env in homes:
        assert provider("gemini").transcript(session, env=env) == (str(path), "chat")


def test_a_file_that_cannot_be_moved_is_an_error(bin_dir: Path, tmp_path: Path) -> None:
    session = session_of(plan("gemini", bin_dir), "/", name="gemini")
    path = write_chat(tmp_path)
    (path.parent / f"{path.name}.without-message").mkdir()
    with pytest.raises(Failed, match="cannot rename"):
        provider("gemini").resume(session.launch, session=session, env={"HOME": str(tmp_path)})


# ---- ollama ---------------------------------------------------------------------------------


def test_ollama_answers_once(bin_dir: Path) -> None:
    (bin_dir.parent / "answer.json").write_text('{"type": "object"}')
    task = replace(ONE_SHOT, schema="answer.json")
    given = attended("ollama", bin_dir, task, effort="low", extra_args=("--keepalive", "1h"))
    words = ("run", "--hidethinking", "--think=low", '--format={"type":"object"}', "--keepalive", "1h", "llama3.2")
    assert given.plan.argv[1:] == words
    assert (given.form, given.screen, given.stdin, given.plan.provider_session) == ("text", "text", "go", None)


def test_ollama_needs_a_model(bin_dir: Path) -> None:
    for asked in (lambda: plan("ollama", bin_dir), lambda: attended("ollama", bin_dir, model=None)):
        with pytest.raises(BadInput, match="provider ollama needs a model") as caught:
            asked()
        assert "ollama list" in caught.value.hint
    with pytest.raises(BadInput, match="provider ollama has no model 'small'"):
        attended("ollama", bin_dir, replace(ONE_SHOT, size="small"))


def test_ollama_waits_for_people_to_type(bin_dir: Path) -> None:
    bare = plan("ollama", bin_dir, model="llama3.2")
    assert bare.argv[1:] == ("run", "llama3.2")
    ollama, session = provider("ollama"), session_of(bare, "/", name="ollama")
    assert not ollama.conversational
    assert ollama.resume(session.launch, session=session, env={}) == bare.argv
    assert ollama.tell(bare.argv, "x") == bare.argv
    assert ollama.can_resume(session, env={})
    assert ollama.transcript(session, env={}) is None
    with pytest.raises(BadInput, match="provider ollama takes no --prompt"):
        plan("ollama", bin_dir, model="m", prompt="go")
    with pytest.raises(BadInput, match="provider ollama takes no role prompt"):
        plan("ollama", bin_dir, model="m", role_prompt="You are ada.")


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("takes no --permission-mode", {"permission_mode": PermissionMode.PLAN}),
        ("takes no add_dirs", {"add_dirs": ("/x",)}),
        ("unknown effort 'extreme'", {"effort": "extreme"}),
        ("is genie's own to give", {"extra_args": ("--format=json",)}),
    ],
)
def test_ollama_refuses_what_a_model_alone_cannot_do(message: str, changes: dict[str, object], bin_dir: Path) -> None:
    with pytest.raises(BadInput, match=message):
        attended("ollama", bin_dir, ONE_SHOT, **changes)
    with pytest.raises(BadInput, match="takes no --auto-approve"):
        attended("ollama", bin_dir, replace(ONE_SHOT, auto_approve=True))
