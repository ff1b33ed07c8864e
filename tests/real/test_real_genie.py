"""The whole of genie with the real claude and codex: spawned, killed with -9, back on their conversation."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.programs import FOUND, needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    yield found
    found.close()


@pytest.fixture
def genie(make_genie: Callable[..., Genie], api: Api) -> Genie:
    """A genie whose callers have the environment of the real programs: loopback alone, no dialog."""
    made = make_genie(GENIE_CLAUDE__BINARY=str(FOUND.claude), GENIE_CODEX__BINARY=str(FOUND.codex))
    made.project.mkdir(exist_ok=True)
    kit.seed(made.directory, made.project, api=api.url)
    made.env |= kit.env(made.directory, api=api.url)
    return made


def asked(api: Api, count: int) -> dict[str, Any]:
    """The `count`th request of the agents' own loops to the model."""

    def bodies() -> list[dict[str, Any]]:
        return [api.state.request(entry["id"])["body"] for entry in api.state.entries(kind="main")]

    kit.until(lambda: len(bodies()) >= count, what=f"request {count} to the model")
    return bodies()[count - 1]


@needs_claude
def test_claude_comes_back_on_its_session_after_kill_9(genie: Genie, api: Api) -> None:
    made = genie.json("spawn", "engineer", "--prompt", "remember the number 4711")
    assert "remember the number 4711" in prompts(asked(api, 1))[-1]
    kit.until(lambda: "ok: remember" in genie.screen("engineer"), what="the answer on the screen")
    before = genie.agent("engineer")
    transcripts = list((genie.directory / "claude" / "projects").glob(f"*/{made['session_id']}.jsonl"))
    assert len(transcripts) == 1

    os.kill(before["pid"], signal.SIGKILL)
    after = genie.until_again("engineer", before)
    assert (after["session_id"], after["pane"]) == (made["session_id"], before["pane"])
    kit.until(lambda: "4711" in genie.screen("engineer"), what="the conversation on the screen")
    assert len(api.state.entries(kind="main")) == 1, "the first prompt was given twice"

    genie("stop", "engineer")
    assert genie.state("engineer") == "suspended"
    back = genie.json("spawn", "engineer", "--prompt", "which number was it?")
    assert (back["decision"], back["session_id"]) == ("resume", made["session_id"])
    said = prompts(asked(api, 2))
    assert any("remember the number 4711" in one for one in said[:-1])
    assert "which number was it?" in said[-1]
    assert list((genie.directory / "claude" / "projects").glob("*/*.jsonl")) == transcripts


@needs_codex
def test_codex_is_found_and_comes_back_on_its_session_after_kill_9(genie: Genie, api: Api) -> None:
    genie.json("spawn", "coder", "--role", "engineer", "--provider", "codex", "--prompt", "remember the number 4711")
    asked(api, 1)

    def named() -> str | None:
        (current,) = [one for one in genie.json("show", "coder")["sessions"] if one["current"]]
        found: str | None = current["provider_session"]
        return found

    own = kit.until(named, what="codex's own session id")
    before = genie.agent("coder")
    os.kill(before["pid"], signal.SIGKILL)
    genie.until_again("coder", before)
    kit.until(lambda: "4711" in genie.screen("coder"), what="the conversation on the screen")
    assert named() == own
    assert genie.json("history", "coder")[-1]["kind"] == "agent.resumed"
    genie("stop", "coder")
    genie("resume", "coder")
    kit.until(lambda: "4711" in genie.screen("coder"), what="the conversation again")
    assert len(api.state.entries(kind="main")) == 1
