"""What claude and codex tell of themselves, and how they are made to tell it."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from genie.adapters.providers import HookProgram
from genie.adapters.providers._codex_hooks import EVENTS as CODEX_EVENTS
from genie.adapters.providers._codex_hooks import UNSEEN, hook_flags, toml
from genie.adapters.providers._hooks import CLASSIC, EVENTS, notify_flag, renewed, settings_flag
from genie.adapters.providers._rollouts import of_a_user
from genie.adapters.providers._signs import ProviderSigns
from genie.domain.activity import Source
from genie.domain.agent import Activity
from genie.domain.meter import Allowance, Meter
from genie.domain.startup import Shown

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
    ("provider", "payload", "path"),
    [
        ("claude", {"transcript_path": "/c/projects/p/1.jsonl"}, "/c/projects/p/1.jsonl"),
        ("codex", {"transcript_path": "/c/sessions/1.jsonl"}, "/c/sessions/1.jsonl"),
        ("gemini", {"transcript_path": "/c/projects/p/1.jsonl"}, None),
        ("claude", {"transcript_path": "1.jsonl"}, None),
        ("claude", {"transcript_path": "/etc/passwd"}, None),
        ("claude", {"transcript_path": "/nul\0.jsonl"}, None),
        ("claude", {"transcript_path": ["/1.jsonl"]}, None),
        ("claude", [], None),
    ],
)
def test_the_file_of_the_conversation_that_a_hook_names(provider: str, payload: object, path: str | None) -> None:
    assert SIGNS.conversation(provider, json.dumps(payload)) == path


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
        ("codex", "SessionStart", '{"source": "startup"}', Activity.STARTING),
        ("codex", "UserPromptSubmit", "{}", Activity.WORKING),
        ("codex", "PermissionRequest", '{"tool_name": "Bash"}', Activity.PERMISSION),
        ("codex", "PostToolUse", "[]", Activity.WORKING),
        ("codex", "Stop", "{}", Activity.IDLE),
        ("codex", "Unheard", "{}", None),
        ("shell", "Stop", "{}", None),
    ],
)
def test_what_hooks_tell(provider: str, event: str, payload: str, says: Activity | None) -> None:
    found = SIGNS.hook(provider, event, payload, at=NOW)
    assert (found.says if found else None) is says


def test_the_dialogs_that_a_configuration_leads_to(config: Path) -> None:
    env = env_of(config) | {"ANTHROPIC_API_KEY": "sk-" + "k" * 30}
    argv = ("claude", "--permission-mode", "bypassPermissions")

    def said_of(provider: str, cwd: str) -> str:
        found = SIGNS.dialog(provider, env=env, cwd=cwd, argv=argv)
        return f"{found.name}: {found.text}" if found else ""

    def dialog(**said: object) -> str:
        (config / ".claude.json").write_text(json.dumps(said))
        return said_of("claude", str(config))

    trusted = {os.path.realpath(config.parent): {"hasTrustDialogAccepted": True}}
    assert said_of("claude", "/").startswith("first-run: ")
    done: dict[str, object] = {"hasCompletedOnboarding": True}
    assert dialog(**done).startswith("trust: ")
    done["projects"] = trusted
    assert dialog(**done).startswith("api-key: ")
    done["customApiKeyResponses"] = {"approved": ["k" * 20]}
    assert dialog(**done).startswith("bypass: ")
    assert dialog(**done, bypassPermissionsModeAccepted=True) == ""
    assert said_of("codex", str(config)).startswith("trust: ")
    where = json.dumps(os.path.realpath(config))
    (config / "config.toml").write_text(f'[projects.{where}]\ntrust_level = "trusted"\n')
    assert said_of("codex", str(config)) == ""
    assert said_of("shell", str(config)) == ""


@pytest.mark.parametrize(
    ("event", "payload", "thread"),
    [
        ("notify", '{"type": "agent-turn-complete", "thread-id": "t1"}', "t1"),
        ("notify", '{"type": "agent-turn-complete", "thread-id": 7}', ""),
        ("Stop", '{"session_id": "t2"}', "t2"),
    ],
)
def test_the_hooks_of_codex_tell_of_which_thread_they_are(event: str, payload: str, thread: str) -> None:
    found = SIGNS.hook("codex", event, payload, at=NOW)
    assert found is not None
    assert found.thread == thread


@pytest.mark.parametrize(
    ("first", "thread"),
    [
        ({"type": "session_meta", "payload": {"id": "t1", "source": "cli"}}, ""),
        ({"type": "session_meta", "payload": {"id": "t1", "source": {"subagent": "review"}}}, "t1"),
        ({"type": "session_meta", "payload": {"id": "t1", "source": "exec"}}, "t1"),
        ({"type": "session_meta", "payload": "none"}, "t1"),
        ({"type": "other", "payload": {}}, "t1"),
        ([], "t1"),
        (None, "t1"),
    ],
)
def test_a_hook_of_codex_whose_file_is_a_users_session_is_of_its_own(
    tmp_path: Path, first: object, thread: str
) -> None:
    path = tmp_path / "rollout-1.jsonl"
    payload = json.dumps({"session_id": "t1", "transcript_path": str(path)})
    if first is not None:
        path.write_text(json.dumps(first) + "\n{}\n")
    found = SIGNS.hook("codex", "Stop", payload, at=NOW)
    assert found is not None
    assert found.thread == thread


def test_a_file_that_an_agent_names_is_read_only_where_it_is_a_file(tmp_path: Path) -> None:
    pipe, junk, endless = tmp_path / "pipe.jsonl", tmp_path / "junk.jsonl", tmp_path / "endless.jsonl"
    os.mkfifo(pipe)
    junk.write_bytes(b"\xff{\n")
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    for path in (pipe, junk, endless, tmp_path):
        assert not of_a_user(path)


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("[ ! ] Action Required | project", Activity.PERMISSION),
        ("[ . ] Action Required | project", Activity.PERMISSION),
        ("⠋ project", Activity.WORKING),
        ("project", None),
        ("⠋", None),
        ("my [ ! ] Action Required", None),
        ("", None),
    ],
)
def test_what_the_titles_of_codex_tell_and_those_of_claude_do_not(title: str, says: Activity | None) -> None:
    found = SIGNS.title("codex", title, at=NOW)
    assert (found.says if found else None) is says
    assert SIGNS.title("claude", title, at=NOW) is None


STATUS = {
    "model": {"id": "claude-opus-5-5", "display_name": "Opus 5.5"},
    "cost": {"total_cost_usd": 0.25},
    "context_window": {"used_percentage": 12},
    "rate_limits": {"five_hour": {"used_percentage": 91.5, "resets_at": 1_795_258_323}, "seven_day": {}},
}


def test_what_a_status_line_is_given() -> None:
    found = SIGNS.meter("claude", "StatusLine", json.dumps(STATUS), at=NOW)
    limit = Allowance("five_hour", 91.5, datetime.fromtimestamp(1_795_258_323, UTC))
    assert found == Meter(at=NOW, model="Opus 5.5", cost=0.25, context=12, limits=(limit,))


@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        "torn",
        '{"cost": 7, "context_window": {"used_percentage": null}, "rate_limits": [], "model": {"display_name": 7}}',
        '{"cost": {"total_cost_usd": -1}, "context_window": {"used_percentage": true}, "model": null}',
        '{"cost": {"total_cost_usd": NaN}, "rate_limits": {"five_hour": 7}, "model": {"display_name": "\\u001b[2J"}}',
    ],
)
def test_a_status_line_that_is_given_nonsense_tells_nothing(payload: str) -> None:
    assert SIGNS.meter("claude", "StatusLine", payload, at=NOW) == Meter(at=NOW)
    assert SIGNS.meter("claude", "Stop", payload, at=NOW) is None
    assert SIGNS.meter("codex", "StatusLine", payload, at=NOW) is None


TRUST_SCREEN = """
 Accessing workspace:
 /tmp/x/project

 Quick safety check: Is this a project you created or one you trust?
 Security guide

 ❯ No, exit
   Yes, I trust this folder

 Enter to confirm · Esc to cancel
