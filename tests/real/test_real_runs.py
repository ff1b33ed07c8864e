"""`genie run` with the real claude and codex: what they were told, what they answered, and what it cost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import asked
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

PROMPT = "say $HOME `id` \"q\" 'p' 🐘"


def provider_session(genie: Genie, name: str) -> str | None:
    (current,) = [one for one in genie.json("show", name)["sessions"] if one["current"]]
    found: str | None = current["provider_session"]
    return found


def results(genie: Genie, name: str) -> list[dict[str, Any]]:
    lines = genie("events", name, "--type", "session_result", "--json").splitlines()
    return [json.loads(line)["payload"] for line in lines]


@needs_claude
def test_claude_is_run_to_its_end(genie: Genie, api: Api) -> None:
    done = genie.run("run", "--provider", "claude", "--name", "one", "--wait", "--show-usage", PROMPT)
    assert (done.returncode, done.stdout) == (0, f"ok: {PROMPT}\n"), done.stderr
    assert "$0." in done.stderr
    assert PROMPT in prompts(asked(api, 1))[-1]
    (row,) = genie.json("collect", "one")
    assert (row["status"], row["result_text"], row["error"]) == ("completed", f"ok: {PROMPT}", None)
    used = row["usage"]
    assert used["input"] + used["cache_read"] + used["cache_write"] > 0
    assert used["output"] > 0
    assert used["cost"] > 0
    assert provider_session(genie, "one") == row["session_id"]
    assert len(results(genie, "one")) == 1


@needs_claude
def test_claude_fails_as_its_program_says(genie: Genie, api: Api) -> None:
    done = genie.run("run", "--provider", "claude", "--name", "bad", "--wait", "[[http:400]]")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("genie: bad: ")
    assert genie.agent("bad")["state"] == "failed"


@needs_claude
def test_claude_is_fed(genie: Genie, api: Api) -> None:
    row = genie.json("run", "--interactive", "--provider", "claude", "--name", "fed")
    genie("input", "fed", "first $HOME")
    genie("input", "fed", "second\nline")
    kit.until(lambda: len(results(genie, "fed")) == 2, what="two answers")
    genie("input", "fed", "[[slow:60]]")
    kit.until(lambda: len(api.state.entries(kind="main")) == 3, what="the begin of a long answer")
    genie("input", "fed", "what waits")
    genie("input", "fed", "--interrupt")
    kit.until(lambda: len(results(genie, "fed")) == 4, what="the end of that, and what waited")
    broken_off, waited = results(genie, "fed")[2:]
    assert (broken_off["error"], waited["text"].endswith("what waits")) == ("interrupted", True)
    genie("input", "fed", "--interrupt")
    genie("input", "fed", "second\nline")
    kit.until(lambda: len(results(genie, "fed")) == 5, what="one more answer")
    genie("input", "fed", "--close")
    assert genie.run("wait", "fed").returncode == 0
    assert [one["text"].strip() for one in results(genie, "fed")[:2]] == ["ok: first $HOME", "ok: second\nline"]
    assert "second" in prompts(asked(api, 2))[-1]
    (told,) = genie.json("collect", "fed")
    assert (told["session_id"], told["result_text"].strip()) == (row["session_id"], "ok: second\nline")
    assert told["usage"]["cost"] > 0
    assert provider_session(genie, "fed") == row["session_id"]


@needs_claude
def test_who_writes_to_claude_that_is_fed_gets_its_answer(genie: Genie) -> None:
    genie.env["IS_SANDBOX"] = "1"
    genie("run", "--interactive", "--auto-approve", "--provider", "claude", "--name", "fed", "begin")
    kit.until(lambda: len(results(genie, "fed")) == 1, what="the first answer")
    assert genie("send", "fed", "--ask", "--timeout", "60", "how many? [[text:forty-two]]") == "forty-two\n"
    genie("input", "fed", "work [[bash:sleep 3]] [[text:all is done]]")
    kit.until(lambda: genie.agent("fed")["activity"] == "working", what="a long turn")
    assert genie("send", "fed", "--ask", "--timeout", "60", "and in the midst of it?") == "all is done\n"
    states = {row["text"]: row["state"] for row in genie.json("inbox", "fed")}
    assert set(states.values()) == {"answered"}


@needs_codex
def test_codex_is_run_to_its_end(genie: Genie, api: Api) -> None:
    done = genie.run("run", "--provider", "codex", "--name", "two", "--wait", "--show-usage", PROMPT)
    assert (done.returncode, done.stdout) == (0, f"ok: {PROMPT}\n"), done.stderr
    assert " in, " in done.stderr
    assert PROMPT in prompts(asked(api, 1))[-1]
    (row,) = genie.json("collect", "two")
    assert (row["status"], row["error"]) == ("completed", None)
    assert row["usage"]["input"] + row["usage"]["cache_read"] > 0
    assert row["usage"]["output"] > 0
    assert provider_session(genie, "two") not in (None, row["session_id"])
