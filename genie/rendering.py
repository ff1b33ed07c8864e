"""What a provider's lines look like for people who watch the pane.

Standard library only: the attendant, which runs in a pane, uses it. A renderer takes one line at a time and gives text
to print, "" for what is not worth showing. Nothing that a model wrote can move the cursor or colour the screen:
control characters become visible signs.
"""

from __future__ import annotations

import json
import re
import time

from genie.lettering import BOLD, DIM, PLAIN, RED, amount, cut, harmless, one_line, spent

TYPE_CHECKING = False
if TYPE_CHECKING:  # not from typing: importing that costs 2 ms at every start
    from collections.abc import Callable, Iterable
    from typing import Any

    Json = dict[str, Any]

RESULT_LINES = 3
"""How much of a tool's result is shown."""
LONGEST_LINE = 4 << 20
"""Bytes; a longer line is not parsed, only mentioned."""
_REMEMBERED = 64

_TELLING = (
    "command",
    "file_path",
    "notebook_path",
    "path",
    "pattern",
    "query",
    "url",
    "skill",
    "description",
    "prompt",
)
"""Arguments of a tool that say what a call is about, the most telling first."""
_TAKEN = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
_TEXTS = ("text", "delta", "content", "message", "response", "result", "output", "error", "msg")
"""Fields that hold text for people, in providers that nothing is known about."""
_SHELL = re.compile(r"""\A\S*sh -l?c (['"]?)(.*)\1\Z""", re.DOTALL)


def plain_number(value: object) -> float:
    return value if isinstance(value, (int, float)) else 0


def part(record: Json, key: str) -> Json:
    """An object in it; an empty one where there is none."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def parts(value: object) -> list[Json]:
    """The objects of a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class Renderer:
    """Lines of JSON that nothing more is known about: their text, else the line itself."""

    def __init__(self, *, colour: bool, width: Callable[[], int]) -> None:
        self._colour, self._width = colour, width
        self._open = False

    def line(self, raw: bytes) -> str:
        """What to print for one line, given without its end. Never raises for what the line holds."""
        if len(raw) > LONGEST_LINE:
            return self._row(DIM, f"… a line of {len(raw) / (1 << 20):.1f} MB")
        text = raw.decode("utf-8", "replace").rstrip("\r")
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            return self._whole(text) if text.strip() else ""
        try:
            return self.record(record) if isinstance(record, dict) else self._whole(text)
        except Exception as error:  # noqa: BLE001 - a shape nobody has seen must not stop the session
            return self._row(DIM, f"(not shown: {type(error).__name__}) {text}")

    def record(self, record: Json) -> str:
        texts = (self._text(record.get(key)) for key in _TEXTS)
        return self._whole(next(filter(None, texts), "") or one_line(record))

    def stderr(self, text: str) -> str:
        return self._row(DIM, text)

    def note(self, text: str) -> str:
        """Something that genie itself has to say."""
        return self._whole(f"genie: {text}", RED)

    def said(self, text: str) -> str:
        """What somebody has told the session."""
        return self._row(BOLD, f"› {one_line(text)}")

    def close(self) -> str:
        """The end of a text that is still open."""
        ended, self._open = "\n" if self._open else "", False
        return ended

    # ---- pieces ----

    def _text(self, value: object) -> str:
        """The text in a message's content: a text, its blocks, or a message around either."""
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            return self._text(value.get("text") or value.get("content") or value.get("message"))
        return "\n".join(filter(None, map(self._text, value))) if isinstance(value, list) else ""

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{PLAIN}" if self._colour and colour else text

    def _row(self, colour: str, text: str) -> str:
        """One line of the screen, cut to its width."""
        row = " ".join(harmless(text[:4000]).split("\n")).replace("\t", " ").rstrip()
        return f"{self.close()}{self._paint(colour, cut(row, self._width()))}\n"

    def _whole(self, text: str, colour: str = "") -> str:
        """A text with all its lines, wrapped by the terminal."""
        return f"{self.close()}{self._paint(colour, harmless(text).rstrip())}\n"

    def _piece(self, text: str) -> str:
        """A piece of a text that goes on."""
        shown = harmless(text)
        self._open = not shown.endswith("\n") if shown else self._open
        return shown

    def _call(self, name: str, about: object, *, inside: bool = False) -> str:
        row = f"{'  ' if inside else ''}● {one_line(name)}  {one_line(about)}".rstrip()
        shown = cut(row, self._width())
        return f"{self.close()}{self._paint(BOLD, shown)}\n"

    def _outcome(self, text: str, *, failed: bool) -> str:
        """A tool's result, at most RESULT_LINES lines of it."""
        lines = harmless(text[:100_000]).expandtabs(4).strip("\n").split("\n")
        if len(lines) > RESULT_LINES:
            more = text.count("\n", 0, len(text.rstrip("\n"))) + 1 - (RESULT_LINES - 1)
            lines = [*lines[: RESULT_LINES - 1], f"… {more} more lines"]
        colour = RED if failed else DIM
        room = self._width() - 4
        return self.close() + "".join(f"{self._paint(colour, '    ' + cut(line, room))}\n" for line in lines if line)

    def _sum(self, words: Iterable[str], *, failed: bool = False) -> str:
        return self._row(RED if failed else DIM, ("✗ " if failed else "✓ ") + " · ".join(filter(None, words)))


