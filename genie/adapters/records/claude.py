"""Claude Code: its transcripts, and the stream-json of its print mode. The two have the same messages; the other
fields are written in camel case in the one, with underscores in the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from genie.adapters.records._claude_messages import assistant, attachment, stream_event, unfinished, user
from genie.adapters.records._limits import hit
from genie.adapters.records._record import Entry, LineParser, Parsed, Record, epoch
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, Tokens, amount, whole, words


class ClaudeParser(LineParser):
    """A message that was streamed in pieces is said once, when it has come whole."""

    def record(self, entry: Entry, state: State) -> Parsed | None:
        started, state = _seen(entry, state)
        handler = _HANDLERS.get(str(entry.record.get("type")))
        parsed = handler(entry, state) if handler else None
        said, state = parsed if parsed is not None else ([entry.kept()], state)
        return started + said, state

    def finish(self, state: State, *, at: datetime | None = None) -> Parsed:
        """The last words of a program that was cut off in the middle of them."""
        return unfinished(Entry({}, at, 0), state)


def _seen(entry: Entry, state: State) -> Parsed:
    """In a transcript each record names the session; a new one has begun where the name is another."""
    session = entry.text("sessionId")
    if session is None or session == state.session:
        return [], state
    started = entry.said(
        Kind.SESSION_STARTED,
        provider_session=session,
        cwd=entry.text("cwd"),
        version=entry.text("version"),
        before=state.session,
    )
    return [started], replace(state, session=session)


# ---- the program and its turns --------------------------------------------------------------


def _system(entry: Entry, state: State) -> Parsed | None:
    subtype = entry.text("subtype")
    if subtype == "init":
        return _init(entry, state)
    if subtype == "permission_denied":
        return [_permission(entry, "denied", entry.text("tool_name"), entry.text("tool_use_id"))], state
    if subtype == "thinking_tokens":
        return [entry.said(Kind.HEARTBEAT, status=subtype, raw=entry.record)], state
    if subtype == "turn_duration":
        return [entry.kept(subtype, turns=1)], state
    return [entry.kept(subtype)], state


def _init(entry: Entry, state: State) -> Parsed:
    """Each turn begins with one; only the first of a session starts it."""
    session = entry.text("session_id")
    # What a program was saying when it was killed does not come whole any more.
    left, state = unfinished(entry, state)
    if session is None or session == state.session:
        return [*left, entry.kept()], state
    started = entry.said(
        Kind.SESSION_STARTED,
        provider_session=session,
        model=entry.text("model"),
        cwd=entry.text("cwd"),
        version=entry.text("claude_code_version"),
        permission_mode=entry.text("permissionMode"),
        tools=entry.record.get("tools"),
        mcp_servers=entry.record.get("mcp_servers"),
        before=state.session,
    )
    return [*left, started], replace(state, session=session)


def _permission(entry: Entry, decision: str, tool: str | None, call: str | None, **more: object) -> Said:
    return entry.said(Kind.PERMISSION, decision=decision, tool=tool, call=call, text=entry.text("message"), **more)


def _control(entry: Entry, state: State) -> Parsed | None:
    """A request to the one that feeds the program: whether a tool may run."""
    request = entry.inner("request")
    if request.get("subtype") != "can_use_tool":
        return None
    asked = _permission(
        entry,
        "asked",
        words(request.get("tool_name")),
        words(request.get("tool_use_id")),
        input=request.get("input"),
        request=entry.text("request_id"),
    )
    return [asked], state


def _rate_limit(entry: Entry, state: State) -> Parsed | None:
    info = entry.inner("rate_limit_info")
    if info.get("status") != "rejected":
        return None
    said, state = hit(entry, state, epoch(info.get("resetsAt")), limit=words(info.get("rateLimitType")))
    return said or [entry.kept()], state


def _keep_alive(entry: Entry, state: State) -> Parsed:
    return [entry.said(Kind.HEARTBEAT, status=entry.name(), raw=entry.record)], state


# ---- results and what they cost -------------------------------------------------------------


def _result(entry: Entry, state: State) -> Parsed:
    """The end of a turn. An API error is a result of the subtype "success", too: only `is_error` tells."""
    record = entry.record
    left, state = unfinished(entry, state)
    used, state = _settled(entry, state)
    failed = record.get("is_error") is True
    error = _error(entry) if failed else None
    text = entry.text("result")
    result = entry.said(
        Kind.SESSION_RESULT,
        # The text of an error is no result of the work.
        text=None if failed and text == error else text,
        is_error=failed,
        error=error,
        reason=entry.text("terminal_reason"),
        subtype=entry.text("subtype"),
        turns=max(whole(record.get("num_turns")), 0),
        structured=record.get("structured_output"),
        duration_ms=record.get("duration_ms"),
        api_error_status=record.get("api_error_status"),
        denials=record.get("permission_denials") or None,
    )
    return [*left, *used, result], state


def _error(entry: Entry) -> str | None:
    if (entry.text("terminal_reason") or "").startswith("aborted"):
        return "interrupted"  # its list of errors holds a diagnostic of its own then
    errors = entry.record.get("errors")
    listed = "\n".join(str(error) for error in errors) if isinstance(errors, list) else ""
    return listed or entry.text("result") or entry.text("terminal_reason", "subtype")


def _settled(entry: Entry, state: State) -> Parsed:
    """What the turn has used beyond what its messages told: their counts are those of the first moment, and they
    know no price. The program's own sums go on when a session is resumed."""
    since, every = entry.record.get("model_usage_since_last_result"), entry.inner("modelUsage")
    if every:
        new, state = state.totalled(_sum(every))
    else:
        new, state = _of_release(entry, state)
    if isinstance(since, dict):
        new = _sum(since)
    rest = new - state.unsettled
    state = replace(state, unsettled=Tokens())
    return ([entry.said(Kind.USAGE, **rest.payload())] if rest else []), state


