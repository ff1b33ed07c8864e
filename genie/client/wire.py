"""HTTP/1.1 over a Unix socket, as much of it as genie needs: one request a connection.

Made by hand because importing http.client takes longer than everything else here together.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from io import BufferedReader
from typing import Any, Self

from genie.domain.errors import Refused, Unreachable

_LOCAL_PEERCRED = 0x001  # macOS: getsockopt(SOL_LOCAL = 0) gives a struct xucred


class NobodyThere(Exception):
    """Nothing listens on the socket."""


class HungUp(Exception):
    """The other side closed the connection before it had answered."""


class Reply:
    """The answer to one request; its body is read once, whole or line by line."""

    def __init__(self, connection: socket.socket, file: BufferedReader) -> None:
        self._connection = connection
        self._file = file
        self.status = _status(file.readline())
        self._headers = _headers(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._connection.close()

    def _pieces(self) -> Iterator[bytes]:
        if self._headers.get("transfer-encoding", "").lower() == "chunked":
            yield from _chunks(self._file)
        elif "content-length" in self._headers:
            yield _exactly(self._file, int(self._headers["content-length"]))
        else:
            while piece := self._file.read1(65536):
                yield piece

    def json(self) -> Any:  # noqa: ANN401 — JSON is anything
        body = b"".join(self._pieces())
        return json.loads(body) if body else None

    def lines(self) -> Iterator[Any]:
        """One JSON value a line, as they come."""
        rest = b""
        for piece in self._pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                if line.strip():
                    yield json.loads(line)


def send(path: os.PathLike[str], method: str, target: str, body: object, *, timeout: float | None) -> Reply:
    """Send one request and read the head of its answer. `timeout` is in seconds for each wait.

    Raises NobodyThere, HungUp, TimeoutError, Refused for a daemon of another user, Unreachable."""
    connection = _connect(path, timeout)
    try:
        _refuse_strangers(connection, path)
        connection.sendall(_request(method, target, body))
        return Reply(connection, connection.makefile("rb"))
    except (BrokenPipeError, ConnectionError) as error:
        connection.close()
        raise HungUp(str(error)) from error
    except BaseException:
        connection.close()
        raise


def _connect(path: os.PathLike[str], timeout: float | None) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout)
    try:
        connection.connect(os.fspath(path))
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        connection.close()
        raise NobodyThere(str(error)) from error
    except TimeoutError:
        connection.close()
        raise
    except OSError as error:
        connection.close()
        raise Unreachable(
            f"cannot open the daemon's socket {path}: {error.strerror or error}",
            hint="check who owns it, and GENIE_HOME",
            socket=str(path),
        ) from error
    return connection


def _refuse_strangers(connection: socket.socket, path: os.PathLike[str]) -> None:
    """Our environment goes over this socket: only a daemon of our own may read it."""
    if sys.platform == "darwin":
        uid = struct.unpack("2I", connection.getsockopt(0, _LOCAL_PEERCRED, 8))[1]
    else:
        uid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1]
    if uid != os.geteuid():
        raise Refused(
            f"the daemon at {path} belongs to user {uid}, you are {os.geteuid()}",
            hint="use a GENIE_HOME of your own",
            uid=uid,
        )


def _request(method: str, target: str, body: object) -> bytes:
    content = b"" if body is None else json.dumps(body).encode("ascii")
    head = f"{method} {target} HTTP/1.1\r\nHost: genie\r\nConnection: close\r\nContent-Length: {len(content)}\r\n"
    if body is not None:
        head += "Content-Type: application/json\r\n"
    return head.encode("ascii") + b"\r\n" + content


def _status(line: bytes) -> int:
    words = line.split(None, 2)
    if not words:
        raise ConnectionResetError("closed before an answer")
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise Unreachable(f"what listens on the daemon's socket does not speak HTTP: {line[:60]!r}")
    return int(words[1])


def _headers(file: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := file.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers


def _exactly(file: BufferedReader, size: int) -> bytes:
    content = file.read(size)
    if len(content) < size:
        raise ConnectionResetError(f"closed after {len(content)} of {size} bytes")
    return content


def _chunks(file: BufferedReader) -> Iterator[bytes]:
    while True:
        head = file.readline().split(b";")[0].strip()
        if not head:
            raise ConnectionResetError("closed within a chunked answer")
        size = int(head, 16)
        if size == 0:
            return
        yield _exactly(file, size)
        file.readline()