class Claude(Renderer):
    """claude's stream-json, with or without partial messages."""

    def __init__(self, *, colour: bool, width: Callable[[], int]) -> None:
        super().__init__(colour=colour, width=width)
        self._streaming = ""
        self._streamed: list[str] = []
        self._last_text = self._head = ""

    def record(self, record: Json) -> str:
        kind = str(record.get("type", ""))
        shown: dict[str, Callable[[Json], str]] = {
            "stream_event": self._event,
            "assistant": self._assistant,
            "user": self._user,
            "result": self._result,
            "system": self._system,
            "control_request": self._asked,
            "rate_limit_event": self._limit,
        }
        return shown[kind](record) if kind in shown else ""

    def _event(self, record: Json) -> str:
        if record.get("parent_tool_use_id"):
            return ""
        event = part(record, "event")
        if event.get("type") == "message_start":
            self._streaming = str(part(event, "message").get("id"))
        if event.get("type") == "content_block_delta" and part(event, "delta").get("type") == "text_delta":
            if self._streaming not in self._streamed:
                self._streamed = [*self._streamed[-_REMEMBERED:], self._streaming]
            return self._piece(str(event["delta"].get("text", "")))
        return self.close() if event.get("type") == "content_block_stop" else ""

    def _assistant(self, record: Json) -> str:
        message = part(record, "message")
        inside = bool(record.get("parent_tool_use_id"))
        failed = bool(record.get("error") or record.get("is_api_error_message") or record.get("isApiErrorMessage"))
        streamed = message.get("id") in self._streamed and not inside
        shown = (self._block(b, inside=inside, streamed=streamed, failed=failed) for b in parts(message.get("content")))
        return "".join(shown)

    def _block(self, block: Json, *, inside: bool, streamed: bool, failed: bool) -> str:
        kind, text = block.get("type"), str(block.get("text") or "")
        if kind == "text" and text.strip():
            self._last_text = text
            if streamed:
                return ""
            return self._row(DIM, f"  {one_line(text)}") if inside else self._whole(text, RED if failed else "")
        if kind == "thinking" and str(block.get("thinking") or "").strip():
            return self._row(DIM, f"✻ {one_line(block['thinking'])}")
        if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
            return self._call(str(block.get("name")), _about(block.get("input")), inside=inside)
        return ""

    def _user(self, record: Json) -> str:
        results = [b for b in parts(part(record, "message").get("content")) if b.get("type") == "tool_result"]
        return "".join(self._outcome(self._text(b.get("content")), failed=bool(b.get("is_error"))) for b in results)

    def _system(self, record: Json) -> str:
        kind = record.get("subtype")
        if kind == "init":
            return self._begun(f"{record.get('model')} · {record.get('permissionMode')} · {record.get('cwd')}")
        if kind == "api_retry":
            tries = f"attempt {record.get('attempt')}/{record.get('max_retries')}"
            wait = spent(plain_number(record.get("retry_delay_ms")))
            return self._row(RED, f"{record.get('error') or record.get('error_status')}: {tries}, again in {wait}")
        if kind == "permission_denied":
            return self._row(RED, f"not permitted: {record.get('tool_name') or one_line(record)}")
        return self._row(DIM, "the conversation was compacted") if kind == "compact_boundary" else ""

    def _begun(self, head: str) -> str:
        """It comes with every turn, and is told again where something else is in it."""
        known, self._head = self._head, head
        return "" if head == known else self._row(DIM, head)

    def _asked(self, record: Json) -> str:
        request = part(record, "request")
        if request.get("subtype") != "can_use_tool":
            return ""
        return self._row(RED, f"? may it use {request.get('tool_name')}  {one_line(_about(request.get('input')))}")

    def _limit(self, record: Json) -> str:
        info = part(record, "rate_limit_info")
        if info.get("status") != "rejected":
            return ""
        at = plain_number(info.get("resetsAt"))
        resets = time.strftime(", resets at %H:%M", time.localtime(at)) if at else ""
        return self._row(RED, f"usage limit reached{resets}")

    def _result(self, record: Json) -> str:
        failed = bool(record.get("is_error")) or str(record.get("subtype")).startswith("error")
        usage = part(record, "usage")
        taken = sum(plain_number(usage.get(key)) for key in _TAKEN)
        turns = int(plain_number(record.get("num_turns")))
        cost = record.get("total_cost_usd")
        why = str(record.get("terminal_reason") or record.get("subtype")) if failed else ""
        interrupted = why.startswith("aborted")
        words = (
            "interrupted" if interrupted else why,
            f"{turns} turn{'s' * (turns != 1)}",
            f"{amount(taken)} in, {amount(plain_number(usage.get('output_tokens')))} out",
            f"${cost:.4f}" if isinstance(cost, (int, float)) else "",
            spent(plain_number(record.get("duration_ms"))),
        )
        text = self._text(record.get("result")) or "; ".join(map(one_line, record.get("errors") or []))
        unsaid = failed and text and text != self._last_text and not interrupted  # it holds a diagnostic then
        self._last_text = ""
        return (self._whole(text, RED) if unsaid else "") + self._sum(words, failed=failed)


