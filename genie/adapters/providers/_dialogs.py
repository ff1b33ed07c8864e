"""How the hook PermissionRequest says what is asked, and is answered. codex has taken over claude's format."""

from __future__ import annotations

import json
from typing import Any

from genie.domain.permission import Answer, Asked, Word, choices, granted

EVENT = "PermissionRequest"
SPEAKS = frozenset({"claude", "codex"})
REFUSED = "The user does not want this to be done: do not do it in another way either. Ask what to do instead."


class ProviderDialogs:
    """Implements `genie.ports.Dialogs`."""

    def asked(self, provider: str, payload: str) -> Asked | None:
        try:
            said = json.loads(payload)
        except (ValueError, RecursionError):
            return None
        if provider not in SPEAKS or not isinstance(said, dict):
            return None
        tool, given, suggested = said.get("tool_name"), said.get("tool_input"), said.get("permission_suggestions")
        if not isinstance(tool, str) or not tool:
            return None
        listed = suggested if isinstance(suggested, list) else []
        rules = tuple(one for one in listed if isinstance(one, dict))
        return Asked(tool, given if isinstance(given, dict) else {}, rules)

    def decision(self, provider: str, asked: Asked, answer: Answer) -> str:
        said = {"hookSpecificOutput": {"hookEventName": EVENT, "decision": _decision(asked, answer)}}
        return json.dumps(said)


def _decision(asked: Asked, answer: Answer) -> dict[str, Any]:
    if answer.word is Word.NO:
        return {"behavior": "deny", "message": REFUSED}
    if answer.word is Word.TEXT and not asked.is_question:
        return {"behavior": "deny", "message": answer.text}
    if answer.word is Word.TEXT:
        told = {**asked.input, "answers": choices(asked.input, answer.text)}
        return {"behavior": "allow", "updatedInput": told}
    if answer.word is Word.ALWAYS:
        return {"behavior": "allow", "updatedPermissions": [dict(rule) for rule in granted(asked.suggestions)]}
    return {"behavior": "allow"}
