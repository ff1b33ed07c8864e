"""Claude Code without a screen (`--print`), as 2.1 was seen to behave: a prompt from stdin, or with `--input-format
stream-json` messages line by line; stream-json out. Orders are those of console.py that end or delay it.

    [[sh:genie ls]]                       run that, as its tool would; what it prints is the answer
    [[limit:2]]                           end at a usage limit that is over in 2 s

What it hears is noted in FAKE_AGENT_LOG. FAKE_AGENT_SCRIPT names a file that has orders for prompts without any: a JSON
array of pairs, a pattern that is searched in the line `model MODEL` and the prompt below it, and the orders; the first
that matches counts. Standard library only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
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
        self.take_in(text)
        answer = f"ok: {text}"
        given = orders(text) or orders(scripted(text))
        for order in given:
            if order.name == "sh":
                answer = self.bash(order.argument)
            elif order.name == "slow":
                time.sleep(float(order.argument))
            elif order.name == "hang":
                signal.pause()
            elif order.name == "signal":
                os.kill(os.getpid(), order.number)
            elif order.name == "text":
                answer = order.argument
            elif order.name == "limit":
                self.limited(float(order.argument))
        self.answer(answer)
        for order in given:
            if order.name == "exit":
                self.leave(order.number)

    def take_in(self, text: str) -> None:
        if "--replay-user-messages" in sys.argv:
            self.emit(type="user", message={"role": "user", "content": text}, isReplay=True)
        self.book.heard(text)

    def limited(self, seconds: float) -> NoReturn:
        """End at a usage limit that is over in so long."""
        info = {"status": "rejected", "resetsAt": int(time.time() + seconds), "rateLimitType": "five_hour"}
        self.emit(type="rate_limit_event", rate_limit_info=info)
        self.emit(type="result", subtype="success", is_error=True, result="You've hit your limit", num_turns=1)
        self.leave(1)

    def bash(self, command: str) -> str:
        """Use a tool; what it has printed."""
        call = {"type": "tool_use", "id": f"tool-{self.turns}", "name": "Bash", "input": {"command": command}}
        self.emit(type="assistant", message={"role": "assistant", "model": MODEL, "content": [call]})
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        said = (done.stdout + done.stderr).strip()
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": said, "is_error": done.returncode != 0}
        self.emit(type="user", message={"role": "user", "content": [result]})
        return said

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


def scripted(prompt: str) -> str:
    """The orders that the script has for a prompt."""
    path = os.environ.get("FAKE_AGENT_SCRIPT")
    model = sys.argv[sys.argv.index("--model") + 1] if "--model" in sys.argv else ""
    pairs = json.loads(Path(path).read_text(encoding="utf-8")) if path else []
    return next((str(said) for pattern, said in pairs if re.search(pattern, f"model {model}\n{prompt}")), "")


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
