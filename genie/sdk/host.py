"""One conversation: messages become turns, one after the other, and what the program says is told as records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from genie.sdk.records import Record, record

TWICE = 2.0
"""Seconds within which a second ^C ends the session."""
OVER_BUDGET = "error_max_budget_usd"
FAILED, TERMINATED, HUNG_UP = 1, 143, 129
LEAVE = 3.0
"""Seconds for the program to leave when the session is to end now."""
AFTER_RESET = 5.0
"""Seconds after the reset of a usage limit until the conversation goes on."""
RESET = "Your claude.ai usage limit has reset. Go on with your task where you left off."

Out = Callable[[Record], None]


class Host:
    """`client` is a ClaudeSDKClient; `out` takes each record, `note` a line for people. With `once` the session has one
    task, and its exit code says how that went."""

    def __init__(self, client: Any, *, out: Out, note: Callable[[str], None], once: bool = False) -> None:  # noqa: ANN401
        self._client, self._out, self._note, self._once = client, out, note, once
        self._said: asyncio.Queue[Record | None] = asyncio.Queue()
        self._over = asyncio.Event()
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = self._failed = False
        self._pressed = 0.0
        self._resets: float | None = None

    async def run(self) -> int:
        """The exit code. Raises what the package raises for a program that cannot be run or has died."""
        await self._client.connect()
        try:
            self._out({"type": "system", "subtype": "session_ready"})
            for work in (self._hear, self._speak):
                self._do(work())
            code = await self._end
            if code in (TERMINATED, HUNG_UP):
                await self._leave()
        finally:
            for task in self._tasks:
                task.cancel()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._client.disconnect(), LEAVE)
        return code

    # ---- what comes in ----

    def line(self, text: bytes) -> None:
        """One line of the input: a message of the user's, or what is asked of the program."""
        with suppress(ValueError):
            said = json.loads(text)
            if isinstance(said, dict) and said.get("type") == "user":
                self._said.put_nowait(said)
                return
            if isinstance(said, dict) and said.get("type") == "control_request":
                self._do(self._control(said.get("request") or {}))
                return
        if text.strip():
            self._note("a line of the input was not understood")

    def no_more(self) -> None:
        """Nothing more will come: it ends once it has answered."""
        self._said.put_nowait(None)

    def pressed(self) -> None:
        """^C: the first ends the turn, one more the session; where there is no turn, the first."""
        now = time.monotonic()
        if not self._turn or now - self._pressed < TWICE:
            self.end(0)
            return
        self._pressed = now
        self._note("interrupted; ^C once more ends the session")
        self._do(self._client.interrupt())

    def end(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)

    async def _control(self, request: Record) -> None:
        match request.get("subtype"):
            case "interrupt" if self._turn:
                await self._client.interrupt()
            case "set_permission_mode":
                await self._client.set_permission_mode(request.get("mode"))
            case "set_model":
                await self._client.set_model(request.get("model"))
            case "interrupt":
                return
            case other:
                self._note(f"a request that is not known: {other}")

    # ---- turns ----

    async def _speak(self) -> None:
        while (message := await self._said.get()) is not None:
            self._over.clear()
            self._turn = True
            self._resets = None
            inner = message.get("message") or {}
            self._out({"type": "user", "message": inner, "isSynthetic": message.get("isSynthetic")})
            await self._client.query(_one({"type": "user", "message": inner, "parent_tool_use_id": None}))
            await self._over.wait()
        self.end(FAILED if self._once and self._failed else 0)

    async def _hear(self) -> None:
        async for message in self._client.receive_messages():
            told = record(message)
            self._out(told)
            if told.get("type") == "rate_limit_event":
                self._limited(told.get("rate_limit_info") or {})
            if told.get("type") == "result":
                self._ended(told)
        self.end(FAILED if self._once and self._failed else 0)

    def _ended(self, result: Record) -> None:
        self._failed = result.get("is_error") is True
        if result.get("subtype") == OVER_BUDGET:
            self.end(FAILED)
        self._turn = False
        self._over.set()
        if self._failed and self._resets and not self._once and self._said.empty():
            self._do(self._go_on(self._resets))

    def _limited(self, info: Record) -> None:
        at = info.get("resetsAt")
        self._resets = float(at) if info.get("status") == "rejected" and isinstance(at, int | float) else None

    async def _go_on(self, resets: float) -> None:
        """Once the limit is over, unless somebody has said something since."""
        await asyncio.sleep(max(resets - time.time(), 0) + AFTER_RESET)
        if self._resets == resets and not self._turn:
            content = [{"type": "text", "text": RESET}]
            self._said.put_nowait({"message": {"role": "user", "content": content}, "isSynthetic": True})

    async def _leave(self) -> None:
        """Break the turn off, so that what was said so far is kept."""
        if self._turn:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._client.interrupt(), 1)

    # ---- tasks ----

    def _do(self, work: Any) -> None:  # noqa: ANN401 - a coroutine
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        """What goes wrong in a task ends the session."""
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error and not self._end.done():
            self._end.set_exception(error)


async def _one(message: Record) -> AsyncIterator[Record]:
    yield message
