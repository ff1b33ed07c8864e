"""The real programs as one-shot and streaming sessions: they take the arguments, the parsers read what they say."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.providers import InstalledProviders, ProviderOptions
from genie.adapters.records import NEW, parser
from genie.domain.conversation import Outcome, fold
from genie.domain.session import Way
from genie.ports import Attended, Task
from tests.adapters.records_kit import READ_AT
from tests.adapters.test_providers import make_ask
from tests.real import kit
from tests.real.programs import FOUND, needs_claude, needs_codex
from tests.real.test_real_attendant import Stage, stage

__all__ = ["stage"]

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ONE_SHOT = Task(way=Way.ONE_SHOT)
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}


def attended(stage: Stage, name: str, task: Task, **changes: object) -> Attended:
    binary = str(FOUND.claude if name == "claude" else FOUND.codex)
    providers = InstalledProviders({name: ProviderOptions(binary=binary)})
    asked = {"cwd": str(stage.project), "env": stage.env, "session": uuid4(), **changes}
    return providers.get(name).attended(make_ask(stage.directory, **asked), task)


def start(stage: Stage, given: Attended) -> str:
    stdin = stage.directory / "stdin"
    stdin.write_text(given.stdin or "")
    stage.env |= dict(given.plan.env)
    fifo = str(stage.fifo) if given.keep_open else None
    changes = {"form": given.screen, "keep_open": given.keep_open, "fifo": fifo}
    return stage.run(*given.plan.argv, stdin=str(stdin) if given.stdin else None, **changes)


def outcome(stage: Stage, name: str, given: Attended) -> Outcome:
    reader, result, state = parser(name, given.form), Outcome(), NEW
    for line in stage.log.read_bytes().splitlines():
        said, state = reader.parse(line, state, at=READ_AT)
        for one in said:
            result = fold(result, one)
    if given.plan.provider_session:
        assert state.session == given.plan.provider_session
    return result


def ran(stage: Stage, name: str, task: Task = ONE_SHOT, **changes: object) -> Outcome:
    given = attended(stage, name, task, **changes)
    pane = start(stage, given)
    assert stage.desk.end(pane) == 0, stage.desk.screen(pane)
    return outcome(stage, name, given)


def write_schema(directory: Path) -> str:
    (directory / "schema.json").write_text(json.dumps(SCHEMA))
    return str(directory / "schema.json")


@needs_claude
def test_claude_does_a_task_with_every_option(stage: Stage) -> None:
    (stage.directory / "mcp.json").write_text('{"mcpServers": {}}')
    task = Task(
        way=Way.ONE_SHOT,
        system_prompt="Be terse.",
        max_turns=5,
        mcp_config=str(stage.directory / "mcp.json"),
        auto_approve=True,
        size="small",
    )
    result = ran(stage, "claude", task, prompt="[[bash:seq 6]] [[text:all is done]]", role_prompt="You are ada.")
    assert (result.text, result.is_error, result.turns) == ("all is done", False, 2)
    assert result.tokens


@needs_claude
def test_claude_takes_a_slash_for_a_text(stage: Stage) -> None:
    assert ran(stage, "claude", prompt="/nonsense [[text:understood]]").text == "understood"


@needs_claude
def test_claude_takes_a_schema(stage: Stage) -> None:
    """The fake model does not answer in its shape, and the program says so: it has understood it."""
    task = replace(ONE_SHOT, schema=write_schema(stage.directory), max_turns=3)
    given = attended(stage, "claude", task, prompt="[[text:no json]]")
    stage.desk.end(start(stage, given))
    init = next(record for record in stage.said() if record.get("subtype") == "init")
    assert "StructuredOutput" in init["tools"]


@needs_claude
def test_claude_streams(stage: Stage) -> None:
    given = attended(stage, "claude", Task(way=Way.STREAMING), prompt="[[text:first answer]]")
    pane = start(stage, given)
    kit.until(lambda: stage.desk.screen(pane).count("✓") == 1, what="the first answer")
    with stage.fifo.open("w") as pipe:
        pipe.write('/odd [[text:second answer]]\n{"genie": "close"}\n')
    assert stage.desk.end(pane) == 0
    result = outcome(stage, "claude", given)
    assert (result.text, result.turns) == ("second answer", 2)
    assert any(record.get("subtype") == "session_state_changed" for record in stage.said())


@needs_codex
def test_codex_does_a_task_with_every_option(stage: Stage) -> None:
    shutil.rmtree(stage.project / ".git", ignore_errors=True)
    task = Task(way=Way.ONE_SHOT, system_prompt="Be terse.", auto_approve=True, schema=write_schema(stage.directory))
    changes = {"role_prompt": "You are ada.", "model": "fake-model", "effort": "high", "add_dirs": ("/tmp",)}
    result = ran(stage, "codex", task, prompt='[[bash:seq 6]] [[text:{"answer": "42"}]]', **changes)
    assert (result.text, result.is_error) == ('{"answer": "42"}', False)
    assert result.tokens


@needs_codex
def test_codex_reads_a_prompt_that_looks_like_an_option(stage: Stage) -> None:
    assert ran(stage, "codex", prompt="--help [[text:understood]]").text == "understood"
