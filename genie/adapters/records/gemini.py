"""Gemini CLI: the stream-json of its headless mode, and the files in which it keeps conversations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from genie.adapters.records._gemini_tools import answered, called, limited
from genie.adapters.records._limits import over
from genie.adapters.records._record import Entry, LineParser, Parsed, Record, blocks, plain
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, Tokens, whole, words


def _started(entry: Entry, state: State, session: str | None) -> Parsed:
    if session is None or session == state.session:
        return [entry.kept("started")], state
    started = entry.said(
        Kind.SESSION_STARTED, provider_session=session, model=entry.text("model"), before=state.session
    )
    return [started], replace(state, session=session)


# ---- stream-json ----------------------------------------------------------------------------


class GeminiStreamParser(LineParser):
    """What the model says comes in pieces without an end of its own: it is said when something else comes."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        if _is_piece(entry):
            return [], state.grew(None, entry.text("content") or "")
        handler = _STREAM.get(str(entry.record.get("type")))
        spoken, state = _whole(entry, state, partial=entry.record.get("type") == "init")
        parsed = handler(entry, state) if handler else None
        said, state = parsed if parsed is not None else ([entry.kept()], state)
        return spoken + said, state

    def finish(self, state: State, *, at: datetime | None = None) -> Parsed:
        """The last words of a program that was cut off in the middle of them."""
        return _whole(Entry({}, at, 0), state, partial=True)


def _is_piece(entry: Entry) -> bool:
    record = entry.record
    return record.get("type") == "message" and record.get("role") == "assistant" and record.get("delta") is True


def _whole(entry: Entry, state: State, *, partial: bool) -> Parsed:
    """What the model has said up to here."""
    text = "".join(part.text for part in state.partials)
    if not text:
        return [], state
    ended, state = over(entry, state)
    said = entry.said(Kind.ASSISTANT_MESSAGE, text=text, partial=partial or None)
    return [*ended, said], state.complete(None)


def _init(entry: Entry, state: State) -> Parsed:
    return _started(entry, state, entry.text("session_id"))


def _message(entry: Entry, state: State) -> Parsed | None:
    text = plain(entry.record.get("content"))
    if entry.record.get("role") == "user":
        return [entry.said(Kind.USER_MESSAGE, text=text)], state
    ended, state = over(entry, state)
    return [*ended, entry.said(Kind.ASSISTANT_MESSAGE, text=text)], state


def _tool_use(entry: Entry, state: State) -> Parsed | None:
    call = entry.text("tool_id")
    if call is None:
        return None
    said, state = called(entry, state, call, entry.text("tool_name"), entry.record.get("parameters"))
    return [said], state


def _tool_result(entry: Entry, state: State) -> Parsed | None:
    call = entry.text("tool_id")
    if call is None:
        return None
    output = entry.text("output") or words(entry.inner("error").get("message")) or ""
    said, state = answered(entry, state, call, failed=entry.record.get("status") == "error", output=output)
    return [said], state


def _error(entry: Entry, state: State) -> Parsed:
    text = entry.text("message") or ""
    if entry.record.get("severity") == "warning":
        return [entry.kept("warning", text=text)], state
    hits, state = limited(entry, state, text)
    return [entry.kept("api_error", text=text), *hits], state


def _result(entry: Entry, state: State) -> Parsed:
    """The end of it. Its counts are those of this process, which answers once."""
    stats, failed = entry.inner("stats"), entry.record.get("status") == "error"
    tokens = Tokens(
        input=whole(stats.get("input")),
        output=whole(stats.get("output_tokens")),
        cache_read=whole(stats.get("cached")),
    )
    used = [entry.said(Kind.USAGE, **tokens.payload())] if tokens else []
    error = (words(entry.inner("error").get("message")) or "failed") if failed else None
    hits, state = limited(entry, state, error or "")
    result = entry.said(
        Kind.SESSION_RESULT, is_error=failed, error=error, turns=1, duration_ms=stats.get("duration_ms")
    )
    return [*used, *hits, result], state


_STREAM: Mapping[str, Callable[[Entry, State], Parsed | None]] = {
    "init": _init,
    "message": _message,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "error": _error,
    "result": _result,
}


# ---- conversations --------------------------------------------------------------------------


class GeminiChatParser(LineParser):
    """An answer of the model is written once as it is, and again with the tools that it has called."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        if "$set" in entry.record:
            return [entry.said(Kind.PROVIDER_STATUS, status="updated")], state
        kind = entry.record.get("type")
        if kind is None:
            return _started(entry, state, entry.text("sessionId"))
        if kind == "user":
            return _told(entry, state)
        if kind == "gemini":
            return _answer(entry, state)
        status = "api_error" if kind == "error" else str(kind)
        return [entry.kept(status, text=plain(entry.record.get("content")))], state


def _told(entry: Entry, state: State) -> Parsed:
    """What the user said; results of tools are told with the answer that called them."""
    texts = [part["text"] for part in blocks(entry.record.get("content")) if isinstance(part.get("text"), str)]
    if not texts:
        return [entry.said(Kind.PROVIDER_STATUS, status="tool_response")], state
    return [entry.said(Kind.USER_MESSAGE, text="\n".join(texts))], state


def _answer(entry: Entry, state: State) -> Parsed:
    new, state = state.told(entry.text("id") or "", _tokens(entry.inner("tokens")))
    used = [entry.said(Kind.USAGE, **new.payload())] if new else []
    listed = entry.record.get("toolCalls")
    if isinstance(listed, list):
        said, state = _calls(entry, state, [call for call in listed if isinstance(call, dict)])
        return [*used, *said], state
    ended, state = over(entry, state)
    thoughts = entry.record.get("thoughts")
    said = (
        [_thought(entry, thought) for thought in thoughts if isinstance(thought, dict)]
        if isinstance(thoughts, list)
        else []
    )
    text = plain(entry.record.get("content"))
    if text:
        said.append(entry.said(Kind.ASSISTANT_MESSAGE, text=text, model=entry.text("model")))
    return [*ended, *used, *said], state


def _thought(entry: Entry, thought: Record) -> Said:
    parts = (words(thought.get("subject")), words(thought.get("description")))
    return entry.said(Kind.REASONING, text=": ".join(part for part in parts if part))


def _calls(entry: Entry, state: State, calls: list[Record]) -> Parsed:
    said: list[Said] = []
    for one in calls:
        call = words(one.get("id")) or ""
        asked, state = called(entry, state, call, words(one.get("name")), one.get("args"))
        shown = one.get("resultDisplay")
        output = shown if isinstance(shown, str) else plain(one.get("result"))
        failed = one.get("status") in ("error", "cancelled")
        result, state = answered(entry, state, call, failed=failed, output=output)
        said += [asked, result]
    return said, state


def _tokens(told: Record) -> Tokens:
    cached = whole(told.get("cached"))
    return Tokens(
        input=max(whole(told.get("input")) - cached, 0),
        output=whole(told.get("output")) + whole(told.get("thoughts")),
        cache_read=cached,
    )


FORMS = {"stream-json": GeminiStreamParser, "chat": GeminiChatParser}
