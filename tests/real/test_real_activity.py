"""What the real claude and codex tell of what they do: status line, dialogs, titles, hooks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.daemon import Genie
from tests.real import kit
from tests.real.genies import activities, press, until_doing
from tests.real.programs import needs_claude, needs_codex

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]

ESCALATED = {"cmd": "touch x", "sandbox_permissions": "require_escalated", "justification": "why not"}
ASKS = f"do it [[tool:exec_command {json.dumps(ESCALATED)}]] [[slow:4]]"

Make = Callable[..., Genie]


def change(path: Path, **said: object) -> None:
    before = json.loads(path.read_text()) if path.exists() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(before | said))


@needs_claude
def test_claude_shows_the_users_own_status_line_and_tells_what_it_uses(make: Make) -> None:
    genie = make()
    del genie.env["ANTHROPIC_API_KEY"]
    genie.env["CLAUDE_CODE_OAUTH_TOKEN"] = "sk-ant-oat01-dummy"
    far = {"type": "command", "command": "echo farther"}
    change(genie.directory / "claude" / "settings.json", statusLine=far | {"padding": 4})
    own = {"type": "command", "command": 'echo "own: $(grep -o \\"session_id\\" | head -c 12)"; echo second'}
    change(genie.project / ".claude" / "settings.local.json", statusLine=own)
    genie("spawn", "engineer", "--prompt", "hello [[warn:0.93]]")
    until_doing(genie, "engineer", "idle")
    kit.until(lambda: 'own: "session_id"' in genie.screen("engineer"), what="the user's own line")
    shown = genie.screen("engineer").splitlines()
    [at] = [place for place, line in enumerate(shown) if "own: " in line]
    assert shown[at].startswith("    "), "its padding"
    assert shown[at + 1].strip() == "second"
    assert not any("farther" in line for line in shown)

    def used() -> bool:
        found = genie.agent("engineer")["meter"]
        return bool(found and found["cost"] and found["limits"])

    kit.until(used, within=40, what="cost and limits")
    row = genie.agent("engineer")
    assert row["meter"]["context"] is not None
    assert row["meter"]["limits"][0]["used"] == pytest.approx(93, abs=1)
    assert "limit_near" in genie("events", "engineer", "--type", "limit_near")
    assert "five hour 93%" in genie("ls", "--wide")
    assert "context" in genie("show", "engineer")
    assert "status line" in genie("explain", "engineer")


@needs_claude
def test_the_status_line_can_be_left_out(make: Make) -> None:
    genie = make(GENIE_CLAUDE__STATUS_LINE="false")
    genie("spawn", "engineer")
    until_doing(genie, "engineer", "idle")
    assert "statusLine" not in json.loads((genie.home / "hooks" / "claude.json").read_text())


@needs_claude
def test_a_dialog_at_the_start_is_answered_where_that_is_allowed(make: Make) -> None:
    genie = make(GENIE_CLAUDE__ACCEPT_DIALOGS="trust api-key")
    change(
        genie.directory / "claude" / ".claude.json", projects={}, customApiKeyResponses={"approved": [], "rejected": []}
    )
    genie("spawn", "engineer", "--prompt", "hello")
    row = until_doing(genie, "engineer", "idle", within=40)
    assert row["state"] == "running"
    lines = genie("events", "engineer", "--type", "dialog_accepted", "--json").splitlines()
    assert [json.loads(line)["payload"]["dialog"] for line in lines] == ["trust", "api-key"]
    kit.until(lambda: "ok: hello" in genie.screen("engineer"), what="the answer")


@needs_claude
def test_only_the_dialog_that_is_allowed_is_answered(make: Make) -> None:
    genie = make(GENIE_CLAUDE__ACCEPT_DIALOGS="bypass")
    change(genie.directory / "claude" / ".claude.json", projects={})
    genie("spawn", "engineer", "--prompt", "hello")
    row = until_doing(genie, "engineer", "question")
    assert "trusted" in row["activity_source"]
    assert "❯ No, exit" in genie.screen("engineer")
    assert not genie("events", "engineer", "--type", "dialog_accepted", "--json")


@needs_claude
def test_a_model_that_never_answers_is_told(make: Make) -> None:
    genie = make(GENIE_ACTIVITY__STALL_AFTER="4s")
    genie("spawn", "engineer", "--prompt", "[[hang]]")
    until_doing(genie, "engineer", "working")
    row = until_doing(genie, "engineer", "error")
    assert "the model has said nothing since" in row["activity_source"]


@needs_codex
def test_the_title_of_codex_tells_that_it_asks_for_a_permission(make: Make) -> None:
    genie = make()
    genie("spawn", "engineer", "--provider", "codex", "--prompt", ASKS)
    row = until_doing(genie, "engineer", "permission")
    assert row["activity_source"] == "title: Action Required"
    assert genie("status", "engineer").strip() == "waiting"
    assert "title" in genie("explain", "engineer")
    kit.until(lambda: "Would you like to run" in genie.screen("engineer"), what="the dialog")
    press(genie, "y", lambda: genie.agent("engineer")["activity"] != "permission")
    until_doing(genie, "engineer", "idle")
    told = [word for word, _ in activities(genie, "engineer")]
    assert told[told.index("permission") :] == ["permission", "working", "idle"]


@needs_codex
def test_the_hooks_of_codex_tell_the_same_at_once_beside_the_users_own(make: Make) -> None:
    genie = make(GENIE_CODEX__HOOKS="true")
    marks = [genie.directory / "by-json", genie.directory / "by-toml"]
    entries = [{"hooks": [{"type": "command", "command": f"touch {mark}"}]} for mark in marks]
    home = genie.directory / "codex"
    (home / "hooks.json").write_text(json.dumps({"hooks": {"Stop": [entries[0]]}}))
    with (home / "config.toml").open("a") as file:
        file.write(f'\n[[hooks.Stop]]\n[[hooks.Stop.hooks]]\ntype = "command"\ncommand = "touch {marks[1]}"\n')
    before = {path: path.read_bytes() for path in (home / "hooks.json", home / "config.toml")}
    genie("spawn", "engineer", "--provider", "codex", "--prompt", ASKS)
    row = until_doing(genie, "engineer", "permission")
    assert row["activity_source"] == "hook: PermissionRequest Bash"
    # The hook runs before the dialog is there, and the dialog waits for as long as somebody types.
    kit.until(lambda: "Would you like to run" in genie.screen("engineer"), what="the dialog")
    press(genie, "y", lambda: genie.agent("engineer")["activity"] != "permission")
    until_doing(genie, "engineer", "idle")
    told = activities(genie, "engineer")
    assert [word for word, _ in told][-3:] == ["permission", "working", "idle"]
    kit.until(lambda: all(mark.exists() for mark in marks), what="the user's own hooks")
    assert all(path.read_bytes().startswith(said) for path, said in before.items()), "codex itself adds to it"
