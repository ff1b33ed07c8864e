"""What the real programs do with the note of a resume: they go on, and those that were idle stay so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import asked, bodies, until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]

WORK = f"the long work {'of many words ' * 30}"
"""So long that what stands at its end is not in a note."""


def killed(genie: Genie, name: str) -> dict[str, Any]:
    """The agent after its process was killed and it came back in its place."""
    before = genie.agent(name)
    os.kill(before["pid"], signal.SIGKILL)
    after: dict[str, Any] = genie.until_again(name, before)
    assert (after["session_id"], after["pane"]) == (before["session_id"], before["pane"])
    return after


def requests(api: Api) -> int:
    return len(bodies(api))


def told(api: Api) -> str:
    """The note that a model was given last, as the user's last word."""

    def notes() -> list[str]:
        return [said[-1] for body in bodies(api) if (said := prompts(body)) and said[-1].startswith("<genie-resume ")]

    return kit.until(notes, what="a note")[-1]


def repository(genie: Genie) -> None:
    for words in (("init", "-q"), ("add", "-A")):
        subprocess.run(["git", *words], cwd=genie.project, check=True)
    (genie.project / "half-done.txt").write_text("half\n")


@needs_claude
def test_claude_that_died_in_a_turn_is_told_so_and_goes_on_and_idle_it_is_left_alone(genie: Genie, api: Api) -> None:
    repository(genie)
    genie("spawn", "engineer", "--prompt", f"{WORK} [[slow:60]]")
    asked(api, 1)
    until_doing(genie, "engineer", "working")
    row = killed(genie, "engineer")

    note = told(api)
    assert note.startswith('<genie-resume agent="engineer" reason="your process was killed by signal 9 (SIGKILL)"')
    assert 'Unfinished is your turn on: "the long work' in note
    assert "?? half-done.txt" in note
    until_doing(genie, "engineer", "idle")
    assert "<genie-resume" in genie.screen("engineer")
    (path,) = (genie.directory / "claude" / "projects").glob(f"*/{row['session_id']}.jsonl")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    said = [json.dumps(one["message"]["content"]) for one in records if one["type"] == "user"]
    assert sum("killed by signal 9" in one for one in said) == 1
    answers = [one for one in records if one["type"] == "assistant"]
    assert "ok:" in json.dumps(answers[-1]["message"]["content"])

    killed(genie, "engineer")
    until_doing(genie, "engineer", "idle")
    genie("stop", "engineer")
    genie("resume", "engineer")
    until_doing(genie, "engineer", "idle")
    assert requests(api) == 2, "an idle agent was told something"


@needs_claude
def test_claude_that_died_at_a_question_is_told_which_call_has_no_result(genie: Genie, api: Api) -> None:
    genie("spawn", "engineer", "--permission-mode", "manual", "--prompt", f"{WORK} [[bash:touch half-done]]")
    until_doing(genie, "engineer", "permission")
    kit.until(lambda: genie("events", "engineer", "--type", "tool_call", "--json").strip(), what="its transcript")
    killed(genie, "engineer")
    assert "Without a result, and perhaps done in part: Bash: touch half-done" in told(api)
    until_doing(genie, "engineer", "idle")


@needs_claude
def test_claude_is_told_the_user_s_words_or_nothing(genie: Genie, api: Api) -> None:
    genie("spawn", "one", "--role", "engineer", "--on-resume", "{agent}: look at git, then go on", "--prompt", "hello")
    kit.until(lambda: "ok: hello" in genie.screen("one"), what="the answer")
    until_doing(genie, "one", "idle")
    killed(genie, "one")
    assert ">one: look at git, then go on</genie-resume>" in told(api)
    genie("stop", "one")
    genie("spawn", "two", "--role", "engineer", "--on-resume", "none", "--prompt", f"{WORK} [[slow:60]]")
    kit.until(lambda: genie("events", "two", "--type", "user_message", "--json").strip(), what="its transcript")
    until_doing(genie, "two", "working")
    kit.until(lambda: WORK[:60] in api.state.entries(kind="main")[-1]["prompt"], what="its request")
    count = requests(api)
    killed(genie, "two")
    until_doing(genie, "two", "idle")
    assert requests(api) == count
    assert "told nothing" in genie("show", "two")
    assert "told: {agent}: look at git" in genie("explain", "one").replace("\n", " ")


@needs_claude
def test_nothing_is_sent_into_a_usage_limit_and_the_work_goes_on_after_it(genie: Genie, api: Api) -> None:
    del genie.env["ANTHROPIC_API_KEY"]
    genie.env["CLAUDE_CODE_OAUTH_TOKEN"] = "sk-ant-oat01-dummy"
    genie("spawn", "engineer", "--prompt", f"{WORK} [[limit:15]]")
    until_doing(genie, "engineer", "limited")
    kit.until(lambda: genie.json("explain", "engineer")["activity"]["limited_until"], what="the time of its end")
    count = requests(api)
    before = genie.agent("engineer")
    os.kill(before["pid"], signal.SIGKILL)
    kit.until(lambda: genie.state("engineer") == "dead", what="its death")
    assert genie.json("explain", "engineer")["next"]["decision"] == "wait"
    assert requests(api) == count
    kit.until(lambda: genie.state("engineer") == "running", within=60, what="the end of the limit")
    note = told(api)
    assert "and the usage limit that had stopped you is over now" in note
    assert requests(api) == count + 1


@needs_codex
def test_codex_that_died_in_a_turn_is_told_so_and_goes_on_and_idle_it_is_left_alone(genie: Genie, api: Api) -> None:
    genie("spawn", "coder", "--role", "engineer", "--provider", "codex", "--prompt", f"{WORK} [[slow:60]]")
    asked(api, 1)
    kit.until(_named(genie, "coder"), what="codex's own session id")
    killed(genie, "coder")
    note = told(api)
    assert "killed by signal 9 (SIGKILL)" in note
    assert 'Unfinished is your turn on: "the long work' in note
    until_doing(genie, "coder", "idle")
    rollouts = list((genie.directory / "codex" / "sessions").rglob("rollout-*.jsonl"))
    assert len(rollouts) == 1
    assert "<genie-resume" in rollouts[0].read_text()
    killed(genie, "coder")
    kit.until(lambda: "long work" in genie.screen("coder"), what="the conversation")
    genie("stop", "coder")
    genie("resume", "coder")
    kit.until(lambda: "long work" in genie.screen("coder"), what="the conversation again")
    assert requests(api) == 2, "an idle agent was told something"


def _named(genie: Genie, name: str) -> Callable[[], bool]:
    return lambda: any(one["current"] and one["provider_session"] for one in genie.json("show", name)["sessions"])
