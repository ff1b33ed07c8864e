"""The real programs under the attendant, in a pane: what they say is kept line by line and shown to people."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.attended import plan
from tests.fixtures.tmux import RUNNER
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.programs import FOUND, apart, needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

PRINT = ("-p", "--output-format", "stream-json", "--verbose")


class Stage:
    """A model API, a desk, and runners on it."""

    def __init__(self, directory: Path, api: Api, desk: kit.Desk) -> None:
        self.directory, self.desk = directory, desk
        self.project, self.log, self.fifo = directory / "project", directory / "log", directory / "input"
        kit.seed(directory, self.project, api=api.url)
        self.env = kit.env(directory, api=api.url) | {"IS_SANDBOX": "1"}

    def run(self, *argv: str, **changes: object) -> str:
        """A pane with that program attended to."""
        launch = {"argv": argv, "env": self.env, "cwd": str(self.project), "attend": plan(self.log, **changes)}
        path = self.directory / "launch.json"
        path.write_text(json.dumps(launch), encoding="ascii")
        words = [sys.executable, "-I", "-S", str(RUNNER), "a-run", str(path)]
        return self.desk.start(words, env={**self.env}, cwd=self.directory)

    def claude(self, *words: str, **changes: object) -> str:
        return self.run(str(FOUND.claude), *PRINT, *words, form="claude", **changes)

    def codex(self, prompt: str) -> str:
        options = ("--skip-git-repo-check", "-s", "danger-full-access")
        return self.run(str(FOUND.codex), "exec", "--json", *options, prompt, form="codex")

    def said(self) -> list[dict[str, Any]]:
        """The log; every line of it is JSON."""
        return [json.loads(line) for line in self.log.read_bytes().splitlines()]


@pytest.fixture
def stage() -> Iterator[Stage]:
    with apart() as found:
        yield Stage(*found)


@needs_claude
def test_claude_answers_in_print_mode(stage: Stage) -> None:
    pane = stage.claude("--dangerously-skip-permissions", "[[bash:seq 6]] [[text:all is done]]")
    assert stage.desk.end(pane) == 0
    kinds = [record.get("genie") or record["type"] for record in stage.said()]
    assert (kinds[0], kinds[1], kinds[-1]) == ("started", "system", "ended")
    assert "result" in kinds
    screen = stage.desk.screen(pane)
    assert "● Bash  seq 6\n    1\n    2\n    … 4 more lines\nall is done\n✓ 2 turns · " in screen


@needs_claude
def test_claudes_pieces_are_shown_once(stage: Stage) -> None:
    pane = stage.claude("--include-partial-messages", "[[slow:1:one two three four five six]]")
    assert stage.desk.end(pane) == 0
    assert any(record.get("type") == "stream_event" for record in stage.said())
    assert stage.desk.screen(pane).count("one two three four five six") == 1


@needs_claude
def test_claudes_failure_is_the_panes(stage: Stage) -> None:
    pane = stage.claude("[[http:400]]")
    assert stage.desk.end(pane) == 1
    screen = stage.desk.screen(pane)
    assert screen.count("API Error: 400") == 1
    assert "✗ api_error" in screen
    assert stage.said()[-1]["exit_code"] == 1


@needs_claude
def test_claude_takes_messages_through_the_fifo(stage: Stage) -> None:
    pane = stage.claude("--input-format", "stream-json", keep_open=True, fifo=str(stage.fifo))
    kit.until(stage.fifo.exists, what="the FIFO")
    for count, line in enumerate(("[[text:first answer]]", "[[text:second answer]]"), start=1):
        with stage.fifo.open("w") as pipe:
            pipe.write(line + "\n")
        kit.until(lambda count=count: stage.desk.screen(pane).count("✓") == count, what=f"answer {count}")  # type: ignore[misc]
    with stage.fifo.open("w") as pipe:
        pipe.write('{"genie": "close"}\n')
    assert stage.desk.end(pane) == 0
    assert [r["result"] for r in stage.said() if r.get("type") == "result"] == ["first answer", "second answer"]
    assert not stage.fifo.exists()


@needs_claude
def test_claude_over_its_time_ends_with_124(stage: Stage) -> None:
    pane = stage.claude("[[hang]]", timeout=3)
    assert stage.desk.end(pane) == 124
    assert stage.said()[-1]["timed_out"] is True


@needs_codex
def test_codex_answers_in_exec_mode(stage: Stage) -> None:
    pane = stage.codex("[[bash:seq 6; false]] [[text:all is done]]")
    assert stage.desk.end(pane) == 0
    kinds = [record.get("genie") or record["type"] for record in stage.said()]
    assert kinds[0] == "started"
    assert {"thread.started", "item.completed", "turn.completed", "ended"} <= set(kinds)
    screen = stage.desk.screen(pane)
    assert "● Bash  seq 6; false\n    1\n    2\n    … 4 more lines\n    exit code 1\nall is done\n✓ 1 turn" in screen


@needs_codex
def test_codexs_failure_is_the_panes(stage: Stage) -> None:
    pane = stage.codex("[[http:400]]")
    assert stage.desk.end(pane) == 1
    screen = stage.desk.screen(pane)
    assert screen.count("fake error 400") == 1
    assert "✗ failed" in screen
