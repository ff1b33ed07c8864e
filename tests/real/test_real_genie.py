"""The whole of genie with the real claude and codex: spawned, killed with -9, back on their conversation."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.fake_model_api import Api
from tests.real.fake_model_script import prompts
from tests.real.genies import activities, asked, press, until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


@needs_claude
def test_claude_comes_back_on_its_session_after_kill_9(genie: Genie, api: Api) -> None:
    api.state.delay = 0.3  # an answer at once can be there before claude has kept the question
    made = genie.json("spawn", "engineer", "--prompt", "remember the number 4711")
    assert "remember the number 4711" in prompts(asked(api, 1))[-1]
    kit.until(lambda: "ok: remember" in genie.screen("engineer"), what="the answer on the screen")
    transcripts = list((genie.directory / "claude" / "projects").glob(f"*/{made['session_id']}.jsonl"))
    assert len(transcripts) == 1
    kit.until(lambda: b'"type":"assistant"' in transcripts[0].read_bytes(), what="the kept answer")
    until_doing(genie, "engineer", "idle")
    before = genie.agent("engineer")

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
    rollouts = list((genie.directory / "codex" / "sessions").rglob("rollout-*.jsonl"))
    kit.until(lambda: b'"task_complete"' in rollouts[0].read_bytes(), what="the kept answer")
    before = genie.agent("coder")
    os.kill(before["pid"], signal.SIGKILL)
    genie.until_again("coder", before)
    kit.until(lambda: "4711" in genie.screen("coder"), what="the conversation on the screen")
    assert named() == own
    assert "resumed" in genie.kinds("coder")
    genie("stop", "coder")
    genie("resume", "coder")
    kit.until(lambda: "4711" in genie.screen("coder"), what="the conversation again")
    assert len(api.state.entries(kind="main")) == 1


@needs_claude
def test_claude_tells_what_it_does_and_the_users_own_hooks_are_kept(genie: Genie, api: Api) -> None:
    config = genie.directory / "claude"
    mark = genie.directory / "own-hook"
    own = {"Stop": [{"hooks": [{"type": "command", "command": f"touch '{mark}'"}]}]}
    settings = json.loads((config / "settings.json").read_text()) | {"hooks": own}
    (config / "settings.json").write_text(json.dumps(settings))

    genie("spawn", "engineer", "--permission-mode", "manual")
    until_doing(genie, "engineer", "idle")
    assert genie("status", "engineer").strip() == "idle"
    genie("stop", "engineer")
    genie("spawn", "engineer", "--prompt", "do it [[bash:for i in 1 2 3; do sleep 1; done]]")
    asks = until_doing(genie, "engineer", "permission")
    assert genie("status", "engineer").strip() == "waiting"
    assert asks["activity_source"] in genie("explain", "engineer").replace("\n", " ")
    press(genie, "1", lambda: genie.agent("engineer")["activity"] != "permission")
    until_doing(genie, "engineer", "idle")
    kit.until(mark.exists, what="the user's own hook")
    told = [word for word, _ in activities(genie, "engineer")]
    assert told[told.index("permission") :] == ["permission", "working", "idle"]
    genie.tmux("send-keys", "-t", asks["pane"], "-l", "and then [[slow:2]]")
    genie.tmux("send-keys", "-t", asks["pane"], "Enter")
    until_doing(genie, "engineer", "working")
    until_doing(genie, "engineer", "idle")
    words = {who for _, who in activities(genie, "engineer")}
    assert words <= {"start", "hook", "registry"}
    assert "hook" in words
    file = genie.home / "hooks" / "claude.json"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not list((genie.home / "spool").glob("*.json"))


@needs_claude
def test_a_usage_limit_of_claude_is_told_with_its_reset(genie: Genie) -> None:
    del genie.env["ANTHROPIC_API_KEY"]
    genie.env["CLAUDE_CODE_OAUTH_TOKEN"] = "sk-ant-oat01-dummy"
    genie("spawn", "engineer", "--prompt", "do it [[limit:3600]]")
    row = until_doing(genie, "engineer", "limited")
    assert "until" in row["activity_source"]
    assert genie("status", "engineer").strip() == "limited"
    told = genie.json("explain", "engineer")["activity"]
    assert told["limited_until"] is not None


@needs_claude
def test_a_dialog_at_the_start_is_told_and_not_answered(genie: Genie) -> None:
    state = genie.directory / "claude" / ".claude.json"
    state.write_text(json.dumps(json.loads(state.read_text()) | {"projects": {}}))
    genie("spawn", "engineer", "--prompt", "hello")
    row = until_doing(genie, "engineer", "question")
    assert "trusted" in row["activity_source"]
    assert "trusted" in genie("explain", "engineer")
    assert row["state"] == "running"


@needs_codex
def test_codex_tells_when_its_turn_is_over(genie: Genie) -> None:
    genie("spawn", "coder", "--role", "engineer", "--provider", "codex", "--prompt", "hello [[slow:8]]")
    until_doing(genie, "coder", "working")
    until_doing(genie, "coder", "idle")
