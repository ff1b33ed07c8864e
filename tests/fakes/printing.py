"""Claude Code without a screen (`--print`), as 2.1 was seen to behave: a prompt from stdin, or with `--input-format
stream-json` messages line by line; stream-json out. Orders are those of console.py that end or delay it.

What it hears is noted in FAKE_AGENT_LOG. Standard library only.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from tests.fakes.console import Book, note, orders

MODEL = "claude-fake"
COST = 0.25
"""Price of a turn in USD."""


class Printer:
    """One session: the turns of one prompt, or of many messages."""

    def __init__(self, session: str, book: Book) -> None:
        self.session, self.book = session, book
        self.turns = 0

    def emit(self, **record: object) -> None:
        sys.stdout.write(json.dumps(record | {"session_id": self.session}) + "\n")
        sys.stdout.flush()

    def run(self, *, streaming: bool) -> NoReturn:
        signal.signal(signal.SIGTERM, lambda *_: self.leave(143))
        for text in messages() if streaming else [whole()]:
            self.turn(text)
        self.leave(0)

    def leave(self, code: int) -> NoReturn:
        self.book.close()
        os._exit(code)

    def turn(self, text: str) -> None:
        note(heard=text, session=self.session)
        self.turns += 1
        self.emit(type="system", subtype="init", cwd=os.path.realpath(os.curdir), model=MODEL)
        self.book.heard(text)
        answer = f"ok: {text}"
        given = orders(text)
        for order in given:
            if order.name == "slow":
                time.sleep(float(order.argument))
            elif order.name == "hang":
                signal.pause()
            elif order.name == "signal":
                os.kill(os.getpid(), order.number)
            elif order.name == "text":
                answer = order.argument
        self.answer(answer)
        for order in given:
            if order.name == "exit":
                self.leave(order.number)

    def answer(self, text: str) -> None:
        self.book.said(text)
        message = {"id": f"msg-{self.turns}", "type": "message", "role": "assistant", "model": MODEL}
        used = {"input_tokens": 10, "output_tokens": 5}
        content = [{"type": "text", "text": text}]
        self.emit(type="assistant", message={**message, "content": content, "usage": used})
        models = {MODEL: {"inputTokens": 10 * self.turns, "outputTokens": 5 * self.turns, "costUSD": COST * self.turns}}
        self.emit(
            type="result",
            subtype="success",
            is_error=False,
            result=text,
            num_turns=1,
            usage=used,
            modelUsage=models,
            total_cost_usd=COST * self.turns,
        )


def whole() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "surrogateescape")


def messages() -> Iterator[str]:
    """The texts of the messages on stdin, until it is closed."""
    for line in sys.stdin.buffer:
        content: Any = json.loads(line)["message"]["content"]
        yield content if isinstance(content, str) else "".join(part["text"] for part in content)


def printing(session: str, book: Callable[[], Book], *, streaming: bool) -> NoReturn:
    """Never returns: the process ends with the last answer, or by an order."""
    Printer(session, book()).run(streaming=streaming)
