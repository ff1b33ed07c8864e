"""Programs that write one JSON object a line, each with a `type` and a `text`: no provider in particular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from genie.adapters.records._limits import over
from genie.adapters.records._record import Entry, LineParser, Parsed, plain
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Tokens, words

_MESSAGES = {
    "assistant": Kind.ASSISTANT_MESSAGE,
    "message": Kind.ASSISTANT_MESSAGE,
    "text": Kind.ASSISTANT_MESSAGE,
    "user": Kind.USER_MESSAGE,
    "thinking": Kind.REASONING,
    "result": Kind.SESSION_RESULT,
    "final": Kind.SESSION_RESULT,
    "stderr": Kind.STDERR,
    "stdout": Kind.STDOUT,
    "tool_use": Kind.TOOL_CALL,
    "heartbeat": Kind.HEARTBEAT,
}
_KINDS: Mapping[str, Kind] = {**{kind.value: kind for kind in Kind}, **_MESSAGES}
_TEXTS = ("text", "message", "content", "result", "error")


class NdjsonParser(LineParser):
    """`type` is one of the kinds or a usual word for one. The other fields are the payload as they are."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        word = entry.text("type") or ""
        kind = _KINDS.get(word)
        text = next((plain(entry.record[key]) for key in _TEXTS if entry.record.get(key) is not None), None)
        if word == "error":
            return [entry.kept("api_error", text=text or "")], state
        if kind is None or kind is Kind.PROVIDER_STATUS:
            return None
        payload = {key: value for key, value in entry.record.items() if key not in ("type", "timestamp")}
        if text is not None:
            payload["text"] = text
        if kind is Kind.USAGE:
            payload = {**payload, **Tokens.read(payload).payload()}
        return _told(entry, state, kind, payload)


def _told(entry: Entry, state: State, kind: Kind, payload: dict[str, object]) -> Parsed:
    ended, state = over(entry, state) if kind is Kind.ASSISTANT_MESSAGE else ([], state)
    if kind is Kind.USAGE_LIMIT_HIT:
        state = replace(state, limited=words(payload.get("resets_at")) or "")
    elif kind is Kind.USAGE_LIMIT_RESUMED:
        state = replace(state, limited=None)
    return [*ended, entry.said(kind, **payload)], state


FORMS = {"ndjson": NdjsonParser}
