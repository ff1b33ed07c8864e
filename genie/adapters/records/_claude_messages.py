"""The messages of Claude Code: of the model, of the user, of tools, whole and in pieces."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from genie.adapters.records._limits import hit, over, reset_time
from genie.adapters.records._record import Entry, Parsed, Record, blocks, epoch, plain
from genie.adapters.records._state import Partial, State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, Tokens, ToolKind, whole, words

_TOOLS = {
    ToolKind.SHELL: ("Bash", "BashOutput", "KillShell", "KillBash", "Monitor", "PowerShell"),
    ToolKind.FILE_READ: ("Read", "ReadMcpResourceTool"),
    ToolKind.FILE_WRITE: ("Write",),
    ToolKind.FILE_EDIT: ("Edit", "MultiEdit"),
    ToolKind.SEARCH: ("Glob", "Grep", "LS", "ToolSearch", "LSP"),
    ToolKind.SUB_AGENT: ("Task", "Agent", "TaskOutput", "TaskStop", "SendMessage"),
    ToolKind.WEB: ("WebFetch", "WebSearch", "web_search", "web_fetch"),
    ToolKind.NOTEBOOK: ("NotebookEdit", "NotebookRead"),
}
_KINDS = {name: kind for kind, names in _TOOLS.items() for name in names}
_COMMANDS = ("<command-name>", "<command-message>", "<local-command-", "<bash-input>", "<bash-stdout>")
_INTERRUPTED = "[Request interrupted"
_RESET = "Your claude.ai usage limit has reset"


def tool_kind(name: str | None) -> ToolKind:
    return _KINDS.get(name or "", ToolKind.OTHER)


def _parent(entry: Entry) -> str | None:
    """What a message of a sub-agent belongs to: the tool call, or in a transcript the agent's id."""
    parent = entry.text("parent_tool_use_id", "agentId")
    return parent or ("sidechain" if entry.record.get("isSidechain") is True else None)


# ---- of the model ---------------------------------------------------------------------------


def assistant(entry: Entry, state: State) -> Parsed | None:
    message = entry.inner("message")
    content = blocks(message.get("content"))
    if not content:
        return None
    parent = _parent(entry)
    state = state.complete(parent)
    if _is_error(entry, message):
        return _api_error(entry, state, plain(message.get("content")), parent)
    ended, state = over(entry, state) if parent is None else ([], state)
    said: list[Said] = [*ended]
    for block in content:
        one, state = _model_block(entry, state, block, message)
        said.append(one)
    used, state = _used(entry, state, message, parent)
    return said + used, state


def _is_error(entry: Entry, message: Record) -> bool:
    flagged = entry.record.get("isApiErrorMessage") is True or entry.record.get("is_api_error_message") is True
    return flagged or (message.get("model") == "<synthetic>" and entry.record.get("error") is not None)


def _model_block(entry: Entry, state: State, block: Record, message: Record) -> tuple[Said, State]:
    kind, parent = str(block.get("type")), _parent(entry)
    common = {"message": words(message.get("id")), "model": words(message.get("model")), "parent": parent}
    if kind == "text":
        last = message.get("stop_reason") == "end_turn" or None
        return entry.said(Kind.ASSISTANT_MESSAGE, text=plain([block]), last=last, **common), state
    if kind == "thinking":
        return entry.said(Kind.REASONING, text=words(block.get("thinking")) or "", **common), state
    if kind == "redacted_thinking":
        return entry.said(Kind.REASONING, text="", redacted=True, **common), state
    if kind.endswith("tool_use"):
        call, name = words(block.get("id")), words(block.get("name"))
        state = state.called(call, name or "") if call else state
        return entry.said(Kind.TOOL_CALL, **_call(block), **common), state
    if kind.endswith("tool_result"):
        return _tool_result(entry, state, block)
    return entry.said(Kind.PROVIDER_STATUS, status=f"block/{kind}", raw=block, **common), state


def _call(block: Record) -> dict[str, object]:
    given: Any = block.get("input")
    fields = given if isinstance(given, dict) else {}
    path = words(fields.get("file_path")) or words(fields.get("notebook_path"))
    name = words(block.get("name"))
    return {
        "call": words(block.get("id")),
        "tool": name,
        "tool_kind": tool_kind(name).value,
        "input": given,
        "path": path,
    }


def _used(entry: Entry, state: State, message: Record, parent: str | None) -> Parsed:
    """Of a message: each of its blocks is a record of its own that tells the use of the whole."""
    usage, name = message.get("usage"), words(message.get("id"))
    if not isinstance(usage, dict) or name is None:
        return [], state
    tokens = Tokens(
        input=whole(usage.get("input_tokens")),
        output=whole(usage.get("output_tokens")),
        cache_read=whole(usage.get("cache_read_input_tokens")),
        cache_write=whole(usage.get("cache_creation_input_tokens")),
    )
    new, state = state.told(name, tokens)
    payload = {**new.payload(), "model": words(message.get("model")), "parent": parent}
    return ([entry.said(Kind.USAGE, **payload)] if new else []), state


def _api_error(entry: Entry, state: State, text: str, parent: str | None) -> Parsed:
    """An error that the program gives up on. Of a usage limit it says the end, in one of several ways."""
    error = entry.text("error")
    said = entry.said(
        Kind.PROVIDER_STATUS,
        status="api_error",
        text=text,
        error=error,
        code=entry.record.get("apiErrorStatus") or entry.record.get("api_error_status"),
        parent=parent,
        raw=entry.record,
    )
    if not _is_limit(entry, text):
        return [said], state
    params = entry.inner("apiErrorParams", "api_error_params").get("rate_limit_info")
    info = entry.inner("quotaLimits", "quota_limits") or (params if isinstance(params, dict) else {})
    until = epoch(info.get("resetsAt")) or reset_time(text, at=entry.at, zone=entry.zone)
    limited, state = hit(entry, state, until, limit=words(info.get("rateLimitType")), text=text)
    return [said, *limited], state