class Codex(Renderer):
    """codex exec --json."""

    def __init__(self, *, colour: bool, width: Callable[[], int]) -> None:
        super().__init__(colour=colour, width=width)
        self._begun: list[str] = []
        self._since = time.monotonic()
        self._turns = 0
        self._last_error = ""

    def record(self, record: Json) -> str:
        kind = str(record.get("type", ""))
        if kind.startswith("item."):
            return self._item(part(record, "item"), kind)
        if kind == "thread.started":
            return self._row(DIM, f"thread {record.get('thread_id')}")
        if kind == "turn.started":
            self._since = time.monotonic()
        if kind == "turn.completed":
            return self._completed(part(record, "usage"))
        if kind == "turn.failed":
            said = self._error(part(record, "error").get("message"))
            return said + self._sum(["failed", spent((time.monotonic() - self._since) * 1000)], failed=True)
        return self._error(record.get("message")) if kind == "error" else ""

    def _completed(self, usage: Json) -> str:
        self._turns += 1
        taken, given = plain_number(usage.get("input_tokens")), plain_number(usage.get("output_tokens"))
        words = (
            f"{self._turns} turn{'s' * (self._turns != 1)}",
            f"{amount(taken)} in, {amount(given)} out",
            spent((time.monotonic() - self._since) * 1000),
        )
        return self._sum(words)

    def _error(self, message: object) -> str:
        """The same error comes twice: by itself, and as the reason of a turn's failure."""
        text = _innermost(str(message or ""))
        if text == self._last_error:
            return ""
        self._last_error = text
        return self._whole(text, RED)

    def _item(self, item: Json, when: str) -> str:
        kind, done = str(item.get("type")), when == "item.completed"
        if kind == "agent_message":
            return self._whole(str(item.get("text") or "")) if done else ""
        if kind == "reasoning":
            return self._row(DIM, f"✻ {one_line(item.get('text') or '')}") if done else ""
        if kind == "error":
            return self._whole(_innermost(str(item.get("message") or "")), RED)
        name = str(item.get("id"))
        call = "" if name in self._begun else self._named(kind, item)
        self._begun = [*self._begun[-_REMEMBERED:], name]
        return call + (self._ended(kind, item) if done else "")

    def _named(self, kind: str, item: Json) -> str:
        if kind == "command_execution":
            command = str(item.get("command") or "")
            found = _SHELL.match(command)
            return self._call("Bash", found[2] if found else command)
        if kind == "file_change":
            changes = parts(item.get("changes"))
            return "".join(self._call("Edit", f"{c.get('path')} ({c.get('kind')})") for c in changes)
        if kind == "mcp_tool_call":
            return self._call(f"{item.get('server')}.{item.get('tool')}", _about(item.get("arguments")))
        if kind == "todo_list":
            tasks = parts(item.get("items"))
            return self._call("Todo", f"{sum(bool(t.get('completed')) for t in tasks)} of {len(tasks)} done")
        return self._call({"web_search": "WebSearch"}.get(kind, kind), _about(item))

    def _ended(self, kind: str, item: Json) -> str:
        failed = item.get("status") == "failed"
        text = self._text(item.get("aggregated_output") or part(item, "result") or part(item, "error"))
        code = item.get("exit_code")
        exited = self._row(RED, f"    exit code {code}") if kind == "command_execution" and code else ""
        return (self._outcome(text, failed=failed) if text else "") + exited


