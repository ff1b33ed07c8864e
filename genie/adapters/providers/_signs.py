"""What claude and codex tell of what they are doing: registry entries, hooks, status line and titles, and the
configuration that leads to a dialog at their start."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genie.adapters.providers._registered import entry
from genie.adapters.providers._rollouts import of_a_user
from genie.adapters.providers._screens import shown_by_claude, titled_by_codex
from genie.adapters.providers.claude import config_dir
from genie.adapters.providers.codex import home
from genie.domain.activity import Evidence, Source
from genie.domain.agent import Activity
from genie.domain.meter import Allowance, Meter
from genie.domain.startup import API_KEY, BYPASS, FIRST_RUN, TRUST, Dialog, Shown

_STATES = {
    "idle": Activity.IDLE,
    "shell": Activity.IDLE,
    "busy": Activity.WORKING,
    "waiting": Activity.QUESTION,
}
_PERMITS = ("permission prompt", "sandbox request")
_ASKING = frozenset({"AskUserQuestion"})
"""Tools that ask the user something, and change nothing."""
_BYPASS = ("--dangerously-skip-permissions", "bypassPermissions")
_KEY_END = 20
_WINDOWS = ("five_hour", "seven_day")


class ProviderSigns:
    """Of the two programs; all others tell nothing."""

    def tells(self, provider: str) -> bool:
        return provider in ("claude", "codex")

    def mute(self, provider: str) -> bool:
        return provider == "codex"

    def path(self, provider: str, *, env: Mapping[str, str], pid: int) -> str | None:
        return str(config_dir(env) / "sessions" / f"{pid}.json") if provider == "claude" else None

    def look(self, provider: str, *, env: Mapping[str, str], pid: int) -> Evidence | None:
        found = entry(config_dir(env), pid) if provider == "claude" else None
        state = _STATES.get(str(found.get("status"))) if found else None
        if found is None or state is None:
            return None
        waits = str(found.get("waitingFor") or "")
        if state is Activity.QUESTION and waits in _PERMITS:
            state = Activity.PERMISSION
        detail = f"{found['status']}, {waits}" if state in (Activity.QUESTION, Activity.PERMISSION) else found["status"]
        return Evidence(source=Source.REGISTRY, at=_time(found), says=state, detail=detail)

    def dialog(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str]) -> Dialog | None:
        if provider == "claude":
            return _claude_dialog(env, cwd, argv)
        return _codex_dialog(env, cwd) if provider == "codex" else None

    def shown(self, provider: str, screen: str) -> Shown | None:
        return shown_by_claude(screen) if provider == "claude" else None

    def hook(self, provider: str, event: str, payload: str, *, at: datetime) -> Evidence | None:
        said = _object(payload)
        if provider == "codex":
            found, path = _of_codex(event, said, at), self.conversation(provider, payload)
            # What its own file tells to be no helper's needs no comparison with the session's thread.
            return replace(found, thread="") if found and path and of_a_user(Path(path)) else found
        return _of_claude(event, said, at) if provider == "claude" else None

    def meter(self, provider: str, event: str, payload: str, *, at: datetime) -> Meter | None:
        return _metered(_object(payload), at) if (provider, event) == ("claude", "StatusLine") else None

    def conversation(self, provider: str, payload: str) -> str | None:
        path = _object(payload).get("transcript_path") if self.tells(provider) else None
        good = isinstance(path, str) and path.endswith(".jsonl") and "\0" not in path and Path(path).is_absolute()
        return path if good and isinstance(path, str) else None

    def title(self, provider: str, title: str, *, at: datetime) -> Evidence | None:
        # claude's are left out: until its first turn they are garbage, and they are the same while it waits.
        return titled_by_codex(title, at) if provider == "codex" else None


# ---- claude ---------------------------------------------------------------------------------


def _time(found: Mapping[str, Any]) -> datetime:
    """When its status changed; the beginning of time where that is not told."""
    for key in ("statusUpdatedAt", "startedAt"):
        millis = found.get(key)
        if isinstance(millis, int) and 0 <= millis < 2**43:
            return datetime.fromtimestamp(millis / 1000, UTC)
    return datetime.fromtimestamp(0, UTC)


def _hooked(at: datetime, says: Activity, detail: str, *, waits: bool | None = None) -> Evidence:
    return Evidence(source=Source.HOOK, at=at, says=says, detail=detail, waits=waits)


def _of_claude(event: str, said: Mapping[str, Any], at: datetime) -> Evidence | None:
    tool = said.get("tool_name")
    if event in ("PermissionRequest", "PreToolUse"):
        asks = tool in _ASKING
        if event == "PreToolUse" and not asks:
            return None
        detail = f"{event} {tool}"[:80] if isinstance(tool, str) else event
        return _hooked(at, Activity.QUESTION if asks else Activity.PERMISSION, detail, waits=False)
    match event:
        case "SessionStart":
            begins = said.get("source") != "compact"  # that is in the midst of a turn
            return _hooked(at, Activity.STARTING, f"SessionStart {said.get('source', '')}".strip()) if begins else None
        case "UserPromptSubmit":
            return _hooked(at, Activity.WORKING, event, waits=True)
        case "Stop":
            return _hooked(at, Activity.IDLE, event)
        case "StopFailure":
            return _hooked(at, Activity.ERROR, f"StopFailure {said.get('error', '')}".strip()[:80])
        case "Notification":
            return _notified(said.get("notification_type"), at)
    return None


def _notified(kind: object, at: datetime) -> Evidence | None:
    says = {"idle_prompt": Activity.IDLE, "permission_prompt": Activity.PERMISSION}.get(str(kind))
    return _hooked(at, says, f"Notification {kind}", waits=False) if says else None


def _metered(said: Mapping[str, Any], at: datetime) -> Meter:
    model, limits = _inner(said, "model", "display_name"), said.get("rate_limits")
    return Meter(
        at=at,
        model=model[:80] if isinstance(model, str) and model.isprintable() else None,
        cost=_number(_inner(said, "cost", "total_cost_usd")),
        context=_number(_inner(said, "context_window", "used_percentage")),
        limits=tuple(_allowances(limits)) if isinstance(limits, dict) else (),
    )


def _allowances(limits: Mapping[str, Any]) -> Iterator[Allowance]:
    for name in _WINDOWS:
        used, resets = _number(_inner(limits, name, "used_percentage")), _number(_inner(limits, name, "resets_at"))
        if used is not None:
            yield Allowance(name, used, datetime.fromtimestamp(resets, UTC) if resets and resets < 2**33 else None)


def _inner(said: Mapping[str, Any], *keys: str) -> object:
    value: object = said
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: object) -> float | None:
    """One that is finite and not negative."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 2**53
    return float(value) if good and isinstance(value, (int, float)) else None


