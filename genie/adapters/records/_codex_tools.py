"""What Codex says of its tools, its tokens and its errors, in all of its formats."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from genie.adapters.records._limits import hit, reset_time
from genie.adapters.records._record import Entry, Parsed, Record, plain
from genie.adapters.records._state import State
from genie.domain.conversation import Said, Tokens, ToolKind, whole, words

_TOOLS = {
    ToolKind.SHELL: ("shell", "exec_command", "write_stdin", "local_shell", "container.exec", "shell_command"),
    ToolKind.FILE_READ: ("read_file", "view_image"),
    ToolKind.FILE_EDIT: ("apply_patch",),
    ToolKind.SEARCH: ("grep_files", "list_dir", "tool_search"),
    ToolKind.SUB_AGENT: ("spawn_agent", "send_input", "wait_agent", "wait", "close_agent", "resume_agent"),
    ToolKind.WEB: ("web_search", "image_generation"),
}
_KINDS = {name: kind for kind, names in _TOOLS.items() for name in names}
_FILE = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$", re.MULTILINE)
_EXIT = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d+)$", re.MULTILINE)
_REFUSED = ("unsupported call: ", "aborted", "failed to parse function arguments")


def call_fields(call: str | None, name: str | None, given: Any) -> dict[str, object]:  # noqa: ANN401 - any JSON
    """The payload of a tool call. A patch names its files; one that only adds some is a write."""
    kind, path = _KINDS.get(name or "", ToolKind.OTHER), None
    if name == "apply_patch":
        files = _FILE.findall(given if isinstance(given, str) else str(_inner(given).get("input") or ""))
        path = files[0][1] if files else None
        kind = ToolKind.FILE_WRITE if files and all(verb == "Add" for verb, _ in files) else kind
    else:
        path = words(_inner(given).get("path"))
    return {"call": call, "tool": name, "tool_kind": kind.value, "input": given, "path": path}


def kind_of(name: str | None) -> str | None:
    return _KINDS.get(name, ToolKind.OTHER).value if name else None


def _inner(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def unfolded(text: object) -> Any:  # noqa: ANN401 - any JSON
    """Arguments are a text of JSON; where they are not, they stay what they are."""
    if not isinstance(text, str) or not text.startswith("{"):
        return text
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text


def output_of(value: object) -> tuple[str, bool]:
    """The text of a tool's result, and whether it failed: several releases say it in several ways."""
    said = _inner(unfolded(value) if isinstance(value, str) else value)
    if "output" in said or "content" in said:
        text = plain(said.get("output") if "output" in said else said.get("content"))
        return text, said.get("success") is False or whole(_inner(said.get("metadata")).get("exit_code")) != 0
    text = plain(value)
    code = _EXIT.search(text[:2000])
    return text, int(code[1]) != 0 if code else text.startswith(_REFUSED)


def tokens_of(usage: Record) -> Tokens:
    """Codex counts what was cached into the input, too."""
    read, written = whole(usage.get("cached_input_tokens")), whole(usage.get("cache_write_input_tokens"))
    return Tokens(
        input=max(whole(usage.get("input_tokens")) - read - written, 0),
        output=whole(usage.get("output_tokens")),
        cache_read=read,
        cache_write=written,
    )


def error_text(value: object) -> str:
    """An error in words; it can be the server's whole answer."""
    text = value if isinstance(value, str) else plain(_inner(value).get("message"))
    inner = _inner(_inner(unfolded(text)).get("error")).get("message")
    return inner if isinstance(inner, str) else text


def limited(entry: Entry, state: State, text: str, code: object = None) -> Parsed:
    """That a usage limit was hit, when that is the error."""
    low = text.lower().replace("’", "'")
    if code != "usage_limit_exceeded" and "hit your usage limit" not in low:
        return [], state
    said: tuple[list[Said], State] = hit(entry, state, reset_time(text, at=entry.at, zone=entry.zone), text=text)
    return said
