"""The tools of Gemini CLI and its usage limits, in the words of both of its formats."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from genie.adapters.records._limits import hit, reset_time
from genie.adapters.records._record import Entry, Record
from genie.adapters.records._state import State
from genie.domain.conversation import ConversationKind as Kind
from genie.domain.conversation import Said, ToolKind, words

_TOOLS = {
    ToolKind.SHELL: ("run_shell_command",),
    ToolKind.FILE_READ: ("read_file", "read_many_files"),
    ToolKind.FILE_WRITE: ("write_file",),
    ToolKind.FILE_EDIT: ("replace", "edit"),
    ToolKind.SEARCH: ("glob", "grep_search", "search_file_content", "list_directory"),
    ToolKind.SUB_AGENT: ("invoke_agent", "delegate_to_agent"),
    ToolKind.WEB: ("google_web_search", "web_fetch"),
}
_KINDS = {name: kind for kind, names in _TOOLS.items() for name in names}
_PATHS = ("file_path", "absolute_path", "path", "dir_path")
_LIMIT = re.compile(r"quota|RESOURCE_EXHAUSTED|rate limit", re.IGNORECASE)
_AFTER = re.compile(r"resets? after ((?:\d+[hms])+)")
_UNITS = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


def called(entry: Entry, state: State, call: str, name: str | None, given: object) -> tuple[Said, State]:
    """A tool call."""
    inner: Record = given if isinstance(given, dict) else {}
    path = next((found for key in _PATHS if (found := words(inner.get(key)))), None)
    said = entry.said(Kind.TOOL_CALL, call=call, tool=name, tool_kind=_kind(name), input=given, path=path)
    return said, state.called(call, name or "")


def answered(entry: Entry, state: State, call: str, *, failed: bool, output: str) -> tuple[Said, State]:
    """The result of a call."""
    name = state.tool(call) or None
    said = entry.said(Kind.TOOL_RESULT, call=call, tool=name, tool_kind=_kind(name), is_error=failed, output=output)
    return said, state.answered(call)


def _kind(name: str | None) -> str | None:
    return _KINDS.get(name, ToolKind.OTHER).value if name else None


def limited(entry: Entry, state: State, text: str) -> tuple[list[Said], State]:
    """That a usage limit was hit, where the words of an error say so."""
    if not _LIMIT.search(text):
        return [], state
    return hit(entry, state, _until(text, entry.at) or reset_time(text, at=entry.at), text=text)


def _until(text: str, at: datetime | None) -> datetime | None:
    found = _AFTER.search(text)
    if found is None or at is None:
        return None
    return at + sum(
        (int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d{1,4})([hms])", found[1])), timedelta()
    )
