"""What the fake model remembers: requests it has had, and answers that a test has laid ready."""

from __future__ import annotations

import hashlib
import itertools
import re
import threading
from collections import deque
from collections.abc import Mapping

from tests.real.fake_model_script import Asked, Body, Directive, split

KEPT = 200
"""How many requests are kept whole."""


class State:
    """All that outlives a request."""

    def __init__(self, *, delay: float = 0.0, chunk: int = 12) -> None:
        self.lock = threading.Lock()
        self.ids = itertools.count(1)
        self.log: deque[Body] = deque(maxlen=2000)
        self.bodies: dict[int, Body] = {}
        self.queue: deque[Directive] = deque()
        self.default: Directive | None = None
        self.attempts: dict[tuple[object, ...], int] = {}
        self.release = threading.Event()
        self.open = 0
        self.delay = delay
        self.chunk = chunk

    def note(self, entry: Body, body: Body, headers: Mapping[str, str]) -> None:
        with self.lock:
            self.log.append(entry)
            self.bodies[entry["id"]] = {"headers": dict(headers), "body": body}
            self.bodies.pop(entry["id"] - KEPT, None)

    def entries(self, *, kind: str | None = None) -> list[Body]:
        """What was asked so far, oldest first."""
        with self.lock:
            return [dict(entry) for entry in self.log if kind in (None, entry["kind"])]

    def request(self, number: int) -> Body:
        """One request with its headers and its body."""
        with self.lock:
            return self.bodies.get(number, {})

    def free(self) -> None:
        """End every hang of now."""
        with self.lock:
            old, self.release = self.release, threading.Event()
        old.set()

    def reset(self) -> None:
        with self.lock:
            for thing in (self.queue, self.log, self.bodies, self.attempts):
                thing.clear()
            self.default = None
        self.free()

    def choose(self, kind: str, session: str, asked: Asked) -> Directive:
        """The answer to a request."""
        if kind == "title":
            return Directive("text", '{"title": "Fake title"}')
        if kind != "main":
            return Directive("text", "ok")
        with self.lock:
            if self.queue:
                return self.queue.popleft()
            return self.default or self._scripted(session, asked)

    def _scripted(self, session: str, asked: Asked) -> Directive:
        directives, plain = split(asked.prompt)
        turns: list[Directive] = []
        before: dict[int, int] = {}
        for directive in directives:
            times = re.search(r"\*(\d+)", directive.arg) if directive.name == "http" else None
            if times is None:
                turns.append(directive)
            elif len(turns) == asked.turn:
                # It stands before a turn, answers that turn's first attempts, and is no turn itself.
                digest = hashlib.sha256(asked.prompt.encode()).hexdigest()
                key = (session, digest, asked.turn, before.setdefault(asked.turn, 0))
                before[asked.turn] += 1
                if self.attempts.get(key, 0) < int(times.group(1)):
                    self.attempts[key] = self.attempts.get(key, 0) + 1
                    return directive
        if asked.turn < len(turns):
            return turns[asked.turn]
        return Directive("text", "done" if directives else f"ok: {plain.strip()[:200]}")
