"""Codex's rollouts: `response_item` records are the conversation, `event_msg` records tell of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from genie.adapters.records._codex_tools import (
    call_fields,
    error_text,
    kind_of,
    limited,
    output_of,
    tokens_of,
    unfolded,
)
from genie.adapters.records._limits import over
from genie.adapters.records._record import Entry, LineParser, Parsed, Record, plain
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import words

_ECHOES = frozenset(
    {
        "user_message",
        "agent_message",
        "agent_reasoning",
        "agent_reasoning_raw_content",
        "item_started",
        "item_completed",
    }
)
_CONTEXT = ("<environment_context>", "<user_instructions>", "<turn_aborted>", "# AGENTS.md")


class CodexRolloutParser(LineParser):
    """Messages are said twice in a rollout: the one that the model has seen is taken, the other one is kept as a
    status of the name `echo/…`."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        payload = entry.inner("payload")
        kind, inner = str(entry.record.get("type")), str(payload.get("type"))
        if kind == "session_meta":
            return _meta(entry, state, payload)
        if kind == "token_usage_record":
            return _used(entry, state, payload.get("thread_token_usage"))
        if kind == "response_item":
            handler = _ITEMS.get(inner)
        elif kind == "event_msg":
            handler = _EVENTS.get(inner)
        else:
            return None
        parsed = handler(entry, state, payload) if handler else None
        status = f"echo/{inner}" if inner in _ECHOES else f"{kind}/{inner}"
        return ([entry.kept(status)], state) if parsed is None else parsed


Step = Callable[[Entry, State, Record], Parsed | None]


def _meta(entry: Entry, state: State, payload: Record) -> Parsed | None:
    """The first one is the thread's own; others come with what it was forked from."""
    thread = words(payload.get("id")) or words(payload.get("session_id"))
    if thread is None or state.session is not None:
        return None
    started = entry.said(
        Kind.SESSION_STARTED,
        provider_session=thread,
        cwd=words(payload.get("cwd")),
        version=words(payload.get("cli_version")),
        source=payload.get("source"),
    )
    return [started], replace(state, session=thread)


# ---- the conversation -----------------------------------------------------------------------


def _message(entry: Entry, state: State, payload: Record) -> Parsed | None:
    text, message = plain(payload.get("content")), words(payload.get("id"))
    if payload.get("role") == "assistant":
        ended, state = over(entry, state)
        return [*ended, entry.said(Kind.ASSISTANT_MESSAGE, text=text, message=message)], state
    if payload.get("role") != "user" or _is_context(payload, text):
        return None
    return [entry.said(Kind.USER_MESSAGE, text=text, message=message)], state


def _is_context(payload: Record, text: str) -> bool:
    """Whether a message in the user's name was written by the program."""
    told = payload.get("internal_chat_message_metadata_passthrough")
    kinds = told.get("content_item_kinds") if isinstance(told, dict) else None
    if isinstance(kinds, list) and kinds and "unknown" not in kinds:
        return not any(str(kind).startswith("user.") for kind in kinds)
    return text.lstrip().startswith(_CONTEXT)


def _reasoning(entry: Entry, state: State, payload: Record) -> Parsed:
    """Its summary, or what is readable of it; the rest is encrypted."""
    text = plain(payload.get("summary") or payload.get("content"))
    return [entry.said(Kind.REASONING, text=text, message=words(payload.get("id")))], state


def _call(entry: Entry, state: State, payload: Record) -> Parsed:
    kind = payload.get("type")
    name, given = words(payload.get("name")), payload.get("arguments", payload.get("input"))
    if kind in ("local_shell_call", "web_search_call"):
        name, given = str(kind).removesuffix("_call"), payload.get("action")
    call = words(payload.get("call_id")) or words(payload.get("id"))
    # A search on the web has no result of its own.
    state = state.called(call, name or "") if call and kind != "web_search_call" else state
    return [entry.said(Kind.TOOL_CALL, **call_fields(call, name, unfolded(given)))], state


def _output(entry: Entry, state: State, payload: Record) -> Parsed:
    call = words(payload.get("call_id"))
    name = state.tool(call) or None
    text, failed = output_of(payload.get("output"))
    fields = {"call": call, "tool": name, "tool_kind": kind_of(name), "is_error": failed, "output": text}
    return [entry.said(Kind.TOOL_RESULT, **fields)], state.answered(call)


# ---- what tells of it -----------------------------------------------------------------------


def _used(entry: Entry, state: State, usage: object) -> Parsed | None:
    """Several records tell the same sum of the thread: only what is new in it counts."""
    if not isinstance(usage, dict):
        return None
    new, state = state.totalled(tokens_of(usage))
    return ([entry.said(Kind.USAGE, **new.payload())], state) if new else None


def _counted(entry: Entry, state: State, payload: Record) -> Parsed | None:
    info = payload.get("info")
    parsed = _used(entry, state, info.get("total_token_usage")) if isinstance(info, dict) else None
    return parsed and ([*parsed[0], entry.kept("event_msg/token_count")], parsed[1])


def _complete(entry: Entry, state: State, payload: Record) -> Parsed:
    error = payload.get("error")
    if error is None:
        said = entry.said(Kind.SESSION_RESULT, text=words(payload.get("last_agent_message")), is_error=False, turns=1)
        return [said], state
    text = error_text(error)
    code = error.get("codex_error_info") if isinstance(error, dict) else None
    hits, state = limited(entry, state, text, code)
    reason = words(code)
    return [*hits, entry.said(Kind.SESSION_RESULT, is_error=True, error=text, reason=reason, turns=1)], state


def _aborted(entry: Entry, state: State, payload: Record) -> Parsed:
    reason = words(payload.get("reason")) or "aborted"
    return [
        entry.said(Kind.SESSION_RESULT, is_error=True, error=f"turn aborted: {reason}", reason=reason, turns=1)
    ], state


def _error(entry: Entry, state: State, payload: Record) -> Parsed:
    text = error_text(payload.get("message"))
    hits, state = limited(entry, state, text, payload.get("codex_error_info"))
    return [entry.kept(f"event_msg/{payload.get('type')}", text=text), *hits], state


def _asked(entry: Entry, state: State, payload: Record) -> Parsed:
    given = {key: value for key, value in payload.items() if key not in ("type", "call_id")}
    tool = "apply_patch" if payload.get("type") == "apply_patch_approval_request" else "shell"
    call, text = words(payload.get("call_id")), words(payload.get("reason"))
    return [entry.said(Kind.PERMISSION, decision="asked", tool=tool, call=call, input=given, text=text)], state


_ITEMS: Mapping[str, Step] = {
    "message": _message,
    "reasoning": _reasoning,
    "function_call": _call,
    "custom_tool_call": _call,
    "local_shell_call": _call,
    "web_search_call": _call,
    "function_call_output": _output,
    "custom_tool_call_output": _output,
    "local_shell_call_output": _output,
}
_EVENTS: Mapping[str, Step] = {
    "token_count": _counted,
    "task_complete": _complete,
    "turn_complete": _complete,
    "turn_aborted": _aborted,
    "error": _error,
    "stream_error": _error,
    "exec_approval_request": _asked,
    "apply_patch_approval_request": _asked,
}
