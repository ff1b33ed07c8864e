"""What the fake agents have in common: a prompt box in a terminal, and orders to crash, exit or be busy.

Orders stand in a prompt, in a typed line or in the variable FAKE_AGENT, which is obeyed at every start:

    [[exit:3]] [[exit:3:after=1.5]]       exit with that code, now or after some seconds
    [[signal:9]] [[signal:9:after=1.5]]   be killed by that signal
    [[child:setsid]]                      start a process that outlives the agent and its terminal: `nohup`,
                                          `setsid` or `double` (forked twice); or one that does not: `plain`
    [[text:Hello]]                        answer this instead of "ok: <prompt>"
    [[slow:2]] [[hang]]                   answer after two seconds, or never
    [[ask]]                               show a permission dialog; Enter approves it
    [[sh:COMMAND]]                        run that, and go on when it has ended

Each start appends one JSON line (pid, argv, env, cwd, at) to the file that FAKE_AGENT_LOG names, each
child a line with its pid. Standard library only.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

CHILD_SECONDS = 600
PASTE_ON, PASTE_OFF = "\x1b[200~", "\x1b[201~"
_ORDER = re.compile(r"\[\[(exit|signal|child|limit|text|slow|hang|ask|sh)(?::(.*?))?\]\]", re.DOTALL)


class Book(Protocol):
    """How an agent keeps its conversation."""

    def heard(self, text: str) -> None:
        """A message of the user."""
        ...

    def said(self, text: str) -> None:
        """An answer."""
        ...

    def status(self, word: str) -> None:
        """`idle`, `busy` or `waiting`."""
        ...

    def close(self) -> None:
        """An orderly end."""
        ...


@dataclass(frozen=True, slots=True)
class Order:
    name: str
    argument: str

    @property
    def after(self) -> float:
        """Seconds until it is to be done."""
        found = re.search(r"after=([0-9.]+)", self.argument)
        return float(found.group(1)) if found else 0.0

    @property
    def number(self) -> int:
        return int(self.argument.split(":")[0] or 0)


def orders(text: str) -> list[Order]:
    return [Order(found.group(1), found.group(2) or "") for found in _ORDER.finditer(text)]


def note(**record: object) -> None:
    """Add a line to the log, whole, also when many agents write."""
    path = os.environ.get("FAKE_AGENT_LOG")
    if not path:
        return
    line = json.dumps(record) + "\n"
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def note_start() -> None:
    note(pid=os.getpid(), argv=sys.argv[1:], env=dict(os.environ), cwd=str(os.getcwd()), at=time.time())  # noqa: PTH109 (as the kernel says it)


def show(text: str) -> None:
    sys.stdout.write(text.replace("\n", "\r\n"))
    sys.stdout.flush()


class Console:
    """One conversation at a terminal (or over a pipe, until it is closed)."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.box = ""
        self.pasting = False
        self.asking = False
        self.busy_until = 0.0
        self.queue: list[str] = []
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.saved: list[Any] | None = None

    def run(self, prompt: str | None) -> NoReturn:
        """Never returns: the process ends by /exit, the end of its input, an order or a signal."""
        signal.signal(signal.SIGTERM, lambda *_: self.leave(143))
        signal.signal(signal.SIGHUP, lambda *_: self.leave(129))
        signal.signal(signal.SIGINT, lambda *_: self.leave(0))
        if sys.stdin.isatty():
            self.saved = termios.tcgetattr(0)
            tty.setraw(0, termios.TCSANOW)
            show("\x1b[?2004h")
        self.book.status("idle")
        for order in orders(os.environ.get("FAKE_AGENT", "")):
            self.obey(order)
        if prompt is not None:
            self.hear(prompt)
        self.draw()
        while True:
            self.turn()

    def leave(self, code: int) -> NoReturn:
        self.book.close()
        if self.saved is not None:
            show("\x1b[?2004l")
            termios.tcsetattr(0, termios.TCSANOW, self.saved)
        sys.stdout.flush()
        os._exit(code)

    # ---- time ---------------------------------------------------------------------------

    def turn(self) -> None:
        """Wait for input or for what is due, and do it."""
        now = time.monotonic()
        wait = max(0.0, min(when for when, _ in self.due) - now) if self.due else None
        if select.select([0], [], [], wait)[0]:
            data = os.read(0, 65536)
            if not data:
                self.leave(0)
            self.keys(self.decoder.decode(data))
        now = time.monotonic()
        ready = [action for when, action in self.due if when <= now]
        self.due = [(when, action) for when, action in self.due if when > now]
        for action in ready:
            action()

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        if seconds > 0:
            self.due.append((time.monotonic() + seconds, action))
        else:
            action()

    # ---- the prompt box -----------------------------------------------------------------

    def keys(self, text: str) -> None:
        for piece in re.split(f"({re.escape(PASTE_ON)}|{re.escape(PASTE_OFF)})", text):
            if piece in (PASTE_ON, PASTE_OFF):
                self.pasting = piece == PASTE_ON
            elif self.pasting:
                self.type(piece.replace("\r", "\n"))
            else:
                for key in piece:
                    self.key(key)

    def key(self, key: str) -> None:
        if key == "\r" or (key == "\n" and self.saved is None):
            self.enter()
        elif key == "\x7f":
            self.box = self.box[:-1]
            show("\b \b")
        elif key in "\x03\x04" and not self.box:
            self.leave(0)
        elif key == "\x1b":
            self.box = ""
        else:
            self.type(key)

    def type(self, text: str) -> None:
        self.box += text
        show(text)

    def enter(self) -> None:
        text, self.box = self.box, ""
        show("\n")
        if self.asking:
            # As in the real dialog: what was typed is lost, and Enter approves.
            self.asking = False
            self.answer("approved")
        elif text.strip() in ("/exit", "/quit"):
            self.leave(0)
        elif text:
            self.hear(text)
        self.draw()

    def draw(self) -> None:
        show(f"\n{'─' * 40}\n❯ {self.box}")

    # ---- turns --------------------------------------------------------------------------

    def hear(self, text: str) -> None:
        """Take a message; while busy it waits for its turn."""
        if self.busy_until > time.monotonic():
            self.queue.append(text)
            return
        show(f"> {text}\n")
        self.book.status("busy")
        self.book.heard(text)
        given = orders(text)
        for order in given:
            self.obey(order)
        if any(order.name == "ask" for order in given):
            self.asking = True
            self.book.status("waiting")
            show("Do you want to proceed?\n❯ 1. Yes\n  2. No\n")
            return
        answer = next((order.argument for order in given if order.name == "text"), f"ok: {text}")
        seconds = self.slowness(given)
        self.busy_until = time.monotonic() + seconds
        self.later(seconds, lambda: self.answer(answer))

    def slowness(self, given: list[Order]) -> float:
        if any(order.name == "hang" for order in given):
            return 1e9
        return sum(float(order.argument) for order in given if order.name == "slow")

    def answer(self, text: str) -> None:
        self.busy_until = 0.0
        self.book.said(text)
        show(f"● {text}\n")
        if self.queue:
            self.hear(self.queue.pop(0))
        else:
            self.book.status("idle")
            self.draw()

    def obey(self, order: Order) -> None:
        if order.name == "exit":
            self.later(order.after, lambda: self.leave(order.number))
        elif order.name == "signal":
            self.later(order.after, lambda: self.suicide(order.number))
        elif order.name == "child":
            start_child(order.argument)
        elif order.name == "sh":
            subprocess.run(["sh", "-c", order.argument], stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def suicide(self, number: int) -> None:
        """Die of a signal, without any order."""
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


def start_child(kind: str) -> None:
    """A process that ends by itself after ten minutes, if nothing else ends it."""
    sleeper = f"import os, signal, time; {{}}; time.sleep({CHILD_SECONDS})"
    before = {
        "plain": "pass",
        "nohup": "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
        "setsid": "pass",
        "double": "os.fork() and os._exit(0)",
    }[kind or "plain"]
    null = subprocess.DEVNULL
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", sleeper.format(before)],
        stdin=null,
        stdout=null,
        stderr=null,
        start_new_session=kind in ("setsid", "double"),
    )
    if kind == "double":
        child.wait()
    note(child=child.pid, kind=kind or "plain", parent=os.getpid())