class Gemini(Renderer):
    """Its stream-json: messages come in pieces."""

    def record(self, record: Json) -> str:
        match record.get("type"):
            case "message":
                return self._piece(self._text(record.get("content"))) if record.get("role") == "assistant" else ""
            case "tool_use":
                return self._call(str(record.get("tool_name")), _about(record.get("parameters")))
            case "tool_result":
                text = self._text(record.get("output")) or self._text(record.get("error"))
                return self._outcome(text, failed=record.get("status") == "error") if text else ""
            case "error":
                return self._whole(_innermost(self._text(record.get("message"))), RED)
            case "result":
                return self._result(record)
        return "" if record.get("type") == "init" else super().record(record)

    def _result(self, record: Json) -> str:
        failed, stats = record.get("status") == "error", part(record, "stats")
        taken, given = plain_number(stats.get("input_tokens")), plain_number(stats.get("output_tokens"))
        words = (
            f"{amount(taken)} in, {amount(given)} out",
            spent(plain_number(stats.get("duration_ms"))),
        )
        error = self._text(record.get("error"))
        return (self._whole(error, RED) if failed and error else "") + self._sum(words, failed=failed)


def _about(arguments: object) -> object:
    """What a tool was called for, in one value."""
    if not isinstance(arguments, dict):
        return arguments or ""
    asked = [one["question"] for one in parts(arguments.get("questions")) if one.get("question")]
    if asked:
        return " ".join(map(one_line, asked))
    return next((arguments[key] for key in _TELLING if arguments.get(key)), arguments or "")


def _innermost(message: str) -> str:
    """The message in an API's answer, where the answer was given as JSON."""
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return message
    inner = part(found, "error").get("message") if isinstance(found, dict) else None
    return inner if isinstance(inner, str) else message


def renderer(form: str, *, colour: bool, width: Callable[[], int]) -> Renderer:
    """The one for that form; a form that is not known is rendered as lines of JSON."""
    return {"claude": Claude, "codex": Codex, "gemini": Gemini}.get(form, Renderer)(colour=colour, width=width)
