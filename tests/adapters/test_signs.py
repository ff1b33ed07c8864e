"""What claude and codex tell of themselves, and how they are made to tell it."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genie.adapters.providers import HookProgram
from genie.adapters.providers._hooks import CLASSIC, EVENTS, notify_flag, renewed, settings_flag
from genie.adapters.providers._signs import ProviderSigns
from genie.domain.activity import Source
from genie.domain.agent import Activity

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
SIGNS = ProviderSigns()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "sessions").mkdir()
    return tmp_path


def env_of(config: Path) -> dict[str, str]:
    return {"CLAUDE_CONFIG_DIR": str(config), "CODEX_HOME": str(config), "HOME": str(config)}


def started() -> str:
    return Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]


def write_entry(config: Path, **fields: object) -> None:
    said = {"pid": os.getpid(), "procStart": started(), "statusUpdatedAt": 1_700_000_000_000, **fields}
    (config / "sessions" / f"{os.getpid()}.json").write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("status", "waiting", "says"),
    [
        ("idle", None, Activity.IDLE),
        ("shell", None, Activity.IDLE),
        ("busy", None, Activity.WORKING),
        ("waiting", "permission prompt", Activity.PERMISSION),
        ("waiting", "sandbox request", Activity.PERMISSION),
        ("waiting", "input needed", Activity.QUESTION),
        ("waiting", "dialog open", Activity.QUESTION),
    ],
)
def test_the_entry_of_the_process(config: Path, status: str, waiting: str | None, says: Activity) -> None:
    write_entry(config, status=status, waitingFor=waiting)
    found = SIGNS.look("claude", env=env_of(config), pid=os.getpid())
    assert found is not None
    assert (found.source, found.says) == (Source.REGISTRY, says)
    assert found.at == datetime.fromtimestamp(1_700_000_000, UTC)


@pytest.mark.parametrize(
    "fields", [{"status": "new word"}, {}, {"status": "idle", "procStart": "1"}, {"status": "idle", "pid": 1}]
)
def test_an_entry_that_tells_nothing(config: Path, fields: dict[str, object]) -> None:
    write_entry(config, **fields)
    assert SIGNS.look("claude", env=env_of(config), pid=os.getpid()) is None
    assert SIGNS.look("codex", env=env_of(config), pid=os.getpid()) is None
    assert SIGNS.path("codex", env=env_of(config), pid=1) is None


def test_an_entry_without_its_time_is_as_old_as_can_be(config: Path) -> None:
    write_entry(config, status="idle", statusUpdatedAt="soon")
    found = SIGNS.look("claude", env=env_of(config), pid=os.getpid())
    assert found is not None
    assert found.at.year == 1970


@pytest.mark.parametrize(
    ("provider", "event", "payload", "says"),
    [
        ("claude", "SessionStart", '{"source": "startup"}', Activity.STARTING),
        ("claude", "SessionStart", '{"source": "compact"}', None),
        ("claude", "UserPromptSubmit", "", Activity.WORKING),
        ("claude", "PermissionRequest", '{"tool_name": "Bash"}', Activity.PERMISSION),
        ("claude", "PermissionRequest", "torn {", Activity.PERMISSION),
        ("claude", "PermissionRequest", '{"tool_name": "AskUserQuestion"}', Activity.QUESTION),
        ("claude", "PreToolUse", '{"tool_name": "AskUserQuestion"}', Activity.QUESTION),
        ("claude", "PreToolUse", '{"tool_name": "Bash"}', None),
        ("claude", "Notification", '{"notification_type": "idle_prompt"}', Activity.IDLE),
        ("claude", "Notification", '{"notification_type": "other"}', None),
        ("claude", "Stop", "{}", Activity.IDLE),
        ("claude", "StopFailure", '{"error": "rate_limit"}', Activity.ERROR),
        ("claude", "Unheard", "[]", None),
        ("codex", "notify", '{"type": "agent-turn-complete"}', Activity.IDLE),
        ("codex", "notify", '{"type": "other"}', None),
        ("codex", "Stop", "{}", None),
        ("shell", "Stop", "{}", None),
    ],
)
def test_what_hooks_tell(provider: str, event: str, payload: str, says: Activity | None) -> None:
    found = SIGNS.hook(provider, event, payload, at=NOW)
    assert (found.says if found else None) is says


def test_the_dialogs_that_a_configuration_leads_to(config: Path) -> None:
    env = env_of(config) | {"ANTHROPIC_API_KEY": "sk-" + "k" * 30}
    argv = ("claude", "--permission-mode", "bypassPermissions")

    def dialog(**said: object) -> str:
        (config / ".claude.json").write_text(json.dumps(said))
        return SIGNS.dialog("claude", env=env, cwd=str(config), argv=argv)

    trusted = {os.path.realpath(config.parent): {"hasTrustDialogAccepted": True}}
    assert "first-run" in SIGNS.dialog("claude", env=env, cwd="/", argv=argv)
    done: dict[str, object] = {"hasCompletedOnboarding": True}
    assert "trusted" in dialog(**done)
    done["projects"] = trusted
    assert "ANTHROPIC_API_KEY" in dialog(**done)
    done["customApiKeyResponses"] = {"approved": ["k" * 20]}
    assert "bypassPermissions" in dialog(**done)
    assert dialog(**done, bypassPermissionsModeAccepted=True) == ""
    assert "trusted" in SIGNS.dialog("codex", env=env, cwd=str(config), argv=())
    where = json.dumps(os.path.realpath(config))
    (config / "config.toml").write_text(f'[projects.{where}]\ntrust_level = "trusted"\n')
    assert SIGNS.dialog("codex", env=env, cwd=str(config), argv=()) == ""
    assert SIGNS.dialog("shell", env=env, cwd=str(config), argv=()) == ""


# ---- how they are made to tell --------------------------------------------------------------


def program(directory: Path, version: str) -> str:
    path = directory / "claude"
    path.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("version", "events"), [("2.1.328", EVENTS), ("2.1.197", EVENTS), ("2.0.1", CLASSIC), ("what", CLASSIC)]
)
def test_a_release_is_told_of_the_events_that_it_knows(tmp_path: Path, version: str, events: dict[str, str]) -> None:
    hooks = HookProgram(("true",), str(tmp_path / "hooks"))
    flag, path = settings_flag(hooks, program(tmp_path, version), ())
    assert flag == "--settings"
    assert json.loads(Path(path).read_text())["hooks"].keys() == events.keys()
    assert (Path(path).stat().st_mode & 0o777, Path(path).parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("version", ["2.1.328", "2.0.1"])
def test_no_hook_keeps_a_prompt_from_the_transcript(tmp_path: Path, version: str) -> None:
    _, path = settings_flag(HookProgram(("true",), str(tmp_path / "hooks")), program(tmp_path, version), ())
    said = json.loads(Path(path).read_text())["hooks"]
    assert "UserPromptSubmit" not in said
    assert all(hook["async"] is True for entries in said.values() for entry in entries for hook in entry["hooks"])


def test_a_hook_whose_program_is_gone_forbids_nothing(tmp_path: Path) -> None:
    hooks = HookProgram(("python3", "-I", "-S", "/nonexistent/hook.py"), str(tmp_path / "it's"))
    _, path = settings_flag(hooks, program(tmp_path, "2.1.328"), ())
    for entries in json.loads(Path(path).read_text())["hooks"].values():
        command = entries[0]["hooks"][0]["command"]
        assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0


def test_settings_of_the_users_own_and_a_place_that_cannot_be_written_leave_it_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    claude = program(tmp_path, "2.1.328")
    assert settings_flag(None, claude, ()) == ()
    hooks = HookProgram(("true",), str(tmp_path / "hooks"))
    assert settings_flag(hooks, claude, ("--settings=mine",)) == ()
    assert settings_flag(HookProgram(("true",), str(tmp_path / "file" / "x")), claude, ()) == ()
    assert settings_flag(hooks, "/nonexistent/claude", ())[1].endswith("classic.json")


def test_a_resume_writes_the_file_anew_or_goes_without(tmp_path: Path) -> None:
    hooks = HookProgram(("true",), str(tmp_path / "hooks"))
    argv = ("claude", *settings_flag(hooks, program(tmp_path, "2.1.328"), ()), "--model", "x")
    path = Path(argv[2])
    path.unlink()
    assert renewed(hooks, argv) == argv
    assert path.is_file()
    path.unlink()
    assert renewed(None, argv) == ("claude", "--model", "x")
    assert renewed(hooks, ("claude", "--settings", "mine.json")) == ("claude", "--settings", "mine.json")


def test_codex_is_given_a_notify_program_before_the_users_own(tmp_path: Path) -> None:
    hooks = HookProgram(("hook", "a b"), "/x")
    assert notify_flag(hooks, tmp_path, ()) == ("-c", 'notify=["hook", "a b", "codex.notify"]')
    (tmp_path / "config.toml").write_text('notify = ["mine", "1"]')
    assert notify_flag(hooks, tmp_path, ())[1].endswith('"codex.notify", "mine", "1"]')
    assert notify_flag(hooks, tmp_path, ("-c", "notify=[]")) == ()
    assert notify_flag(None, tmp_path, ()) == ()
