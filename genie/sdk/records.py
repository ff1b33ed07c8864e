"""Messages of claude-agent-sdk as the records of claude's stream-json, which genie's readers know.

Nothing of the package is imported: a message is known by the name of its class.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

Record = dict[str, Any]

_BLOCKS = {
    "TextBlock": "text",
    "ThinkingBlock": "thinking",
    "ToolUseBlock": "tool_use",
    "ToolResultBlock": "tool_result",
    "ServerToolUseBlock": "server_tool_use",
    "ServerToolResultBlock": "advisor_tool_result",
}
_RENAMED = {"model_usage": "modelUsage"}


def record(message: Any) -> Record:  # noqa: ANN401 - of classes that may not be there
    """The record that the message came from, as far as the package tells."""
    raw = getattr(message, "data", None)
    if isinstance(raw, dict):
        return raw
    name = type(message).__name__
    made = _MAKERS[name](message) if name in _MAKERS else _other(message)
    return {key: value for key, value in made.items() if value is not None}


def _assistant(message: Any) -> Record:  # noqa: ANN401
    inner = {
        "id": message.message_id,
        "role": "assistant",
        "model": message.model,
        "content": [_block(block) for block in message.content],
        "usage": message.usage,
        "stop_reason": message.stop_reason,
    }
    return {"type": "assistant", "message": inner, **_around(message), "error": message.error}


def _user(message: Any) -> Record:  # noqa: ANN401
    content = message.content
    said = content if isinstance(content, str) else [_block(block) for block in content]
    more = {"tool_use_result": message.tool_use_result, "origin": getattr(message, "origin", None)}
    return {"type": "user", "message": {"role": "user", "content": said}, **_around(message), **more}


def _result(message: Any) -> Record:  # noqa: ANN401
    told = {_RENAMED.get(key, key): value for key, value in _fields(message).items()}
    return {"type": "result", **told}


def _piece(message: Any) -> Record:  # noqa: ANN401
    return {"type": "stream_event", "event": message.event, **_around(message)}


def _limit(message: Any) -> Record:  # noqa: ANN401
    return {"type": "rate_limit_event", "rate_limit_info": message.rate_limit_info.raw, **_around(message)}


def _other(message: Any) -> Record:  # noqa: ANN401
    """What a newer package tells: its name in the records' way, and all that it holds."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(message).__name__.removesuffix("Message")).lower()
    return {"type": name, **_fields(message)}


def _around(message: Any) -> Record:  # noqa: ANN401
    return {key: getattr(message, key, None) for key in ("parent_tool_use_id", "session_id", "uuid")}


def _block(block: Any) -> Record:  # noqa: ANN401
    kind = _BLOCKS.get(type(block).__name__, type(block).__name__)
    return {"type": kind, **{key: value for key, value in _fields(block).items() if value is not None}}


def _fields(value: Any) -> Record:  # noqa: ANN401
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else {"text": str(value)}


_MAKERS: Mapping[str, Callable[[Any], Record]] = {
    "AssistantMessage": _assistant,
    "UserMessage": _user,
    "ResultMessage": _result,
    "StreamEvent": _piece,
    "RateLimitEvent": _limit,
}
