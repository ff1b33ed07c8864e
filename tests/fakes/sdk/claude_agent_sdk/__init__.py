"""What claude-agent-sdk looks like to its user, without a claude: it does what its prompts say.

use TOOL    asks whether it may use that tool, and tells what was answered     wait    works until it is interrupted
spend       is over its budget: tells so, and dies of it       limit   is at a limit that ends soon
anything else is its answer
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class ClaudeSDKError(Exception):
    """The root of what is raised."""


class ResultError(ClaudeSDKError):
    """The program has ended after an error."""

    exit_code = 1


@dataclass
class ClaudeAgentOptions:
    """Those that the tests use."""

    session_id: str | None = None
    resume: str | None = None
    model: str | None = None
    effort: str | None = None
    permission_mode: str | None = None
    system_prompt: Any = None
    allowed_tools: list[str] = field(default_factory=list)
    disallowed_tools: list[str] = field(default_factory=list)
    add_dirs: list[str] = field(default_factory=list)
    max_turns: int | None = None
    max_budget_usd: float | None = None
    cli_path: str | None = None
    extra_args: dict[str, str | None] = field(default_factory=dict)
    output_format: Any = None
    mcp_servers: Any = None
    can_use_tool: Any = None
    cwd: str | None = None
    include_partial_messages: bool = False
    max_buffer_size: int | None = None
    stderr: Any = None


@dataclass
class PermissionResultAllow:
    """Go on."""

    updated_input: dict[str, Any] | None = None
    updated_permissions: list[Any] | None = None


@dataclass
class PermissionResultDeny:
    """Do not."""

    message: str = ""


@dataclass
class TextBlock:
    """A text."""

    text: str


@dataclass
class AssistantMessage:
    """What the model says."""

    content: list[TextBlock]
    model: str = "fake"
    parent_tool_use_id: str | None = None
    error: str | None = None
    usage: dict[str, Any] | None = None
    message_id: str | None = "m"
    stop_reason: str | None = None
    session_id: str | None = None
    uuid: str | None = None


@dataclass
class ResultMessage:
    """The end of a turn."""

    subtype: str
    is_error: bool
    num_turns: int
    session_id: str
    result: str | None = None
    total_cost_usd: float | None = None
    terminal_reason: str | None = None
    model_usage: dict[str, Any] | None = None


@dataclass
class RateLimitEvent:
    """What is left of a limit."""

    rate_limit_info: SimpleNamespace
    session_id: str | None = None
    uuid: str | None = None


@dataclass
class SystemMessage:
    """Anything else."""

    subtype: str
    data: dict[str, Any]


class ClaudeSDKClient:
    """One conversation."""

    def __init__(self, options: ClaudeAgentOptions) -> None:
        self.options = options
        self._session = options.resume or options.session_id or "none"
        self._told: asyncio.Queue[Any] = asyncio.Queue()
        self._interrupted = asyncio.Event()
        self._turns: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        data = {"type": "system", "subtype": "init", "session_id": self._session, "model": self.options.model or "fake"}
        self._told.put_nowait(SystemMessage("init", data | {"cwd": self.options.cwd}))

    async def query(self, prompt: AsyncIterable[dict[str, Any]]) -> None:
        async for message in prompt:
            task = asyncio.ensure_future(self._turn("".join(b["text"] for b in message["message"]["content"])))
            self._turns.add(task)

    async def _turn(self, text: str) -> None:
        word, _, rest = text.strip().partition(" ")
        self._keep(text)
        self._interrupted.clear()  # one without a turn does nothing
        if word == "use":
            context = SimpleNamespace(tool_use_id="call", suggestions=[])
            decided = await self.options.can_use_tool(rest, {"command": "do it"}, context)
            text = "allowed" if isinstance(decided, PermissionResultAllow) else f"denied: {decided.message}"
        if word == "wait":
            await self._interrupted.wait()
            self._end("error_during_execution", failed=True, terminal_reason="aborted_streaming")
        elif word == "spend":
            self._end("error_max_budget_usd", failed=True)
            self._told.put_nowait(ResultError("over budget"))
        elif word == "limit":
            raw = {"status": "rejected", "resetsAt": time.time() - 4.8}
            self._told.put_nowait(RateLimitEvent(SimpleNamespace(raw=raw)))
            self._end("success", failed=True, result="You've hit your limit")
        else:
            self._told.put_nowait(AssistantMessage([TextBlock(text)]))
            self._end("success", failed=False, result=text)

    def _keep(self, text: str) -> None:
        """A transcript, as claude's."""
        folder = Path(os.environ["CLAUDE_CONFIG_DIR"]) / "projects" / "any"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{self._session}.jsonl").open("a") as file:
            file.write(f'{{"type": "user", "text": {len(text)}}}\n')

    def _end(self, subtype: str, *, failed: bool, **more: Any) -> None:  # noqa: ANN401
        self._told.put_nowait(ResultMessage(subtype, failed, 1, self._session, total_cost_usd=0.01, **more))

    async def receive_messages(self) -> AsyncIterator[Any]:
        while True:
            said = await self._told.get()
            if isinstance(said, Exception):
                raise said
            yield said

    async def interrupt(self) -> None:
        self._interrupted.set()

    async def set_model(self, model: str | None) -> None:
        self._told.put_nowait(SystemMessage("model", {"type": "system", "subtype": "model", "model": model}))

    async def set_permission_mode(self, mode: str) -> None:
        self._told.put_nowait(SystemMessage("mode", {"type": "system", "subtype": "mode", "mode": mode}))

    async def disconnect(self) -> None:
        for task in self._turns:
            task.cancel()
