"""Providers that a user declares in files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from genie.adapters.providers import InstalledProviders
from genie.adapters.records import parser
from genie.domain.errors import BadConfig, BadInput, MissingProgram
from genie.domain.session import Way
from genie.domain.words import PermissionMode
from genie.ports import Providers, Task
from tests.adapters.test_providers import SESSION, bin_dir, make_ask, session_of

__all__ = ["bin_dir"]

ONE_SHOT = Task(way=Way.ONE_SHOT)
WHOLE = """\
description = "A tool of ours"
install = "pip install tool"
start = ["tool", "--id", "{session}", ["--model", "{model}"], "{extra_args}", "{auto_approve}", ["--", "{prompt}"]]
resume = ["tool", "--resume", "{session}", ["--model", "{model}"], ["--", "{prompt}"]]
one_shot = ["tool", "run", ["--model", "{model}"], "{auto_approve}", "--{name}@{team}", "{{cwd}}={cwd}"]
streaming = ["tool", "serve"]
output = "ndjson"
auto_approve = ["--yes", "--really"]
strip_env = ["TOOL_SESSION"]

[models]
small = "tool-mini"

[env]
TOOL_COLOR = "0"
"""

Declare = Callable[..., InstalledProviders]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    def declared(text: str = WHOLE, *, name: str = "mine") -> InstalledProviders:
        tmp_path.joinpath("providers").mkdir(exist_ok=True)
        (tmp_path / "providers" / f"{name}.toml").write_text(text, encoding="utf-8")
        return InstalledProviders({}, tmp_path / "providers")

    return declared


# ---- finding them ---------------------------------------------------------------------------


def test_a_file_is_a_provider(declare: Declare, tmp_path: Path) -> None:
    providers: Providers = declare()
    assert {"claude", "mine"} <= set(providers.names())
    assert providers.source("mine") == str(tmp_path / "providers" / "mine.toml")
    assert providers.source("claude") is None
    assert providers.problems() == []
    mine = providers.get("mine")
    assert (mine.name, mine.conversational, mine.models) == ("mine", True, {"small": "tool-mini"})
    assert mine.ways == set(Way)
    assert {"TOOL_SESSION", "CLAUDECODE"} <= set(mine.strip_env)


def test_without_the_folder_there_are_those_of_genie_alone(tmp_path: Path) -> None:
    for providers in (InstalledProviders({}), InstalledProviders({}, tmp_path / "nothing")):
        assert "mine" not in providers.names()
        assert providers.problems() == []


def test_a_file_is_read_again_when_it_has_changed(declare: Declare, tmp_path: Path) -> None:
    providers = declare()
    first = providers.get("mine")
    assert providers.get("mine") is first
    declare('one_shot = ["tool"]')
    assert providers.get("mine").ways == {Way.ONE_SHOT}
    (tmp_path / "providers" / "mine.toml").unlink()
    with pytest.raises(BadInput, match="unknown provider 'mine'"):
        providers.get("mine")


def test_a_broken_file_is_trouble_for_its_own_users_alone(declare: Declare) -> None:
    providers = declare('strat = ["tool"]')
    assert "mine" in providers.names()
    assert providers.get("shell").name == "shell"
    for _ in range(2):
        with pytest.raises(BadConfig, match="unknown field") as caught:
            providers.get("mine")
    assert caught.value.hint == "did you mean 'start'?"
    assert [bad.message for bad in providers.problems()] == [caught.value.message]
    declare()
    assert providers.get("mine").name == "mine"


def test_a_name_of_genies_is_taken(declare: Declare) -> None:
    providers = declare(name="claude")
    assert providers.get("claude").ways == set(Way)
    (problem,) = providers.problems()
    assert "'claude' is a provider that genie brings" in problem.message


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ('modle = "x"', 2, "field 'modle': unknown field", "did you mean 'models'?"),
        ('[models]\nsmal = "x"', 3, "field 'models.smal'", ""),
        ('resume = ["tool", "{promt}"]', 2, "unknown placeholder {promt}", "did you mean 'prompt'?"),
        ('resume = ["tool", "a{"]', 2, "a brace alone in 'a{'", "{{"),
        ('resume = ["tool", "--x={extra_args}"]', 2, "{extra_args} stands for words of its own", "one word"),
        ('resume = ["{model}"]', 2, "begins with its program", "tool"),
        ("resume = []", 2, "begins with its program", "tool"),
        ('resume = "tool -x"', 2, "not a command line", '["tool"'),
        ('resume = [["tool"]]', 2, "begins with its program", "tool"),
        ('output = "xml"', 2, "must be 'text' or 'ndjson'", ""),
        ("description = 3", 2, "expected text in quotes", ""),
        ('strip_env = "A"', 2, "expected a list of texts", ""),
        ('[env]\n"A B" = "x"', None, "illegal name of a variable", "letters"),
        ('session_pattern = "("', 2, "not a regular expression", ""),
        ('session_pattern = "abc"', 2, "has to have one group", "0-9a-f"),
        ('resume = ["tool", "{session}"]', None, "a {session} that nobody knows", "session_files"),
        ('resume = ["tool", ["{prompt}"], "x"]', None, "the prompt of a resume is its last group", "--"),
        ('auto_approve = ["-y"]', None, "auto_approve is used nowhere", "{auto_approve}"),
        ('one_shot = ["tool", "{auto_approve}"]', None, "stands for nothing", "auto_approve = "),
        ("x = [", 2, "not valid TOML", ""),
    ],
)
def test_what_is_wrong_is_named(declare: Declare, text: str, line: int | None, message: str, hint: str) -> None:
    problem = declare(f'start = ["tool"]\n{text}\n').problems()[0]
    assert message in problem.message
    assert hint in problem.hint
    if line:
        assert f"mine.toml:{line}:" in problem.message


@pytest.mark.parametrize(
    ("text", "message"), [("", "says no command line"), ('resume = ["t"]\none_shot = ["t"]', "nothing without start")]
)
def test_what_is_missing_is_named(declare: Declare, text: str, message: str) -> None:
    assert message in declare(text).problems()[0].message


def test_files_that_are_no_text_or_have_no_name(declare: Declare, tmp_path: Path) -> None:
    providers = declare(name="My Tool")
    folder = tmp_path / "providers"
    (folder / "bytes.toml").write_bytes(b'a = "\xff"')
    (folder / "gone.toml").symlink_to(folder / "nothing")
    (folder / "folder.toml").mkdir()
    messages = "\n".join(bad.message for bad in providers.problems())
    for part in ("illegal provider name", "is not UTF-8", "gone.toml: cannot be read", "folder.toml: cannot be read"):
        assert part in messages


# ---- what they are started with -------------------------------------------------------------


def test_the_interactive_program(declare: Declare, bin_dir: Path) -> None:
    mine, program = declare().get("mine"), str(bin_dir / "tool")
    bare = mine.plan(make_ask(bin_dir))
    assert bare.argv == (program, "--id", str(SESSION))
    assert (bare.prompt, bare.provider_session) == (None, str(SESSION))
    assert ("TOOL_COLOR", "0") in bare.env
    told = mine.plan(make_ask(bin_dir, prompt="- it's {model}", model="small", extra_args=("-v",)))
    assert told.argv[3:] == ("--model", "tool-mini", "-v", "--", "- it's {model}")
    assert told.prompt == len(told.argv) - 1
    assert mine.plan(make_ask(bin_dir, prompt="go", role_prompt="Ada.")).argv[-1] == "Ada.\n\ngo"


def test_it_goes_on_with_what_it_was_started_with(declare: Declare, bin_dir: Path) -> None:
    mine = declare().get("mine")
    told = mine.plan(make_ask(bin_dir, prompt="go", model="small"))
    session = session_of(told, "/", name="mine")
    argv = mine.resume(session.launch, session=session, env=dict(told.env))
    assert argv == (str(bin_dir / "tool"), "--resume", str(SESSION), "--model", "tool-mini")
    assert mine.tell(argv, "-more") == (*argv, "--", "-more")
    assert mine.can_resume(session, env={})
    assert mine.transcript(session, env={}) is None
    since = datetime.now(UTC)
    assert mine.find_session(session, env={}, since=since, pid=1) == str(SESSION)
    # From before its file had a resume.
    assert mine.resume(session.launch, session=session, env={}) == told.argv


def test_a_resume_without_a_place_for_a_prompt(declare: Declare, bin_dir: Path) -> None:
    for text in ('resume = ["tool", "--last"]', 'resume = ["tool", ["--model", "{model}"]]', ""):
        mine = declare(f'start = ["tool"]\n{text}').get("mine")
        with pytest.raises(BadInput, match="cannot be told anything at a resume"):
            mine.tell(("tool",), "more")
    started = mine.plan(make_ask(bin_dir))
    session = session_of(started, "/", name="mine")
    assert not mine.conversational
    assert mine.resume(session.launch, session=session, env=dict(started.env)) == started.argv


def test_an_id_of_its_own_is_found_in_its_files(declare: Declare, bin_dir: Path, tmp_path: Path) -> None:
    text = 'start = ["tool"]\nresume = ["tool", "-r", "{session}"]\nsession_files = "~/.tool/*/s-*.json"\n'
    mine = declare(f"{text}session_pattern = 's-([0-9]+)'").get("mine")
    started = mine.plan(make_ask(bin_dir))
    session = session_of(started, "/", name="mine")
    env: Mapping[str, str] = {"HOME": str(tmp_path), **dict(started.env)}
    since = datetime.now(UTC) - timedelta(minutes=1)

    def found() -> str | None:
        return mine.find_session(session, env=env, since=since, pid=1)

    assert found() is None
    assert mine.resume(session.launch, session=session, env=env) == started.argv
    folder = tmp_path / ".tool" / "web"
    folder.mkdir(parents=True)
    for number, age in (("17", 0), ("16", 3600)):
        (folder / f"s-{number}.json").touch()
        moment = datetime.now(UTC).timestamp() - age
        os.utime(folder / f"s-{number}.json", (moment, moment))
    assert found() == "17"
    named = replace(session, provider_session="17")
    assert mine.resume(named.launch, session=named, env=env) == (started.argv[0], "-r", "17")
    (folder / "s-18.json").touch()
    assert found() is None  # of two it cannot be told


def test_one_shot_is_told_by_stdin(declare: Declare, bin_dir: Path) -> None:
    mine = declare().get("mine")
    given = mine.attended(make_ask(bin_dir, prompt="go"), replace(ONE_SHOT, auto_approve=True, size="small"))
    words = ("run", "--model", "tool-mini", "--yes", "--really", "--ada@core", f"{{cwd}}={bin_dir.parent}")
    assert given.plan.argv[1:] == words
    assert (given.form, given.screen, given.stdin, given.keep_open) == ("ndjson", "ndjson", "go", False)
    assert given.plan.env == (("TOOL_COLOR", "0"),)
    parser("mine", given.form)
    streaming = mine.attended(make_ask(bin_dir), Task(way=Way.STREAMING))
    assert (streaming.plan.argv[1:], streaming.stdin, streaming.keep_open) == (("serve",), None, True)


def test_what_has_a_place_is_put_there(declare: Declare, bin_dir: Path) -> None:
    (bin_dir.parent / "answer.json").write_text('{"type": "object"}')
    line = '"{system_prompt}", "{schema}", "{max_turns}", "{mcp_config}", "{effort}", "{permission_mode}", "{skill}"'
    mine = declare(f'one_shot = ["tool", {line}, "{{prompt}}"]').get("mine")
    ask = make_ask(bin_dir, prompt="go", role_prompt="Ada.", effort="high", skill="tdd")
    task = Task(way=Way.ONE_SHOT, system_prompt="Terse.", schema="answer.json", max_turns=2, mcp_config="m.json")
    given = mine.attended(replace(ask, permission_mode=PermissionMode.PLAN), task)
    schema = str(bin_dir.parent / "answer.json")
    assert given.plan.argv[1:] == ("Ada.\n\nTerse.", schema, "2", "m.json", "high", "plan", "tdd", "go")
    assert (given.stdin, given.form) == (None, "text")


def test_a_role_and_a_schema_without_a_place_go_with_the_prompt(declare: Declare, bin_dir: Path) -> None:
    (bin_dir.parent / "answer.json").write_text(json.dumps({"type": "object"}))
    mine = declare('one_shot = ["tool"]').get("mine")
    given = mine.attended(make_ask(bin_dir, prompt="go", role_prompt="Ada."), replace(ONE_SHOT, schema="answer.json"))
    assert given.stdin is not None
    assert given.stdin.startswith("Ada.\n\ngo\n\nAnswer with JSON alone")


@pytest.mark.parametrize(
    ("flag", "changes", "task"),
    [
        ("--model", {"model": "x"}, {}),
        ("--effort", {"effort": "high"}, {}),
        ("--skill", {"skill": "tdd"}, {}),
        ("--permission-mode", {"permission_mode": PermissionMode.PLAN}, {}),
        ("--extra-args", {"extra_args": ("-v",)}, {}),
        ("--max-turns", {}, {"max_turns": 1}),
        ("--mcp-config", {}, {"mcp_config": "m"}),
        ("--auto-approve", {}, {"auto_approve": True}),
        ("command", {"command": ("make",)}, {}),
        ("tools", {"tools": ("Bash",)}, {}),
        ("add_dirs", {"add_dirs": ("/x",)}, {}),
    ],
)
def test_what_has_no_place_is_refused(
    declare: Declare, bin_dir: Path, flag: str, changes: dict[str, object], task: dict[str, object]
) -> None:
    mine = declare('one_shot = ["tool"]').get("mine")
    wanted = replace(ONE_SHOT, **task)  # type: ignore[arg-type]  # fields of Task
    with pytest.raises(BadInput, match=f"provider mine takes no {flag}") as caught:
        mine.attended(make_ask(bin_dir, prompt="go", **changes), wanted)
    assert caught.value.hint == "mine.toml has no place for it"


def test_what_is_needed_is_asked_for(declare: Declare, bin_dir: Path) -> None:
    mine = declare('one_shot = ["tool", "{model}"]\nstart = ["tool"]').get("mine")
    with pytest.raises(BadInput, match="provider mine needs --model"):
        mine.attended(make_ask(bin_dir, prompt="go"), ONE_SHOT)
    with pytest.raises(BadInput, match="provider mine has no model 'large'"):
        mine.attended(make_ask(bin_dir, prompt="go"), replace(ONE_SHOT, size="large"))
    with pytest.raises(BadInput, match="provider mine has no streaming sessions"):
        mine.attended(make_ask(bin_dir), Task(way=Way.STREAMING))
    with pytest.raises(BadInput, match="provider mine takes no --prompt"):
        mine.plan(make_ask(bin_dir, prompt="go"))
    with pytest.raises(BadInput, match="provider mine takes no role prompt"):
        mine.plan(make_ask(bin_dir, role_prompt="Ada."))


def test_its_program(declare: Declare, bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = declare().get("mine")
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    assert (mine.program(), mine.version()) == (str(bin_dir / "tool"), "tool 1.2.3")
    with pytest.raises(MissingProgram, match="provider mine needs the program 'tool'") as caught:
        mine.plan(make_ask(bin_dir, env={"PATH": str(tmp_path)}))
    assert caught.value.hint == "pip install tool"
