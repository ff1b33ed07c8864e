"""What goes in and out of a provider that is attended to: lines, the session's log, the terminal, the provider's stdin.

Standard library only: the attendant, which runs in a pane, uses it. Nothing but `Screen.close` waits for the other end.
"""

from __future__ import annotations

import json
import os
import select
import stat
import time
from contextlib import suppress

STUCK = 1.0
"""Seconds without progress after which a terminal is not waited for any more."""
CHUNK = 1 << 18
"""Bytes of one read or write."""
BACKLOG = 1 << 18
"""Bytes that may wait for the terminal, or for the provider's stdin, before their source is left alone."""
LONGEST_LINE = 64 << 20
"""Bytes. What goes on without an end is cut into lines of this length."""
DEFAULT_WIDTH = 100


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def now() -> str:
    moment = time.time_ns()
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment // 10**9))}.{moment // 1000 % 10**6:06d}+00:00"


class Lines:
    """Whole lines out of pieces."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._rest = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """The lines that this piece completes, with their ends."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._rest += piece
            return self.rest() if len(self._rest) >= self._longest else b""
        whole = bytes(self._rest) + piece[:end] if self._rest else piece[:end]
        self._rest = bytearray(piece[end:])
        return whole

    def rest(self) -> bytes:
        """What has had no end yet, as a line."""
        rest, self._rest = bytes(self._rest), bytearray()
        return rest + b"\n" if rest else b""


class Log:
    """The session's log: whole lines only, in files of at most `limit` bytes (a longer line has one to itself).

    A log that cannot be written costs its lines and nothing else: `trouble` says why, and a record tells how much is
    missing once it can be written again."""

    def __init__(self, path: str, *, limit: int, keep: int) -> None:
        self._path, self._limit, self._keep = raw(path), limit, keep
        self._fd = -1
        self._size = self._lines = self._bytes = 0
        self.trouble = ""

    def record(self, kind: str, **fields: object) -> None:
        self.write(json.dumps({"genie": kind, "at": now(), **fields}).encode("ascii") + b"\n")

    def write(self, lines: bytes) -> None:
        """Append them. Never raises."""
        try:
            if self._fd < 0:
                self._open()
            if self._lines:
                self._tell_gap()
            while lines:
                lines = lines[self._append(lines) :]
        except OSError as error:
            self._lines += lines.count(b"\n")
            self._bytes += len(lines)
            self.trouble = self.trouble or f"the log {os.fsdecode(self._path)} is not written: {error.strerror}"

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        os.fchmod(self._fd, 0o600)
        self._size = os.fstat(self._fd).st_size
        if self._size and os.pread(self._fd, 1, self._size - 1) != b"\n":
            self._all(b"\n")  # its last writer was killed

    def _tell_gap(self) -> None:
        gap = {"genie": "gap", "at": now(), "lines": self._lines, "bytes": self._bytes}
        self._all(json.dumps(gap).encode("ascii") + b"\n")
        self._lines = self._bytes = 0
        self.trouble = ""

    def _append(self, lines: bytes) -> int:
        """Write as many of them as fit into this file, at least one; how many bytes that was."""
        room = self._limit - self._size if self._limit else len(lines)
        if len(lines) <= room:
            self._all(lines)
            return len(lines)
        end = lines.rfind(b"\n", 0, max(room, 0)) + 1
        if not end and self._size:
            self._rotate()
            return 0
        end = end or lines.find(b"\n") + 1
        self._all(lines[:end])
        return end

    def _all(self, data: bytes) -> None:
        """All or nothing, so that no line is ever torn."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:] if done else data)
        except OSError:
            if done:
                os.ftruncate(self._fd, self._size)
            raise
        self._size += done

    def _rotate(self) -> None:
        """The oldest goes, the others move on, a new one begins. A directory that does not let them move ends it."""
        try:
            for place in range(self._keep, 0, -1):
                younger = b"%s.%d" % (self._path, place - 1) if place > 1 else self._path
                if os.path.lexists(younger):
                    os.rename(younger, b"%s.%d" % (self._path, place))  # noqa: PTH104
            if not self._keep:
                os.unlink(self._path)  # noqa: PTH108
        except OSError:
            self._limit = 0
            return
        os.close(self._fd)
        self._fd = -1
        self._open()


class Screen:
    """The terminal. It may be slow, stopped (^S) or gone: then what was to be shown is dropped."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.terminal = os.isatty(fd)
        self._blocking = os.get_blocking(fd)
        os.set_blocking(fd, False)
        self._waiting = bytearray()
        self._since = 0.0
        self.stuck = self.gone = False

    @property
    def full(self) -> bool:
        return len(self._waiting) > BACKLOG

    @property
    def wanted(self) -> bool:
        """Whether to be told when it can be written."""
        return not self.gone and (bool(self._waiting) or self.stuck)

    def width(self) -> int:
        try:
            return max(os.get_terminal_size(self.fd).columns, 20) if self.terminal else DEFAULT_WIDTH
        except OSError:
            return DEFAULT_WIDTH

    def show(self, data: bytes) -> None:
        if self.stuck or self.gone or not data:
            return
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting += data
        self.push()

    def push(self) -> None:
        """Write what it takes now."""
        if self.stuck:
            self.stuck = False
            self._waiting += b"\n" + "… output was skipped while the terminal was stopped\n".encode()
        try:
            while self._waiting:
                del self._waiting[: os.write(self.fd, self._waiting[:CHUNK])]
                self._since = time.monotonic()
        except BlockingIOError:
            return
        except OSError:
            self.gone = True
            self._waiting.clear()

    def patience(self) -> float | None:
        """Seconds until it counts as stopped; None when nothing waits."""
        return max(self._since + STUCK - time.monotonic(), 0) if self._waiting and not self.gone else None

    def give_up(self) -> None:
        """Drop what waits if it has waited for too long."""
        if self.patience() == 0:
            self.stuck = True
            self._waiting.clear()

    def close(self) -> None:
        while self.wanted and not self.stuck:
            select.select([], [self.fd], [], self.patience())
            self.push()
            self.give_up()
        if not self.gone:
            os.set_blocking(self.fd, self._blocking)