def _is_limit(entry: Entry, text: str) -> bool:
    if entry.text("apiError", "api_error") == "usage_limit_reached":
        return True
    low = text.lower().replace("’", "'")
    return "usage limit" in low or ("hit your" in low and "limit" in low)


# ---- of the user, and of tools --------------------------------------------------------------


def user(entry: Entry, state: State) -> Parsed | None:
    message = entry.inner("message")
    content = blocks(message.get("content"))
    if not content:
        return None
    said: list[Said] = []
    texts: list[Record] = []
    for block in content:
        if str(block.get("type")).endswith("tool_result"):
            denied = _denied(entry, block)
            result, state = _tool_result(entry, state, block)
            said += [*denied, result]
        else:
            texts.append(block)
    if texts:
        spoken, state = _spoken(entry, state, plain(texts), others=[b for b in texts if b.get("type") != "text"])
        said += spoken
    return said, state


def _spoken(entry: Entry, state: State, text: str, *, others: list[Record], queued: bool = False) -> Parsed:
    """A message to the model. `synthetic` ones were written by the program, not by who uses it; `taken` ones are told
    when the program takes them in, not when they are sent."""
    synthetic = any(entry.record.get(key) is True for key in ("isSynthetic", "isMeta", "isCompactSummary"))
    ended, state = over(entry, state) if text.startswith(_RESET) else ([], state)
    said = entry.said(
        Kind.USER_MESSAGE,
        text=text,
        synthetic=True if synthetic or text.startswith((_INTERRUPTED, _RESET)) else None,
        command=True if text.startswith(_COMMANDS) else None,
        queued=queued or None,
        taken=True if entry.record.get("isReplay") is True else None,
        parent=_parent(entry),
        attached=others or None,
    )
    return [*ended, said], state


def _tool_result(entry: Entry, state: State, block: Record) -> tuple[Said, State]:
    call = words(block.get("tool_use_id"))
    name = state.tool(call)
    said = entry.said(
        Kind.TOOL_RESULT,
        call=call,
        tool=name,
        tool_kind=tool_kind(name).value if name else None,
        is_error=block.get("is_error") is True,
        output=plain(block.get("content")),
        parent=_parent(entry),
    )
    return said, state.answered(call)


def _denied(entry: Entry, block: Record) -> list[Said]:
    """A transcript says with the result that the call was not allowed; the stream has a record for it."""
    if entry.inner("permissionDecision").get("decision") != "reject":
        return []
    call = words(block.get("tool_use_id"))
    return [entry.said(Kind.PERMISSION, decision="denied", call=call, text=plain(block.get("content")))]


def attachment(entry: Entry, state: State) -> Parsed | None:
    """What the program adds to a conversation. Of these, a message that was sent during a turn is the user's."""
    inner = entry.inner("attachment")
    kind = words(inner.get("type"))
    if kind != "queued_command" or inner.get("prompt") is None:
        return [entry.kept(f"attachment/{kind}")], state
    if inner.get("commandMode") == "task-notification":
        return [entry.kept("attachment/task-notification")], state
    prompt = inner.get("prompt")
    others = [block for block in blocks(prompt) if block.get("type") != "text"]
    return _spoken(entry, state, plain(prompt), others=others, queued=True)


# ---- in pieces ------------------------------------------------------------------------------

_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_SILENT = frozenset({"content_block_stop", "message_delta", "message_stop", "ping"})


def stream_event(entry: Entry, state: State) -> Parsed | None:
    """A piece of a message: kept until the message comes whole, in a record of its own."""
    event, parent = entry.inner("event"), entry.text("parent_tool_use_id")
    kind = event.get("type")
    if kind == "message_start":
        return _interrupted(entry, state, parent)
    if kind == "content_block_start":
        inner = event.get("content_block")
        block = inner if isinstance(inner, dict) else {}
        text = words(block.get("text")) or words(block.get("thinking")) or ""
        return [], state.began(Partial(parent, str(block.get("type") or "text"), (text,) if text else ()))
    if kind == "content_block_delta":
        return _delta(event, state, parent)
    return ([], state) if kind in _SILENT else None


def _delta(event: Record, state: State, parent: str | None) -> Parsed | None:
    inner = event.get("delta")
    delta = inner if isinstance(inner, dict) else {}
    if delta.get("type") == "signature_delta":
        return [], state
    text = words(delta.get(_DELTAS.get(str(delta.get("type")), "")))
    return None if text is None else ([], state.grew(parent, text))


def _interrupted(entry: Entry, state: State, parent: str | None) -> Parsed:
    """A message that begins again was cut off and is repeated: what there was of it is no message."""
    lost = [partial for partial in state.partials if partial.parent == parent and partial.pieces]
    said = [
        entry.said(Kind.PROVIDER_STATUS, status="interrupted", block=part.type, text=part.text, parent=parent)
        for part in lost
    ]
    return said, state.complete(parent)


def unfinished(entry: Entry, state: State) -> Parsed:
    """What was streamed of messages that never came whole."""
    kinds = {"text": Kind.ASSISTANT_MESSAGE, "thinking": Kind.REASONING}
    said = [
        entry.said(kinds.get(part.type, Kind.PROVIDER_STATUS), text=part.text, partial=True, parent=part.parent)
        for part in state.partials
        if part.pieces
    ]
    return said, replace(state, partials=()) if state.partials else state