def _claude_dialog(env: Mapping[str, str], cwd: str, argv: Sequence[str]) -> Dialog | None:
    config = config_dir(env)
    beside = env.get("CLAUDE_CONFIG_DIR") or env.get("HOME") or str(Path.home())
    state, settings = _read(Path(beside) / ".claude.json"), _read(config / "settings.json")
    key, answers = env.get("ANTHROPIC_API_KEY", ""), state.get("customApiKeyResponses")
    approved = answers.get("approved") if isinstance(answers, dict) else None
    if state.get("hasCompletedOnboarding") is not True:
        return Dialog(FIRST_RUN, "its first-run questions: run claude once by hand")
    if not _trusted(state, cwd):
        return Dialog(TRUST, f"the question whether {cwd} is to be trusted: run claude there once by hand")
    if key and not (isinstance(approved, list) and key[-_KEY_END:] in approved):
        return Dialog(API_KEY, "the question whether ANTHROPIC_API_KEY is to be used")
    accepted = state.get("bypassPermissionsModeAccepted") or settings.get("skipDangerousModePermissionPrompt")
    if any(word in argv for word in _BYPASS) and accepted is not True:
        return Dialog(BYPASS, "the warning of the permission mode bypassPermissions")
    return None


def _trusted(state: Mapping[str, Any], cwd: str) -> bool:
    """Of a directory, or one above it."""
    projects = state.get("projects")
    here = Path(os.path.realpath(cwd))
    for path in (here, *here.parents):
        known = projects.get(str(path)) if isinstance(projects, dict) else None
        if isinstance(known, dict) and known.get("hasTrustDialogAccepted") is True:
            return True
    return False


# ---- codex ----------------------------------------------------------------------------------


def _of_codex(event: str, said: Mapping[str, Any], at: datetime) -> Evidence | None:
    """Its notify program is told of the end of each turn, also of those of its helpers, which have threads of their
    own; its hooks are told of more, where they are allowed."""
    if event == "notify":
        over = said.get("type") == "agent-turn-complete"
        return _threaded(_hooked(at, Activity.IDLE, "agent-turn-complete"), said.get("thread-id")) if over else None
    found: Evidence | None = None
    match event:
        case "SessionStart":
            found = _hooked(at, Activity.STARTING, f"SessionStart {said.get('source', '')}".strip()[:80])
        case "UserPromptSubmit" | "PostToolUse":
            found = _hooked(at, Activity.WORKING, event, waits=True)
        case "PermissionRequest":
            found = _hooked(at, Activity.PERMISSION, f"{event} {said.get('tool_name', '')}".strip()[:80], waits=False)
        case "Stop":
            found = _hooked(at, Activity.IDLE, event)
    return _threaded(found, said.get("session_id")) if found else None


def _threaded(found: Evidence, thread: object) -> Evidence:
    return replace(found, thread=thread) if isinstance(thread, str) else found


def _codex_dialog(env: Mapping[str, str], cwd: str) -> Dialog | None:
    try:
        said = tomllib.loads((home(env) / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    projects = said.get("projects")
    here = Path(os.path.realpath(cwd))
    for path in (here, *here.parents):
        known = projects.get(str(path)) if isinstance(projects, dict) else None
        if isinstance(known, dict) and known.get("trust_level"):
            return None
    return Dialog(TRUST, f"the question whether {cwd} is to be trusted: run codex there once by hand")


# ---- files ----------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    try:
        return _object(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _object(text: str) -> dict[str, Any]:
    """A JSON object; an empty one for what is none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