class Feed:
    """The provider's stdin: the lines of a file, then those that come through a FIFO, in order."""

    def __init__(self, stdin: int, *, form: str, fifo: str | None, first: str | None) -> None:
        self.stdin, self.fifo, self._form = stdin, -1, form
        self._path = raw(fifo) if fifo else b""
        self._waiting = bytearray()
        self._lines = Lines(LONGEST_LINE)
        self._closing = False
        self.said: list[str] = []
        os.set_blocking(stdin, False)
        if first:
            with open(raw(first), "rb") as file:  # noqa: PTH123 - pathlib costs more than all of this
                data = file.read()
            self._take(data if data.endswith(b"\n") or not data else data + b"\n")
        if self._path:
            self._open()

    def _open(self) -> None:
        """Both ways, so that it never ends when a writer leaves. Raises OSError."""
        try:
            os.mkfifo(self._path, 0o600)
        except FileExistsError:
            if not stat.S_ISFIFO(os.lstat(self._path).st_mode):
                raise
            os.chmod(self._path, 0o600)  # noqa: PTH101
        self.fifo = os.open(self._path, os.O_RDWR | os.O_NONBLOCK)

    @property
    def readers(self) -> list[int]:
        return [self.fifo] if self.fifo >= 0 and not self._closing and len(self._waiting) < BACKLOG else []

    @property
    def writers(self) -> list[int]:
        return [self.stdin] if self._waiting and self.stdin >= 0 else []

    def pull(self) -> None:
        """Take in what stands in the FIFO."""
        try:
            self._take(os.read(self.fifo, CHUNK))
        except BlockingIOError:
            return

    def _take(self, piece: bytes) -> None:
        for line in self._lines.feed(piece).split(b"\n")[:-1]:
            self._accept(line + b"\n")
        self.push()

    def _accept(self, line: bytes) -> None:
        if self._closing:
            return
        record = _json(line)
        if isinstance(record, dict) and record.get("genie") == "close":
            self._closing = True
        elif isinstance(record, dict) and record.get("genie") == "say":
            self._say(_said(record))
        elif self._form != "claude" or isinstance(record, dict):
            self._waiting += line
            self.said += _texts(record)
        elif line.strip():
            self._say(line.decode("utf-8", "replace").rstrip("\r\n"))

    def _say(self, text: str) -> None:
        """What a person says, the provider's way."""
        self.said.append(text)
        if self._form != "claude":
            self._waiting += raw(text) + b"\n"
            return
        message = {"role": "user", "content": [{"type": "text", "text": text}]}
        self._waiting += json.dumps({"type": "user", "message": message}).encode("ascii") + b"\n"

    def push(self) -> None:
        """Give the provider what it takes now; the end of it once all is given and no more is to come."""
        try:
            while self._waiting and self.stdin >= 0:
                del self._waiting[: os.write(self.stdin, self._waiting[:CHUNK])]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._closing = True
            self._waiting.clear()
        if self._closing:
            self.close()

    def close(self) -> None:
        """End the provider's stdin; remove the FIFO, so that a writer is told instead of kept waiting."""
        for fd in (self.stdin, self.fifo):
            if fd >= 0:
                os.close(fd)
        if self.fifo >= 0:
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108
        self.stdin = self.fifo = -1


def _said(record: dict[str, object]) -> str:
    """The message of a record; a long one lies in a file, which is gone then."""
    path = record.get("file")
    if not isinstance(path, str):
        return str(record.get("text", ""))
    try:
        with open(raw(path), "rb") as file:  # noqa: PTH123
            text = file.read().decode("utf-8", "surrogateescape")
        os.unlink(raw(path))  # noqa: PTH108
    except OSError:
        return ""
    return text


def _texts(record: object) -> list[str]:
    """What a message of a user's says; nothing where it is none."""
    message = record.get("message") if isinstance(record, dict) and record.get("type") == "user" else None
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [content]
    blocks = content if isinstance(content, list) else []
    return [str(one["text"]) for one in blocks if isinstance(one, dict) and one.get("type") == "text" and "text" in one]


def is_record(line: bytes) -> bool:
    """Whether a reader of the log would take that line for one of the attendant's own."""
    if b'"genie"' not in line and b"\\u00" not in line:
        return False
    found = _json(line)
    return line.startswith(b'{"genie"') or (isinstance(found, dict) and "genie" in found)


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
