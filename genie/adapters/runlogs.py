"""The logs of runs, as the logger writes them: FILE, and its predecessors FILE.1, FILE.2 … from newer to older.

They are read while they are written and rotated. So files are opened from the newest to the oldest: one that moves on
meanwhile is met a second time and known by its inode, and none is passed over.
"""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate, count
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from genie.domain.errors import BadInput, Failed
from genie.paths import Home
from genie.ports import LogPiece

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OURS = re.compile(rf"({_UUID})\.log(?:\.[1-9][0-9]*)?")
_MARK = re.compile(r"([0-9]{1,20})-([0-9]{1,20})-([0-9a-f]{8})", re.ASCII)
_BLOCK = 65536
_PROOF = 64
_NOWHERE = "0-0-00000000"


@dataclass(frozen=True, slots=True)
class _Part:
    """One file of a log. `begin` is where it begins in the whole, `size` what it held when it was opened."""

    file: BinaryIO
    inode: int
    begin: int
    size: int

    def read(self, begin: int, size: int) -> bytes:
        """Bytes by their place in the whole, as many as this file has of them."""
        at = max(begin - self.begin, 0)
        return os.pread(self.file.fileno(), max(min(begin + size - self.begin, self.size) - at, 0), at)

    def mark(self, at: int) -> str:
        """A place in this file, known again when it was rotated. The bytes before it prove that it is this file: the
        inode of a removed one is soon another's."""
        offset = at - self.begin
        before = self.read(max(at - _PROOF, self.begin), min(offset, _PROOF))
        return f"{self.inode}-{offset}-{zlib.crc32(before):08x}"


class FileRunLogs:
    """Implements `genie.ports.RunLogs`. A sweep removes logs that nobody has written to for longer than `age`, and the
    oldest ones beyond `total` bytes of all. A piece has at most `piece` bytes."""

    def __init__(self, home: Home, *, age: timedelta, total: int, piece: int = 2**20) -> None:
        self._directory = home.run_logs
        self._age = age.total_seconds()
        self._total = total
        self._piece = max(piece, 8)

    def path(self, run: UUID) -> str:
        return str(self._directory / f"{run}.log")

    def begin(self, run: UUID) -> str:
        path = self.path(run)
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise Failed(f"cannot write {path}: {error.strerror}", hint="genie doctor") from error
        return path

    def has(self, run: UUID) -> bool:
        return any(os.path.lexists(name) for name in (self.path(run), f"{self.path(run)}.1"))

    def tail(self, run: UUID, *, lines: int | None) -> LogPiece:
        with _opened(self.path(run)) as parts:
            return self._from(0 if lines is None else _start_of(parts, lines), parts)

    def after(self, run: UUID, mark: str) -> LogPiece:
        said = _MARK.fullmatch(mark)
        if said is None:
            raise BadInput(f"{mark!r} is no mark in a log", hint="give back the mark of an earlier answer")
        inode, offset = int(said[1]), int(said[2])
        with _opened(self.path(run)) as parts:
            there = [part for part in parts if part.inode == inode and offset <= part.size]
            known = [part.begin + offset for part in there if part.mark(part.begin + offset) == mark]
            return self._from(known[0] if known else 0, parts)

    def sweep(self, *, keep: frozenset[UUID]) -> None:
        logs = self._logs()
        held = sum(log.size for log in logs.values())
        now = time.time()
        for log in sorted(logs.values(), key=lambda log: log.written):
            if log.run not in keep and (now - log.written > self._age or held > self._total):
                held -= log.size
                log.remove()

    # ---- how it is done ----

    def _from(self, begin: int, parts: list[_Part]) -> LogPiece:
        content = b"".join(part.read(begin, self._piece) for part in parts)
        end = sum(part.size for part in parts)
        more = begin + len(content) < end
        content = _whole(content)
        return LogPiece(content=content, mark=_mark(begin + len(content), parts), more=more)

    def _logs(self) -> dict[UUID, _Log]:
        logs: dict[UUID, _Log] = {}
        with suppress(FileNotFoundError), os.scandir(self._directory) as entries:
            for entry in entries:
                ours = _OURS.fullmatch(entry.name)
                if ours is None or not entry.is_file(follow_symlinks=False):
                    continue
                with suppress(FileNotFoundError):
                    seen = entry.stat(follow_symlinks=False)
                    run = UUID(ours[1])
                    logs[run] = logs.get(run, _Log(run)).joined(Path(entry.path), seen)
        return logs


@dataclass(frozen=True, slots=True)
class _Log:
    """All files of one run. `written` is when the newest was written to last, in seconds since the epoch."""

    run: UUID
    files: tuple[Path, ...] = ()
    size: int = 0
    written: float = 0.0

    def joined(self, file: Path, seen: os.stat_result) -> _Log:
        return _Log(self.run, (*self.files, file), self.size + seen.st_size, max(self.written, seen.st_mtime))

    def remove(self) -> None:
        for file in self.files:
            with suppress(OSError):
                file.unlink()


@contextmanager
def _opened(path: str) -> Iterator[list[_Part]]:
    """The files of a log, the oldest first, with what each holds now. Raises Failed."""
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(file) for file in _files(path)]
            stats = [os.fstat(file.fileno()) for file in files]
        except OSError as error:
            raise Failed(f"cannot read {path}: {error.strerror}", hint="genie doctor") from error
        found = {seen.st_ino: (file, seen.st_size) for file, seen in zip(files, stats, strict=True)}
        oldest_first = list(reversed(found.items()))
        begins = accumulate((size for _, (_, size) in oldest_first), initial=0)
        yield [
            _Part(file, inode, begin, size) for (inode, (file, size)), begin in zip(oldest_first, begins, strict=False)
        ]


def _files(path: str) -> Iterator[BinaryIO]:
    """Each file that is there, the newest first. A rotation leaves one gap at a time."""
    missed = 0
    for number in count():
        try:
            descriptor = os.open(f"{path}.{number}" if number else path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            missed += 1
            if missed > 1:
                return
            continue
        missed = 0
        yield os.fdopen(descriptor, "rb", buffering=0)


def _start_of(parts: list[_Part], lines: int) -> int:
    """Where the last `lines` lines begin. What stands after the last line break is a line, too."""
    at = end = sum(part.size for part in parts)
    wanted = lines
    while at > 0:
        begin = max(at - _BLOCK, 0)
        block = b"".join(part.read(begin, at - begin) for part in parts)
        if at == end and block.endswith(b"\n"):
            wanted += 1
        here = block.count(b"\n")
        if here >= wanted:
            return begin + _nth_last(block, wanted) + 1
        wanted, at = wanted - here, begin
    return 0


def _nth_last(block: bytes, number: int) -> int:
    """The place of the so-many-th line break from the end."""
    at = len(block)
    for _ in range(number):
        at = block.rfind(b"\n", 0, at)
    return at


def _whole(content: bytes) -> bytes:
    """Without the first bytes of a character of UTF-8 whose rest has not come."""
    for back in range(1, min(4, len(content) + 1)):
        byte = content[-back]
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return content[:-back] if back < length and byte < 0xF8 else content
        if byte < 0x80:
            return content
    return content


def _mark(at: int, parts: list[_Part]) -> str:
    """That place. Between two files it is the end of the older one: when that is gone, the next is the oldest."""
    part = next((part for part in parts if part.begin <= at <= part.begin + part.size), None)
    return part.mark(at) if part else _NOWHERE
