"""What a conversation says: one kind for each thing that a provider's records can mean, and what it all comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from math import isfinite
from typing import Self


class ConversationKind(Enum):
    """The kinds of events of a conversation. STDOUT is a line of a command that is no provider."""

    SESSION_STARTED = "session_started"
    USER_MESSAGE = "user_message"
    ASSISTANT_MESSAGE = "assistant_message"
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    TOOL_RESULT = "tool_result"
    PERMISSION = "permission"
    PROVIDER_STATUS = "provider_status"
    STDOUT = "stdout"
    STDERR = "stderr"
    PARSE_WARNING = "parse_warning"
    SESSION_RESULT = "session_result"
    SESSION_ENDED = "session_ended"
    USAGE = "usage"
    USAGE_LIMIT_HIT = "usage_limit_hit"
    USAGE_LIMIT_RESUMED = "usage_limit_resumed"
    USER_EVENT = "user_event"
    HEARTBEAT = "heartbeat"


class ToolKind(Enum):
    """What a tool does, whatever its provider calls it."""

    SHELL = "shell"
    FILE_READ = "file_read"
    FILE_WRITE = "file_write"
    FILE_EDIT = "file_edit"
    SEARCH = "search"
    SUB_AGENT = "sub_agent"
    WEB = "web"
    NOTEBOOK = "notebook"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said. `at` is the record's own time, or when it was read; None where neither is known.
    `payload` is plain JSON. Keys that mean the same everywhere:

    text       what was said                     parent     the tool call or agent it was said inside of
    call       id of a tool call                 tool, tool_kind, input, output, path, is_error
    status     a provider's word for its state   raw        a record that has no kind of its own, whole
    resets_at  ISO time of a limit's end         partial    the stream broke off in this message
    last       the model has ended its turn with this message
    """

    kind: ConversationKind
    at: datetime | None
    payload: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """Tokens that were paid for, and their price in USD where it is known. The four counts do not overlap:
    `input` is what was neither read from a cache nor written to one. A difference can be below zero."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cost: float | None = None

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(
            input=self.input + other.input,
            output=self.output + other.output,
            cache_read=self.cache_read + other.cache_read,
            cache_write=self.cache_write + other.cache_write,
            cost=self.cost if other.cost is None else other.cost + (self.cost or 0.0),
        )

    def __sub__(self, other: Tokens) -> Tokens:
        return self + other.scaled(-1)

    def __bool__(self) -> bool:
        return bool(self.counts() != (0, 0, 0, 0) or self.cost)

    def scaled(self, factor: int) -> Tokens:
        cost = None if self.cost is None else factor * self.cost
        one, two, three, four = (factor * count for count in self.counts())
        return Tokens(input=one, output=two, cache_read=three, cache_write=four, cost=cost)

    def counts(self) -> tuple[int, int, int, int]:
        return self.input, self.output, self.cache_read, self.cache_write

    def payload(self) -> dict[str, object]:
        """As the payload of a USAGE."""
        counts: dict[str, object] = {
            "input": self.input,
            "output": self.output,
            "cache_read": self.cache_read,
            "cache_write": self.cache_write,
        }
        return counts if self.cost is None else {**counts, "cost": self.cost}

    @classmethod
    def read(cls, payload: Mapping[str, object]) -> Self:
        """From such a payload; what is no number counts as nothing."""
        return cls(
            input=whole(payload.get("input")),
            output=whole(payload.get("output")),
            cache_read=whole(payload.get("cache_read")),
            cache_write=whole(payload.get("cache_write")),
            cost=amount(payload.get("cost")),
        )


def whole(value: object) -> int:
    """A count; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def amount(value: object) -> float | None:
    """A finite number; None for what is none. A whole one may be too large for a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def roped(pieces: tuple[str, ...], text: str) -> tuple[str, ...]:
    """`pieces` with `text` after them. Short pieces are merged as they come, so that a text that grows by
    a few characters at a time costs n log n and is held in few pieces."""
    while pieces and len(pieces[-1]) <= len(text):
        pieces, text = pieces[:-1], pieces[-1] + text
    return (*pieces, text) if text else pieces


# ---- what it comes to -----------------------------------------------------------------------

OVER_BUDGET = "error_max_budget_usd"
"""How claude names the end of a turn that has cost more than it may."""
STDOUT_KEPT = 2**20
"""Characters of a command's output that are at least kept as its result: the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a session has come to so far. `final` is the result its program named last, `last` the last message of
    the model itself, `stdout` the end of a command's output in pieces: `text` chooses. `turns` are those that the
    program counted. `limited_until` is None, too, where the end of a limit is not known. `overspent` says that the
    last turn has ended since it was over its budget."""

    final: str | None = None
    last: str | None = None
    stdout: tuple[str, ...] = ()
    is_error: bool = False
    error: str | None = None
    tokens: Tokens = field(default_factory=Tokens)
    turns: int = 0
    structured: object = None
    overspent: bool = False
    limited: bool = False
    limited_until: datetime | None = None
    ended: bool = False
    exit_code: int | None = None

    @property
    def text(self) -> str | None:
        """The result; None where nothing was said."""
        if self.final is not None or self.last is not None:
            return self.final if self.final is not None else self.last
        return "".join(self.stdout)[-STDOUT_KEPT:].rstrip("\n") if self.stdout else None


def fold(outcome: Outcome, said: Said) -> Outcome:
    """The outcome after one more thing was said."""
    step = _STEPS.get(said.kind)
    return step(outcome, said.payload) if step else outcome


def _message(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    """What a sub-agent says is no answer of the session."""
    text = words(payload.get("text"))
    if payload.get("parent") is not None or text is None:
        return outcome
    return replace(outcome, last=text, is_error=False, error=None)


def _status(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    status = payload.get("status")
    if status != "api_error" or payload.get("parent") is not None:
        spent = outcome.overspent and status != "session_ready"  # its program was started anew, and may spend again
        return replace(outcome, turns=outcome.turns + max(whole(payload.get("turns")), 0), overspent=spent)
    return replace(outcome, is_error=True, error=words(payload.get("text")) or words(payload.get("error")))


def _stdout(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    text = words(payload.get("text"))
    if text is None:
        return outcome
    pieces = roped(outcome.stdout, f"{text}\n")
    if sum(map(len, pieces)) > 2 * STDOUT_KEPT:
        pieces = ("".join(pieces)[-STDOUT_KEPT:],)
    return replace(outcome, stdout=pieces)


def _result(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    """A result without a text has the last message as its text; an empty one says nothing new."""
    text = outcome.last if payload.get("text") is None else words(payload.get("text"))
    failed = payload.get("is_error") is True
    structured = payload.get("structured")
    return replace(
        outcome,
        final=text or outcome.final,
        is_error=failed,
        error=(words(payload.get("error")) or text or "failed") if failed else None,
        turns=outcome.turns + max(whole(payload.get("turns")), 0),
        structured=outcome.structured if structured is None else structured,
        overspent=payload.get("subtype") == OVER_BUDGET,
    )


def _ended(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    code = payload.get("exit_code")
    failed = payload.get("success") is False
    reason = words(payload.get("reason")) or words(payload.get("signal")) or f"exit code {code}"
    return replace(
        outcome,
        ended=True,
        exit_code=whole(code) if code is not None else None,
        is_error=outcome.is_error or failed,
        error=outcome.error or (reason if failed else None),
    )


def _used(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    return replace(outcome, tokens=outcome.tokens + Tokens.read(payload))


def _limited(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:
    return replace(outcome, limited=True, limited_until=moment(payload.get("resets_at")))


def _resumed(outcome: Outcome, payload: Mapping[str, object]) -> Outcome:  # noqa: ARG001 - as the other steps
    return replace(outcome, limited=False, limited_until=None)


_STEPS: Mapping[ConversationKind, Callable[[Outcome, Mapping[str, object]], Outcome]] = {
    ConversationKind.ASSISTANT_MESSAGE: _message,
    ConversationKind.PROVIDER_STATUS: _status,
    ConversationKind.STDOUT: _stdout,
    ConversationKind.SESSION_RESULT: _result,
    ConversationKind.SESSION_ENDED: _ended,
    ConversationKind.USAGE: _used,
    ConversationKind.USAGE_LIMIT_HIT: _limited,
    ConversationKind.USAGE_LIMIT_RESUMED: _resumed,
}

FOLDED = tuple(_STEPS)
"""The kinds that an outcome comes from; `fold` passes over all others."""


def words(value: object) -> str | None:
    """A text; None for what is none."""
    return value if isinstance(value, str) else None


def moment(value: object) -> datetime | None:
    """An ISO time, taken as UTC where it names no zone; None for what is none."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