def _sum(models: Record) -> Tokens:
    """The use of all models."""
    total = Tokens()
    for usage in models.values():
        if isinstance(usage, dict):
            total += Tokens(
                input=whole(usage.get("inputTokens")),
                output=whole(usage.get("outputTokens")),
                cache_read=whole(usage.get("cacheReadInputTokens")),
                cache_write=whole(usage.get("cacheCreationInputTokens")),
                cost=amount(usage.get("costUSD")),
            )
    return total


def _of_release(entry: Entry, state: State) -> tuple[Tokens, State]:
    """Of an older one, that does not list its models: the tokens are the turn's, the price is the session's."""
    usage = entry.inner("usage")
    tokens = Tokens(
        input=whole(usage.get("input_tokens")),
        output=whole(usage.get("output_tokens")),
        cache_read=whole(usage.get("cache_read_input_tokens")),
        cache_write=whole(usage.get("cache_creation_input_tokens")),
    )
    cost, state = state.priced(amount(entry.record.get("total_cost_usd")))
    return tokens + Tokens(cost=cost), state


def _cost_state(entry: Entry, state: State) -> Parsed | None:
    """At its exit the program writes into the transcript what the session has cost since it began."""
    cost, state = state.priced(amount(entry.record.get("totalCostUSD")))
    used = [entry.said(Kind.USAGE, **Tokens(cost=cost).payload())] if cost else []
    return [*used, entry.kept()], replace(state, unsettled=Tokens())


_HANDLERS: Mapping[str, Callable[[Entry, State], Parsed | None]] = {
    "assistant": assistant,
    "user": user,
    "attachment": attachment,
    "stream_event": stream_event,
    "system": _system,
    "control_request": _control,
    "rate_limit_event": _rate_limit,
    "keep_alive": _keep_alive,
    "result": _result,
    "cost-state": _cost_state,
}

FORMS = {"transcript": ClaudeParser, "stream-json": ClaudeParser}
