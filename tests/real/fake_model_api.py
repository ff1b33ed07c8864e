"""A scripted model API on loopback, for driving the real agent programs without a network.

One server speaks both dialects on one port: Anthropic Messages (`POST /v1/messages`, for claude) and
OpenAI Responses (`POST /v1/responses`, for codex). It keeps no credentials and accepts any key.

What it answers is chosen by directives in the user's own prompt:

    [[text:Hello there]]      this text (also the default: "ok: <prompt>")
    [[bash:echo hi]]          a tool call that runs a shell command
    [[write:/tmp/a|content]]  a Write tool call (claude)        [[read:/tmp/a]]  a Read tool call (claude)
    [[tool:NAME {json}]]      any tool call
    [[both:NAME {json}|NAME {json}]]  several in one answer
    [[slow:5]]                the text streamed over 5 s        [[slow:5:some text]]
    [[think:2]]               2 s of thinking, then a text (claude)
    [[hang]] [[hang:30]]      nothing at all, for ever or 30 s  [[stall]] [[stall:30]]  a start, then silence
    [[drop]]                  a start, then a cut connection
    [[http:529]]              that HTTP status for ever; [[http:529*2]] for two attempts, then what follows
    [[http:429:retry-after=3]]
    [[limit]] [[limit:120]]   a usage limit that resets in an hour, or in 120 s
    [[warn:0.9]]              a normal answer whose headers say that 90 % of a window is used
    [[sseerror:overloaded_error]]  HTTP 200, then an error event
    [[badauth]] [[toolong]] [[refuse]] [[maxtokens]]

Several directives are the successive model turns of that prompt. The turn is counted in the
conversation itself, so a client that was killed and resumed goes on at the right place.

For a test in another process (JSON): GET /_fake/health, /_fake/requests[?n=50], /_fake/request?id=N;
POST /_fake/queue {"directives"} for the next main requests whatever their prompt, /_fake/default
{"directive"} for every one, /_fake/release to end every hang, /_fake/reset.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import select
import socket
import sys
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.real.fake_model_replies import MessageReply, Reply, ResponseReply, fresh, pause, say
from tests.real.fake_model_script import Asked, Body, Directive, kind_of, read_input, read_messages, split
from tests.real.fake_model_state import State

_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_MESSAGES = {
    401: "invalid x-api-key",
    429: "This request would exceed your account's rate limit. Please try again later.",
    500: "Internal server error",
    529: "Overloaded",
}


class Handler(BaseHTTPRequestHandler):
    """One connection of a client. It is the wire of its replies."""

    protocol_version = "HTTP/1.1"
    server_version = "fake-model-api/1"
    state: ClassVar[State]

    @property
    def chunk(self) -> int:
        return self.state.chunk

    @chunk.setter
    def chunk(self, value: int) -> None:
        self.state.chunk = value

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Say nothing."""

    # ---- the wire -----------------------------------------------------------------------

    def whole(self, status: int, value: Any, headers: Sequence[tuple[str, str]] = ()) -> None:  # noqa: ANN401 (JSON)
        data = json.dumps(value).encode()
        self.send_response(status)
        fixed = [("content-type", "application/json"), ("content-length", str(len(data)))]
        for key, text in [*fixed, *headers]:
            self.send_header(key, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def open_stream(self, headers: Sequence[tuple[str, str]] = ()) -> None:
        self.send_response(200)
        fixed = [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-cache"),
            ("transfer-encoding", "chunked"),
        ]
        for key, text in [*fixed, *headers]:
            self.send_header(key, text)
        self.end_headers()

    def event(self, name: str, data: Body) -> None:
        written = json.dumps({"type": name, **data}, ensure_ascii=False)
        raw = f"event: {name}\ndata: {written}\n\n".encode()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw))
        self.wfile.flush()

    def close_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def refuse(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        code: str | None = None,
    ) -> None:
        request = fresh("req")
        error: Body = {"message": message, "type": kind or _ERRORS.get(status, "api_error")}
        if urlsplit(self.path).path.endswith("/responses"):
            value: Body = {"error": {**error, "code": code}}
        else:
            value = {"type": "error", "request_id": request, "error": error}
        self.whole(status, value, [("request-id", request), *headers])

    def _body(self) -> Body:
        raw = self._raw()
        encoding = (self.headers.get("content-encoding") or "").lower()
        if encoding == "gzip":
            raw = gzip.decompress(raw)
        elif encoding == "deflate":
            raw = zlib.decompress(raw)
        try:
            value = json.loads(raw or b"{}")
        except ValueError:
            return {"_raw": raw[:2000].decode("latin-1")}
        return value if isinstance(value, dict) else {"_": value}

    def _raw(self) -> bytes:
        if "chunked" not in (self.headers.get("transfer-encoding") or "").lower():
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        raw = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            raw += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return raw

    # ---- requests -----------------------------------------------------------------------

    def do_HEAD(self) -> None:
        self._note("head")
        self.whole(200, {})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path.startswith("/_fake/"):
            self._look(url.path, {key: values[0] for key, values in parse_qs(url.query).items()})
            return
        self._note("get")
        if "/models" not in url.path:
            self.refuse(404, f"no {url.path}")
            return
        names = ["claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5", "fake-model"]
        data = [{"id": n, "type": "model", "object": "model", "display_name": n, "created": 0} for n in names]
        self.whole(200, {"object": "list", "data": data, "models": [], "has_more": False})

    def do_POST(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if path.startswith("/_fake/"):
            self._steer(path, body)
        elif path.endswith("/messages/count_tokens"):
            self._note("count_tokens", body)
            self.whole(200, {"input_tokens": max(1, len(json.dumps(body.get("messages") or [])) // 4)})
        elif path.endswith("/messages"):
            self._answer(body, MessageReply(self, body), read_messages(body))
        elif path.endswith("/responses"):
            self._answer(body, ResponseReply(self, body), read_input(body))
        else:
            self._note("post", body)
            self.refuse(404, f"no {path}")

    def _look(self, path: str, query: Mapping[str, str]) -> None:
        state = self.state
        if path == "/_fake/health":
            self.whole(200, {"ok": True, "requests": len(state.log), "open": state.open})
        elif path == "/_fake/requests":
            self.whole(200, state.entries()[-int(query.get("n", "100")) :])
        elif path == "/_fake/request":
            found = state.request(int(query.get("id", "0")))
            self.whole(200 if found else 404, found)
        else:
            self.whole(404, {})

    def _steer(self, path: str, body: Body) -> None:
        state = self.state
        if path == "/_fake/queue":
            with state.lock:
                state.queue.extend(split(str(body.get("directives", "")))[0])
        elif path == "/_fake/default":
            directives = split(str(body.get("directive", "")))[0]
            with state.lock:
                state.default = directives[0] if directives else None
        elif path == "/_fake/release":
            state.free()
        elif path == "/_fake/reset":
            state.reset()
        self.whole(200, {"ok": True})

    def _note(self, kind: str, body: Body | None = None, **more: object) -> Body:
        entry: Body = {"id": next(self.state.ids), "t": round(time.time(), 3), "kind": kind}
        entry |= {"method": self.command, "path": self.path, **more}
        self.state.note(entry, body or {}, {key.lower(): value for key, value in self.headers.items()})
        return entry

    def _session(self, body: Body) -> str:
        for header in ("x-claude-code-session-id", "session_id", "session-id", "conversation_id"):
            if named := self.headers.get(header):
                return named
        user = str((body.get("metadata") or {}).get("user_id") or "")
        found = re.search(r"session_(?:id\W+)?([0-9a-f-]{36})", user)
        return found.group(1) if found else str(body.get("prompt_cache_key") or "")

    # ---- answers ------------------------------------------------------------------------

    def _answer(self, body: Body, reply: Reply, asked: Asked) -> None:
        state, session = self.state, self._session(body)
        kind = kind_of(urlsplit(self.path).path, body)
        directive = state.choose(kind, session, asked)
        entry = self._note(
            kind,
            body,
            model=body.get("model"),
            session=session,
            prompt=asked.prompt[:300],
            turn=asked.turn,
            action=str(directive),
            done=False,
        )
        with state.lock:
            state.open += 1
        try:
            pause(state.delay)
            self._act(directive, reply, asked.result)
            entry["done"] = True
        except OSError as gone:
            entry["client_gone"] = type(gone).__name__
            self.close_connection = True
        finally:
            with state.lock:
                state.open -= 1

    def _act(self, directive: Directive, reply: Reply, result: str) -> None:
        if directive.name in ("hang", "stall"):
            self._wait(directive, reply)
        elif directive.name in _REFUSALS:
            _REFUSALS[directive.name](self, directive, reply)
        else:
            if directive.name == "warn":
                reply.warn(directive.seconds(0.9))
            reply.open()
            if directive.name == "drop":
                self._drop(reply)
            say(directive, reply, result)
            reply.close()

    def _drop(self, reply: Reply) -> None:
        reply.text("partial answer")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError("dropped on purpose")

    def _wait(self, directive: Directive, reply: Reply) -> None:
        """Silence, until its time is over, it is released, or the client gives up."""
        release, end = self.state.release, time.monotonic() + directive.seconds(1e9)
        if directive.name == "stall":
            reply.open()
            reply.text("partial answer ")
        while time.monotonic() < end and not release.wait(min(0.2, max(0.0, end - time.monotonic()))):
            if self._client_gone():
                raise ConnectionResetError("the client left while waiting")
        if directive.name == "hang":
            reply.open()
        reply.text("late answer")
        reply.close()

    def _client_gone(self) -> bool:
        if not select.select([self.connection], [], [], 0)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


def _http(handler: Handler, directive: Directive, _reply: Reply) -> None:
    status = int(directive.arg[:3])
    after = re.search(r"retry-after=(\d+)", directive.arg)
    headers = [("retry-after", after.group(1))] if after else []
    handler.refuse(status, _MESSAGES.get(status, f"fake error {status}"), headers=headers)


def _limit(_handler: Handler, directive: Directive, reply: Reply) -> None:
    reply.usage_limit(int(time.time() + directive.seconds(3600)))


def _bad_key(handler: Handler, _directive: Directive, _reply: Reply) -> None:
    handler.refuse(401, _MESSAGES[401])


def _too_long(handler: Handler, _directive: Directive, _reply: Reply) -> None:
    handler.refuse(400, "prompt is too long: 250000 tokens > 200000 maximum", code="context_length_exceeded")


def _broken_stream(_handler: Handler, directive: Directive, reply: Reply) -> None:
    reply.open()
    reply.stream_error(directive.arg or "overloaded_error")


_REFUSALS: dict[str, Callable[[Handler, Directive, Reply], None]] = {
    "http": _http,
    "limit": _limit,
    "badauth": _bad_key,
    "toolong": _too_long,
    "sseerror": _broken_stream,
}


class Server(ThreadingHTTPServer):
    """Ends with its process, and says nothing of clients that left."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as the base class passes it


class Api:
    """A running server. `url` is its address without a path; `state` what it was asked."""

    def __init__(self, *, port: int = 0, delay: float = 0.0, chunk: int = 12) -> None:
        self.state = State(delay=delay, chunk=chunk)
        handler = type("BoundHandler", (Handler,), {"state": self.state})
        self._server = Server(("127.0.0.1", port), handler)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.state.free()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def main() -> None:
    """Serve until interrupted; the address is printed first."""
    parser = argparse.ArgumentParser(description="A scripted model API on loopback.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before every answer")
    parser.add_argument("--chunk", type=int, default=12, help="characters in each piece of a streamed text")
    options = parser.parse_args()
    api = Api(port=options.port, delay=options.delay, chunk=options.chunk)
    sys.stdout.write(f"listening {api.url}\n")
    sys.stdout.flush()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        api.close()


if __name__ == "__main__":
    main()
