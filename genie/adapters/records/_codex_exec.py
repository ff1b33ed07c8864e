"""`codex exec --json`: threads, turns and items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from genie.adapters.records._codex_tools import call_fields, error_text, kind_of, limited, tokens_of
from genie.adapters.records._limits import over
from genie.adapters.records._record import Entry, LineParser, Parsed, Record, plain
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, words


class CodexExecParser(LineParser):
    """The records have no time of their own: give the time at which they are read, else the end of a usage limit
    is not known. Its count of tokens goes on when a thread is resumed: keep the state."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        handler = _HANDLERS.get(str(entry.record.get("type")))
        return handler(entry, state) if handler else None


def _thread(entry: Entry, state: State) -> Parsed:
    """A process begins, and with it the numbers of its items."""
    thread, state = entry.text("thread_id"), replace(state, calls=())
    if thread is None or thread == state.session:
        return [entry.kept()], state
    started = entry.said(Kind.SESSION_STARTED, provider_session=thread, before=state.session)
    return [started], replace(state, session=thread)


def _completed(entry: Entry, state: State) -> Parsed:
    new, state = state.totalled(tokens_of(entry.inner("usage")))
    used = [entry.said(Kind.USAGE, **new.payload())] if new else []
    return [*used, entry.said(Kind.SESSION_RESULT, is_error=False, turns=1)], state


def _failed(entry: Entry, state: State) -> Parsed:
    text = error_text(entry.record.get("error"))
    hits, state = limited(entry, state, text)
    return [*hits, entry.said(Kind.SESSION_RESULT, is_error=True, error=text, turns=1)], state


def _error(entry: Entry, state: State) -> Parsed:
    """It tries again, or gives up: then the turn's failure follows."""
    text = error_text(entry.record.get("message"))
    hits, state = limited(entry, state, text)
    return [entry.kept("retry" if text.startswith("Reconnecting") else "error", text=text), *hits], state


# ---- items ----------------------------------------------------------------------------------


def _item(entry: Entry, state: State) -> Parsed | None:
    item = entry.inner("item")
    kind, done = str(item.get("type")), entry.record.get("type") == "item.completed"
    if kind in _TEXTS:
        return _text(entry, state, item, _TEXTS[kind]) if done else ([], state)
    if kind == "error":
        return [entry.kept("warning", text=error_text(item.get("message")))], state
    tool = _TOOLS.get(kind)
    if tool is None or words(item.get("id")) is None:
        return None
    return _tool(entry, state, item, tool)


_TEXTS = {"agent_message": Kind.ASSISTANT_MESSAGE, "reasoning": Kind.REASONING}


def _text(entry: Entry, state: State, item: Record, kind: Kind) -> Parsed:
    ended, state = over(entry, state) if kind is Kind.ASSISTANT_MESSAGE else ([], state)
    return [*ended, entry.said(kind, text=plain(item.get("text")), message=words(item.get("id")))], state


def _tool(entry: Entry, state: State, item: Record, tool: Callable[[Record], tuple[str, object]]) -> Parsed:
    """A call when it is first seen, a result when it is complete."""
    call, done = str(item.get("id")), entry.record.get("type") == "item.completed"
    name, given = tool(item)
    said: list[Said] = []
    if state.tool(call) is None:
        state = state.called(call, name)
        said.append(entry.said(Kind.TOOL_CALL, **{**call_fields(call, name, given), **_patched(item)}))
    elif not done:
        return [entry.kept()], state
    if not done:
        return said, state
    failed = item.get("status") in ("failed", "declined") or item.get("exit_code") not in (0, None)
    fields = {"call": call, "tool": name, "tool_kind": kind_of(name), "is_error": failed, **_patched(item)}
    return [*said, entry.said(Kind.TOOL_RESULT, **fields, output=_output(item))], state.answered(call)


def _output(item: Record) -> str:
    for key in ("aggregated_output", "error", "result"):
        value = item.get(key)
        if value is not None:
            content = value.get("content") if isinstance(value, dict) and "content" in value else value
            return error_text(value) if key == "error" else plain(content)
    return ""


def _patched(item: Record) -> dict[str, object]:
    """The files of a patch, and whether it only adds some."""
    listed = item.get("changes")
    changes = [change for change in listed if isinstance(change, dict)] if isinstance(listed, list) else []
    if not changes:
        return {}
    adds = all(change.get("kind") == "add" for change in changes)
    return {"path": words(changes[0].get("path")), "tool_kind": "file_write" if adds else "file_edit"}


def _mcp_name(item: Record) -> str:
    return f"mcp__{item.get('server')}__{item.get('tool')}"


_TOOLS: Mapping[str, Callable[[Record], tuple[str, object]]] = {
    "command_execution": lambda item: ("shell", {"command": item.get("command")}),
    "file_change": lambda item: ("apply_patch", {"changes": item.get("changes")}),
    "mcp_tool_call": lambda item: (_mcp_name(item), item.get("arguments")),
    "collab_tool_call": lambda item: (str(item.get("tool") or "spawn_agent"), {"prompt": item.get("prompt")}),
    "web_search": lambda item: ("web_search", {"query": item.get("query")}),
}
_HANDLERS: Mapping[str, Callable[[Entry, State], Parsed | None]] = {
    "thread.started": _thread,
    "turn.completed": _completed,
    "turn.failed": _failed,
    "error": _error,
    "item.started": _item,
    "item.updated": _item,
    "item.completed": _item,
}
