"""One line of a file as a record, and what all parsers do alike: nothing raises, nothing is dropped."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from math import isfinite
from typing import Any

from genie.adapters.records._state import NEW, State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, amount, moment, words

WARNING_TEXT = 2000
"""Characters of a line that does not read that its warning keeps."""
RAW_LIMIT, RAW_TEXT = 2**16, 1000
"""A record longer than this many bytes is kept with its texts cut to this many characters."""
DEEPEST = 200
"""Levels of a record: one that is deeper is no record, and a warning keeps its begin."""

Parsed = tuple[list[Said], State]
Record = Mapping[str, Any]


def _number(text: str) -> float | str:
    """JSON has no infinity: a number too large for a float stays a text."""
    value = float(text)
    return value if isfinite(value) else text


_DECODER = json.JSONDecoder(parse_float=_number, parse_constant=str)
# No text of PostgreSQL can hold these characters: the escapes that may stand for them, and themselves.
_UNSAFE_SIGN = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_UNSAFE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with the time it was said and the length of its line in bytes. `zone` is where the program runs, for
    times that name no zone; None is the zone of this machine."""

    record: Record
    at: datetime | None
    size: int
    zone: tzinfo | None = None

    def said(self, kind: Kind, /, **payload: object) -> Said:
        """Values that are None are left out."""
        return Said(kind, self.at, {key: value for key, value in payload.items() if value is not None})

    def kept(self, status: str | None = None, **payload: object) -> Said:
        """The whole record, for one that has no kind of its own."""
        raw: object = self.record
        if self.size > RAW_LIMIT:
            raw, payload = shortened(raw), {**payload, "cut": True, "bytes": self.size}
        return self.said(Kind.PROVIDER_STATUS, status=status or self.name(), **payload, raw=raw)

    def name(self) -> str:
        parts = (words(self.record.get("type")), words(self.record.get("subtype")))
        return "/".join(part for part in parts if part) or "unknown"

    def text(self, *keys: str) -> str | None:
        """The first of these fields that is a text."""
        return next((value for key in keys if isinstance(value := self.record.get(key), str)), None)

    def inner(self, *keys: str) -> Record:
        """The first of these fields that is an object; an empty one else."""
        return next((value for key in keys if isinstance(value := self.record.get(key), dict)), {})


def shortened(value: object) -> object:
    """The same with its long texts cut."""
    if isinstance(value, str):
        return value if len(value) <= RAW_TEXT else value[:RAW_TEXT] + "…"
    if isinstance(value, list):
        return [shortened(item) for item in value]
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    return value


def scrubbed(value: Any) -> Any:  # noqa: ANN401 - any JSON, the same shape back
    """The same without the characters that cannot be stored."""
    if isinstance(value, str):
        return _UNSAFE.sub("�", value)
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {scrubbed(key): scrubbed(item) for key, item in value.items()}
    return value


def read_text(line: bytes) -> str:
    """The text of a line without its line break; bytes that are no UTF-8 are replaced."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return _UNSAFE.sub("�", text) if "\x00" in text else text


def read_record(line: bytes) -> Record | None:
    """The JSON object on a line; None when it is none."""
    try:
        record = _DECODER.decode(line.decode("utf-8", "replace").strip("\ufeff \t\r\n"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or (line.count(b"[") + line.count(b"{") > DEEPEST and depth(record) > DEEPEST):
        return None
    return scrubbed(record) if _UNSAFE_SIGN.search(line) else record


def depth(value: object) -> int:
    """How many levels of JSON there are, counted without recursion."""
    level, found = [value], 0
    while level:
        found += 1
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in inner for item in items]
    return found


def blocks(content: object) -> list[Record]:
    """The blocks of a message's content, whichever way it is written."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    found = content if isinstance(content, list) else []
    return [item if isinstance(item, dict) else {"type": "text", "text": item} for item in found if item is not None]


def plain(content: object) -> str:
    """The text of such a content; what is no text is named in brackets."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return "" if content is None else json.dumps(content, ensure_ascii=False)
    return "\n".join(_block_text(block) for block in blocks(content))


def _block_text(block: Record) -> str:
    text = block.get("text")
    return text if isinstance(text, str) else f"[{block.get('type') or 'block'}]"


def epoch(value: object) -> datetime | None:
    """A time in seconds, or milliseconds, since the epoch; None for what is none."""
    seconds = amount(value)
    if seconds is None:
        return None
    try:
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


class LineParser(ABC):
    """A parser of one format. It holds nothing: what it remembers is in the state it gives back.

    `zone` is where the program runs, for times of the day that name no zone; None is the zone of this machine."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def parse(self, line: bytes, state: State = NEW, *, at: datetime | None = None) -> Parsed:
        """What one line says, and the state after it. `at` is when it was read, for records without a time.
        Never raises. An empty answer: a blank line, or a piece of a message that will come whole."""
        if not line or line.isspace():
            return self.blank(at, state)
        record = read_record(line)
        if record is None:
            return self.unread(line, at, state)
        entry = Entry(record, moment(record.get("timestamp")) or at, len(line), self._zone)
        if "genie" in record:
            return self.of_runner(entry, state)
        parsed = self.record(entry, state)
        return ([entry.kept()], state) if parsed is None else parsed

    def finish(self, state: State, *, at: datetime | None = None) -> Parsed:  # noqa: ARG002 - for parsers of streams
        """What is left to say when no line will follow."""
        return [], state

    @abstractmethod
    def record(self, entry: Entry, state: State) -> Parsed | None:
        """What a record says; None for one that is not known."""

    def blank(self, at: datetime | None, state: State) -> Parsed:  # noqa: ARG002 - for parsers of text
        return [], state

    def unread(self, line: bytes, at: datetime | None, state: State) -> Parsed:
        """What a line says that is no JSON object."""
        text = read_text(line[: 4 * WARNING_TEXT])[:WARNING_TEXT]
        return [Said(Kind.PARSE_WARNING, at, {"text": text, "bytes": len(line)})], state

    def of_runner(self, entry: Entry, state: State) -> Parsed:
        """The records that the runner puts between those of the program."""
        make = _OF_RUNNER.get(str(entry.record.get("genie")))
        at = moment(entry.record.get("at")) or entry.at
        entry = Entry(entry.record, at, entry.size, entry.zone)
        return ([make(entry) if make else entry.kept(f"runner/{entry.record.get('genie')}")], state)


def _rest(entry: Entry) -> dict[str, object]:
    return {key: value for key, value in entry.record.items() if key not in ("genie", "at", "timestamp")}


def _text_of(kind: Kind) -> Callable[[Entry], Said]:
    return lambda entry: Said(kind, entry.at, {**_rest(entry), "text": plain(entry.record.get("text"))})


def _rest_of(kind: Kind) -> Callable[[Entry], Said]:
    return lambda entry: Said(kind, entry.at, _rest(entry))


_OF_RUNNER: Mapping[str, Callable[[Entry], Said]] = {
    "started": lambda entry: Said(Kind.PROVIDER_STATUS, entry.at, {**_rest(entry), "status": "process_started"}),
    "ended": _rest_of(Kind.SESSION_ENDED),
    "stdout": _text_of(Kind.STDOUT),
    "stderr": _text_of(Kind.STDERR),
    "input": _text_of(Kind.USER_MESSAGE),
    "event": _rest_of(Kind.USER_EVENT),
    "heartbeat": _rest_of(Kind.HEARTBEAT),
}
