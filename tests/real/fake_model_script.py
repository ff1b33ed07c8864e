"""What the fake model is to answer: directives written in the user's prompt, and how to find that prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Body = dict[str, Any]
"""A JSON object as a client sent it."""

_SAID = frozenset({"text", "bash", "both", "write", "read", "tool", "slow", "think", "warn", "refuse", "maxtokens"})
_FAULTS = frozenset({"hang", "stall", "drop", "http", "limit", "sseerror", "badauth", "toolong"})
KNOWN = _SAID | _FAULTS
_OPEN = re.compile(r"\[\[([a-z]+)(?=[:\]])")
_REMINDER = re.compile(r"<(system-reminder|local-command-[a-z]+|command-[a-z]+)>.*?</\1>", re.DOTALL)
_CONTEXT = ("<environment_context>", "<user_instructions>", "# AGENTS.md")
_CALLS = frozenset({"function_call", "custom_tool_call", "local_shell_call", "reasoning"})
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output", "local_shell_call_output"})


@dataclass(frozen=True, slots=True)
class Directive:
    """One `[[name:argument]]`."""

    name: str
    arg: str = ""

    def __str__(self) -> str:
        return f"[[{self.name}:{self.arg}]]" if self.arg else f"[[{self.name}]]"

    def seconds(self, default: float) -> float:
        """The argument's first part as seconds."""
        try:
            return float(self.arg.split(":")[0])
        except ValueError:
            return default


@dataclass(frozen=True, slots=True)
class Asked:
    """Where a conversation stands: the last real user prompt, how many answers it has had, and the
    latest tool result since."""

    prompt: str
    turn: int
    result: str


def split(text: str) -> tuple[list[Directive], str]:
    """The directives of a text, and the text without them."""
    found: list[Directive] = []
    rest: list[str] = []
    position = 0
    while match := _OPEN.search(text, position):
        rest.append(text[position : match.start()])
        end = _end(text, match)
        if match.group(1) not in KNOWN or end < 0:
            rest.append(match.group(0))
            position = match.end()
            continue
        found.append(Directive(match.group(1), text[match.end() : end].lstrip(":")))
        position = end + 2
    return found, "".join(rest) + text[position:]


def _end(text: str, match: re.Match[str]) -> int:
    """Where the closing brackets are. The JSON of a tool call may hold other directives in its strings."""
    end = text.find("]]", match.end())
    brace = text.find("{", match.end())
    if match.group(1) != "tool" or not -1 < brace < (end if end > -1 else len(text)):
        return end
    try:
        after = json.JSONDecoder().raw_decode(text, brace)[1]
    except ValueError:
        return end
    return text.find("]]", after)


# ---- the text of messages -------------------------------------------------------------------


def blocks(content: object) -> list[Body]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def text_of(content: object, *, between: str = "\n") -> str:
    kinds = ("text", "input_text", "output_text")
    return between.join(str(block["text"]) for block in blocks(content) if block.get("type") in kinds and block["text"])


def user_text(content: object) -> str:
    """What the user wrote, without the reminders that a client wraps around it."""
    return _REMINDER.sub("", text_of(content)).strip()


def system_text(body: Mapping[str, Any]) -> str:
    """The system prompt of a request of either dialect."""
    return text_of(body.get("system")) or str(body.get("instructions") or "")


# ---- where a conversation stands ------------------------------------------------------------


def read_messages(body: Body) -> Asked:
    """The state of an Anthropic conversation."""
    turn, result = 0, ""
    for message in reversed(body.get("messages") or []):
        if message.get("role") == "assistant":
            turn += 1
        if message.get("role") != "user":
            continue
        results = [block for block in blocks(message.get("content")) if block.get("type") == "tool_result"]
        result = result or "\n".join(text_of(block.get("content")) for block in results)
        text = user_text(message.get("content"))
        # A message that was queued while a tool ran comes together with the tool's result.
        if text and (not results or split(text)[0]):
            return Asked(text, turn, result)
    return Asked("", turn, result)


def read_input(body: Body) -> Asked:
    """The state of an OpenAI Responses conversation; one answer may be several items."""
    items = body.get("input")
    if isinstance(items, str):
        return Asked(items, 0, "")
    turn, result, answering = 0, "", False
    for item in reversed(items or []):
        if item.get("type") in _OUTPUTS:
            result = result or _output(item.get("output"))
            answering = False
        elif item.get("type") in _CALLS or item.get("role") == "assistant":
            turn += not answering
            answering = True
        elif item.get("role") == "user":
            text = user_text(item.get("content"))
            if text and not text.startswith(_CONTEXT):
                return Asked(text, turn, result)
            answering = False
    return Asked("", turn, result)


def _output(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def prompts(body: Body) -> list[str]:
    """Every user text of a request of either dialect, byte for byte, block for block."""
    items: Iterable[Body] = body.get("messages") or body.get("input") or []
    return [
        str(block.get("text") or "")
        for item in items
        if item.get("role") == "user"
        for block in blocks(item.get("content"))
    ]


def kind_of(path: str, body: Body) -> str:
    """`main` is the agent's own loop; all else is a side request, which must not use up directives."""
    tools = body.get("tools")
    if path.endswith("/count_tokens"):
        return "count_tokens"
    if "/responses" in path:
        return "main" if tools else "side"
    if body.get("max_tokens") == 1:
        return "quota"
    if not tools:
        return "title" if "title" in system_text(body)[:3000].lower() else "side"
    last = (body.get("messages") or [{}])[-1]
    text = user_text(last.get("content")) if last.get("role") == "user" else ""
    return "suggestion" if text.startswith("[SUGGESTION MODE") else "main"
