"""How the fake model says an answer: as an Anthropic message or an OpenAI response, streamed or whole."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any, Protocol

from tests.real.fake_model_script import Body, Directive

Headers = list[tuple[str, str]]
_UNIFIED = "anthropic-ratelimit-unified-"


class Wire(Protocol):
    """The HTTP side of an answer."""

    chunk: int

    def whole(self, status: int, value: Body, headers: Sequence[tuple[str, str]] = ()) -> None: ...

    def open_stream(self, headers: Sequence[tuple[str, str]] = ()) -> None: ...

    def event(self, name: str, data: Body) -> None: ...

    def close_stream(self) -> None: ...

    def refuse(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        code: str | None = None,
    ) -> None: ...


class Reply(Protocol):
    """One answer of the model; `open` first, `close` last."""

    stop: str

    def open(self) -> None: ...

    def text(self, text: str, *, over: float = 0.0) -> None: ...

    def thinking(self, over: float) -> None: ...

    def tool(self, name: str, arguments: Body) -> None: ...

    def shell(self, command: str) -> None: ...

    def close(self) -> None: ...

    def stream_error(self, kind: str) -> None: ...

    def warn(self, used: float) -> None: ...

    def usage_limit(self, reset: int) -> None: ...


def pause(seconds: float) -> None:
    """Let time pass in an answer that is asked to be slow."""
    if seconds > 0:
        threading.Event().wait(seconds)


def fresh(prefix: str) -> str:
    return f"{prefix}_fake_{uuid.uuid4().hex[:20]}"


def _pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)] or [""]


class MessageReply:
    """An answer in the Anthropic Messages dialect."""

    def __init__(self, wire: Wire, body: Body) -> None:
        self.wire = wire
        self.body = body
        self.stream = bool(body.get("stream"))
        self.headers: Headers = [("request-id", fresh("req"))]
        self.content: list[Body] = []
        self.stop = "end_turn"
        self.id = fresh("msg")
        self.usage: dict[str, int] = {
            "input_tokens": max(1, len(json.dumps(body.get("messages") or "")) // 4),
            "output_tokens": 1,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        }

    def _message(self) -> Body:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.body.get("model", "fake"),
            "content": [] if self.stream else self.content,
            "stop_reason": None if self.stream else self.stop,
            "stop_sequence": None,
            "usage": dict(self.usage),
        }

    def open(self) -> None:
        if self.stream:
            self.wire.open_stream(self.headers)
            self.wire.event("message_start", {"message": self._message()})
            self.wire.event("ping", {})

    def _block(self, start: Body, deltas: Sequence[Body], every: float = 0.0) -> None:
        index = len(self.content)
        if not self.stream:
            pause(every * len(deltas))
            return
        self.wire.event("content_block_start", {"index": index, "content_block": start})
        for delta in deltas:
            self.wire.event("content_block_delta", {"index": index, "delta": delta})
            pause(every)
        self.wire.event("content_block_stop", {"index": index})

    def text(self, text: str, *, over: float = 0.0) -> None:
        parts = _pieces(text, self.wire.chunk)
        deltas: list[Body] = [{"type": "text_delta", "text": part} for part in parts]
        self._block({"type": "text", "text": ""}, deltas, over / len(parts))
        self.content.append({"type": "text", "text": text})
        self.usage["output_tokens"] += max(1, len(text) // 4)

    def thinking(self, over: float) -> None:
        words = ["considering ", "the ", "matter ", "at ", "hand "] * 4
        deltas: list[Body] = [{"type": "thinking_delta", "thinking": word} for word in words]
        deltas.append({"type": "signature_delta", "signature": "ZmFrZQ=="})
        self._block({"type": "thinking", "thinking": "", "signature": ""}, deltas, over / len(deltas))
        self.content.append({"type": "thinking", "thinking": "".join(words), "signature": "ZmFrZQ=="})

    def tool(self, name: str, arguments: Body) -> None:
        call = fresh("toolu")
        written = json.dumps(arguments, ensure_ascii=False)
        start = {"type": "tool_use", "id": call, "name": name, "input": {}}
        self._block(start, [{"type": "input_json_delta", "partial_json": written}])
        self.content.append({"type": "tool_use", "id": call, "name": name, "input": arguments})
        self.stop = "tool_use"

    def shell(self, command: str) -> None:
        self.tool("Bash", {"command": command, "description": "Run a scripted command"})

    def close(self) -> None:
        if not self.stream:
            self.wire.whole(200, self._message())
            return
        delta = {"stop_reason": self.stop, "stop_sequence": None}
        self.wire.event("message_delta", {"delta": delta, "usage": {"output_tokens": self.usage["output_tokens"]}})
        self.wire.event("message_stop", {})
        self.wire.close_stream()

    def stream_error(self, kind: str) -> None:
        if not self.stream:
            self.wire.refuse(529, "Overloaded", kind=kind)
            return
        self.wire.event("error", {"error": {"type": kind, "message": "Overloaded"}})
        self.wire.close_stream()

    def warn(self, used: float) -> None:
        window = {
            "status": "allowed_warning",
            "reset": str(int(time.time() + 3600)),
            "representative-claim": "five_hour",
            "5h-status": "allowed_warning",
            "5h-reset": str(int(time.time() + 3600)),
            "5h-utilization": str(used),
            "5h-surpassed-threshold": str(used),
        }
        self.headers += [(_UNIFIED + key, value) for key, value in window.items()]

    def usage_limit(self, reset: int) -> None:
        window = {
            "status": "rejected",
            "reset": str(reset),
            "representative-claim": "five_hour",
            "5h-status": "rejected",
            "5h-reset": str(reset),
            "5h-utilization": "1.0",
            "overage-status": "rejected",
            "overage-disabled-reason": "out_of_credits",
        }
        headers = [(_UNIFIED + key, value) for key, value in window.items()]
        headers += [("retry-after", str(max(1, reset - int(time.time())))), ("x-should-retry", "false")]
        self.wire.refuse(429, f"You have reached your usage limit. Resets at {reset}", headers=headers)


class ResponseReply:
    """An answer in the OpenAI Responses dialect."""

    def __init__(self, wire: Wire, body: Body) -> None:
        self.wire = wire
        self.body = body
        self.stream = bool(body.get("stream"))
        self.id = fresh("resp")
        self.output: list[Body] = []
        self.stop = "end_turn"
        self.sequence = 0

    def _response(self, status: str) -> Body:
        tokens = max(1, len(json.dumps(self.body.get("input") or "")) // 4)
        usage: dict[str, Any] = {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens + 7,
        }
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "model": self.body.get("model"),
            "output": self.output,
            "error": None,
            "incomplete_details": None,
            "usage": usage,
        }

    def _event(self, name: str, data: Body) -> None:
        if self.stream:
            self.sequence += 1
            self.wire.event(name, {**data, "sequence_number": self.sequence})

    def open(self) -> None:
        if self.stream:
            self.wire.open_stream()
            self._event("response.created", {"response": self._response("in_progress")})

    def text(self, text: str, *, over: float = 0.0) -> None:
        index, message = len(self.output), fresh("msg")
        item: Body = {"type": "message", "id": message, "role": "assistant", "status": "in_progress", "content": []}
        self._event("response.output_item.added", {"output_index": index, "item": item})
        parts = _pieces(text, self.wire.chunk)
        for part in parts:
            place = {"output_index": index, "content_index": 0, "item_id": message}
            self._event("response.output_text.delta", {**place, "delta": part})
            pause(over / len(parts))
        content = [{"type": "output_text", "text": text, "annotations": []}]
        self.output.append({**item, "status": "completed", "content": content})
        self._event("response.output_item.done", {"output_index": index, "item": self.output[-1]})

    def thinking(self, over: float) -> None:
        pause(over)

    def tool(self, name: str, arguments: Body) -> None:
        index = len(self.output)
        item: Body = {
            "type": "function_call",
            "id": fresh("fc"),
            "status": "completed",
            "call_id": fresh("call"),
            "name": name,
            "arguments": json.dumps(arguments),
        }
        self._event("response.output_item.added", {"output_index": index, "item": {**item, "arguments": ""}})
        self.output.append(item)
        self._event("response.output_item.done", {"output_index": index, "item": item})

    def shell(self, command: str) -> None:
        """A call of whichever shell tool the client offers."""
        names = {tool.get("name") or tool.get("type") for tool in self.body.get("tools") or []}
        if "exec_command" in names:
            self.tool("exec_command", {"cmd": command})
        elif "shell_command" in names:
            self.tool("shell_command", {"command": command})
        else:
            self.tool("shell", {"command": ["bash", "-lc", command]})

    def close(self) -> None:
        if not self.stream:
            self.wire.whole(200, self._response("completed"))
            return
        self._event("response.completed", {"response": self._response("completed")})
        self.wire.close_stream()

    def stream_error(self, kind: str) -> None:
        failed = self._response("failed")
        code = "server_is_overloaded" if kind == "overloaded_error" else kind
        failed["error"] = {"code": code, "message": "Overloaded"}
        self._event("response.failed", {"response": failed})
        self.wire.close_stream()

    def warn(self, used: float) -> None:
        """This dialect has no such header."""

    def usage_limit(self, reset: int) -> None:
        error = {
            "type": "usage_limit_reached",
            "message": "The usage limit has been reached",
            "plan_type": "pro",
            "resets_at": reset,
            "resets_in_seconds": max(1, reset - int(time.time())),
        }
        self.wire.whole(429, {"error": error})


def _call(reply: Reply, calls: Sequence[str]) -> None:
    for call in calls:
        name, _, written = call.strip().partition(" ")
        reply.tool(name, json.loads(written or "{}"))


def say(directive: Directive, reply: Reply, result: str) -> None:
    """The content of an answer that comes through."""
    argument = directive.arg
    match directive.name:
        case "slow":
            seconds, _, text = argument.partition(":")
            slow = "a slow answer, word after word, until the time that was asked for has gone by."
            reply.text(text or slow, over=float(seconds or 5))
        case "think":
            reply.thinking(directive.seconds(2))
            reply.text("thought about it")
        case "bash":
            reply.shell(argument)
        case "write":
            path, _, content = argument.partition("|")
            reply.tool("Write", {"file_path": path, "content": content})
        case "read":
            reply.tool("Read", {"file_path": argument})
        case "tool" | "both":
            _call(reply, argument.split("|") if directive.name == "both" else [argument])
        case "refuse":
            reply.text("I cannot help with that.")
            reply.stop = "refusal"
        case "maxtokens":
            reply.text("cut off he")
            reply.stop = "max_tokens"
        case "warn":
            reply.text("answered with a warning")
        case _:
            reply.text(f"done: {result.strip()[:300]}" if argument == "done" and result else argument)
