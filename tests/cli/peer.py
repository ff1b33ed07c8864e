"""The other end of the client's socket: a small HTTP server that answers what a test has written down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    body: Any


@dataclass(frozen=True)
class Lines:
    """An answer that is a chunked stream of JSON lines; `cut` ends it within a line."""

    values: list[Any]
    cut: bool = False


class Silence:
    """An answer that is a closed connection."""


Answer = Any
Answers = dict[str, "Answer | Callable[[Asked], Answer]"]


@dataclass
class Peer:
    """`answers` by "METHOD /path": a JSON value, a pair (status, value), Lines, Silence, or a function
    of the request that gives one of them."""

    socket: Path
    answers: Answers = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def last(self, key: str) -> Asked:
        return [asked for asked in self.asked if f"{asked.method} {asked.path}" == key][-1]


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = True
    peer: Peer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        query = parse_qs(parts.query, errors="surrogateescape")
        asked = Asked(self.command, parts.path, query, body)
        self.server.peer.asked.append(asked)
        answer = self.server.peer.answers.get(f"{asked.method} {asked.path}", (404, error("not_found", "no route")))
        if callable(answer):
            answer = answer(asked)
        self._answer(answer)

    do_GET = do_POST = _serve  # noqa: N815 — the names that http.server calls

    def _answer(self, answer: Answer) -> None:
        self.close_connection = True
        if isinstance(answer, Silence):
            return
        if isinstance(answer, Lines):
            self._stream(answer)
            return
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, lines: Lines) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        content = b"".join(json.dumps(value).encode() + b"\n" for value in lines.values)
        for at in range(0, len(content), 7):  # chunks that end within lines
            piece = content[at : at + 7]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if not lines.cut:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        """Say nothing on stderr."""


@contextmanager
def serving(socket: Path) -> Iterator[Peer]:
    """A peer that listens there."""
    socket.parent.mkdir(parents=True, exist_ok=True)
    server = _Server(str(socket), _Handler)
    server.peer = Peer(socket)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.peer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        socket.unlink()


def error(code: str, message: str, hint: str = "", **details: object) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "hint": hint, **details}}


def row(name: str, **changes: object) -> dict[str, Any]:
    """An agent as the daemon lists it."""
    known: dict[str, Any] = {
        "name": name,
        "team": "web",
        "team_tier": 2,
        "team_explicit": False,
        "role": "engineer",
        "state": "running",
        "activity": "working",
        "activity_since": "2026-01-01T00:00:00+00:00",
        "provider": "claude",
        "model": "opus",
        "resume_attempts": 1,
        "max_resume_attempts": 3,
        "auto_resume": True,
        "restart": "on-failure",
        "next_resume_at": None,
        "reason": None,
        "exit_code": None,
        "signal": None,
        "tags": [],
        "session_id": "1f0c2a34-0000-4000-8000-000000000000",
        "run_id": "9a0c2a34-0000-4000-8000-000000000000",
        "pane": "%12",
        "pid": 4711,
        "tmux_session": "web",
        "window": "web",
        "host": "here",
        "cwd": "/src",
        "parent": None,
        "termination": "cascade",
        "depth": 0,
        "description": "",
        "color": "blue",
        "expires_at": None,
        "created_at": "2026-01-01T00:00:00+00:00",
        "started_at": "2026-01-01T00:00:00+00:00",
        "ended_at": None,
        "last_seen_at": "2026-01-01T00:00:00+00:00",
    }
    return known | changes