"""
KEY_SCREEN = """
  Detected a custom API key in your environment
  ANTHROPIC_API_KEY: sk-ant-...00000000000000000000
  Do you want to use this API key?
    Yes
  ❯ No (recommended)
  Enter to confirm · Esc to cancel
"""
BYPASS_SCREEN = """
  WARNING: Claude Code running in Bypass Permissions mode
  By proceeding, you accept all responsibility for actions taken while running in Bypass Permissions mode.
  ❯ No, exit
    Yes, I accept
  Enter to confirm · Esc to cancel
"""


@pytest.mark.parametrize(
    ("screen", "shown"),
    [
        (TRUST_SCREEN, Shown("trust", "\x1b[B")),
        (TRUST_SCREEN.replace("❯ No", "  No").replace("  Yes", "❯ Yes"), Shown("trust", "")),
        (KEY_SCREEN, Shown("api-key", "\x1b[A")),
        (BYPASS_SCREEN, Shown("bypass", "\x1b[B")),
        (TRUST_SCREEN + "\nanything", None),
        (TRUST_SCREEN.replace("❯", " "), None),
        (TRUST_SCREEN.replace("  Yes", "❯ Yes"), None),
        (TRUST_SCREEN.replace("I trust", "we trust"), None),
        (TRUST_SCREEN.replace("Yes", "Maybe"), None),
        (TRUST_SCREEN.replace("Accessing workspace", "Leaving workspace"), None),
        ("Do you want to proceed?\n❯ 1. Yes\n  2. No\nEnter to confirm", None),
        ("", None),
    ],
)
def test_a_dialog_is_known_by_all_of_its_screen(screen: str, shown: Shown | None) -> None:
    assert SIGNS.shown("claude", screen) == shown
    assert SIGNS.shown("codex", screen) is None


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


def test_claude_is_given_a_status_line_where_it_is_wanted(tmp_path: Path) -> None:
    claude = program(tmp_path, "2.1.328")
    with_line = HookProgram(("true",), str(tmp_path / "hooks"), line=("py", "a b"))
    _, path = settings_flag(with_line, claude, ())
    assert json.loads(Path(path).read_text())["statusLine"] == {
        "type": "command",
        "command": "py 'a b'",
        "refreshInterval": 10,
    }
    settings_flag(HookProgram(("true",), str(tmp_path / "hooks")), claude, ())
    assert "statusLine" not in json.loads(Path(path).read_text())


def test_codex_is_given_hooks_beside_those_of_the_users_config(tmp_path: Path) -> None:
    hooks = HookProgram(("py", "a b"), "/x")
    assert hook_flags(None, tmp_path, ()) == ()
    assert hook_flags(hooks, tmp_path, ("-c", "hooks.Stop=[]")) == ()
    flag, *words = hook_flags(hooks, tmp_path, ())
    assert flag == UNSEEN
    assert words[::2] == ["-c"] * len(CODEX_EVENTS)
    said = tomllib.loads("\n".join(words[1::2]))["hooks"]
    assert said.keys() == set(CODEX_EVENTS)
    assert said["Stop"][0]["hooks"][0]["command"] == "py 'a b' codex.Stop || :"
    own = {"matcher": "x", "hooks": [{"type": "command", "command": 'say "é\x7f"', "timeout": 2.5, "on": True}]}
    (tmp_path / "config.toml").write_text(f"hooks.Stop = {toml([own])}\nhooks.Odd = 7\n")
    words = [*hook_flags(hooks, tmp_path, ())][1:]
    assert tomllib.loads("\n".join(words[1::2]))["hooks"]["Stop"] == [own, said["Stop"][0]]
    (tmp_path / "config.toml").write_text("hooks = 7\n")
    assert hook_flags(hooks, tmp_path, ()) == (UNSEEN, *_words(said))
    (tmp_path / "config.toml").write_text("torn [")
    assert hook_flags(hooks, tmp_path, ())[0] == UNSEEN


def _words(said: dict[str, object]) -> list[str]:
    return [word for event, entries in said.items() for word in ("-c", f"hooks.{event}={toml(entries)}")]


def test_toml_writes_what_it_reads() -> None:
    said = {"a b": [1, 2.5, True, "\n"], "date": datetime(2026, 11, 21, 8, tzinfo=UTC)}
    assert tomllib.loads(f"x = {toml(said)}") == {"x": said}


def test_many_spawns_at_once_all_have_their_hooks(tmp_path: Path) -> None:
    claude = program(tmp_path, "2.1.328")
    for number in range(20):
        hooks = HookProgram((f"hook{number}",), str(tmp_path / "hooks"))
        with ThreadPoolExecutor(8) as pool:
            flags = list(pool.map(lambda _, hooks=hooks: settings_flag(hooks, claude, ()), range(8)))
        assert all(flags)
    assert [path.name for path in (tmp_path / "hooks").iterdir()] == ["claude.json"]
