"""What the hook PermissionRequest tells, and what it is told to print."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from genie.adapters.providers._dialogs import ProviderDialogs
from genie.adapters.providers._hooks import CLASSIC, EVENTS, SPARE, hook, settings
from genie.adapters.providers._program import HookProgram
from genie.domain.permission import Answer, Asked, Word

DIALOGS = ProviderDialogs()
RULE = {"type": "addRules", "rules": [{"toolName": "Bash", "ruleContent": "make *"}], "destination": "localSettings"}
MODE = {"type": "setMode", "mode": "acceptEdits", "destination": "session"}
ASKED = Asked("Bash", {"command": "make"}, (RULE, MODE))
QUESTION = {"question": "Which?", "options": [{"label": "a"}, {"label": "b"}]}


def decision(asked: Asked, answer: Answer) -> dict[str, Any]:
    told = json.loads(DIALOGS.decision("claude", asked, answer))["hookSpecificOutput"]
    assert told.pop("hookEventName") == "PermissionRequest"
    found: dict[str, Any] = told.pop("decision")
    assert told == {}
    return found


def test_what_is_asked() -> None:
    said = {"tool_name": "Bash", "tool_input": {"command": "make"}, "permission_suggestions": [RULE, MODE, "?"]}
    for provider in ("claude", "codex"):
        assert DIALOGS.asked(provider, json.dumps(said)) == ASKED
    assert DIALOGS.asked("claude", '{"tool_name": "X", "tool_input": 3, "permission_suggestions": 4}') == Asked("X")


@pytest.mark.parametrize("payload", ["", "[]", "{}", '{"tool_name": ""}', '{"tool_name": 3}', "[" * 10**5])
def test_what_does_not_read_asks_nothing(payload: str) -> None:
    assert DIALOGS.asked("claude", payload) is None


def test_others_ask_nothing() -> None:
    assert DIALOGS.asked("gemini", '{"tool_name": "Bash"}') is None


def test_decisions() -> None:
    assert decision(ASKED, Answer(Word.YES)) == {"behavior": "allow"}
    assert decision(ASKED, Answer(Word.ALWAYS)) == {"behavior": "allow", "updatedPermissions": [RULE]}
    refused = decision(ASKED, Answer(Word.NO))
    assert (refused["behavior"], "does not want this" in refused["message"]) == ("deny", True)
    assert decision(ASKED, Answer(Word.TEXT, "é: don't")) == {"behavior": "deny", "message": "é: don't"}


def test_decisions_of_a_question() -> None:
    asked = Asked("AskUserQuestion", {"questions": [QUESTION], "more": 1})
    chosen = {"behavior": "allow", "updatedInput": {"questions": [QUESTION], "more": 1, "answers": {"Which?": "b"}}}
    assert decision(asked, Answer(Word.TEXT, "2")) == chosen
    assert decision(asked, Answer(Word.NO))["behavior"] == "deny"


@pytest.mark.parametrize("wait", [0, 90])
def test_one_hook_waits_where_that_is_wanted_and_all_others_never_do(wait: int, tmp_path: Path) -> None:
    hooks = HookProgram(("/py", "hook.py", "a b"), str(tmp_path), answer_wait=wait)
    for event, (entry,) in settings(hooks, EVENTS)["hooks"].items():
        (told,) = entry["hooks"]
        waits = wait > 0 and event == "PermissionRequest"
        words = ["/py", "hook.py", "a b", f"claude.{event}", *(["wait=90"] if waits else []), "||", ":"]
        assert shlex.split(told["command"]) == words
        assert told.get("async", False) is not waits
        assert told["timeout"] == (90 + SPARE if waits else 5)
    assert "PermissionRequest" not in CLASSIC
    assert ("wait=90" in hook(hooks, "codex.PermissionRequest")["command"]) is (wait > 0)
    assert "wait" not in hook(hooks, "codex.Stop")["command"]
