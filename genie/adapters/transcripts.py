"""Reading files that grow: complete lines only, each once, from a place that the caller keeps.

A file may be missing, truncated, replaced or rotated to `path.1`, and written to while it is read. A file and
those that it was rotated to are one text: a line may begin in one and end in the next. Nothing is held open
between two reads, and no read holds more than a piece of a file.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b

from genie.domain.conversation import whole, words
from genie.domain.errors import Failed

CHUNK = 2**20
MOST = 2000
"""Lines of a batch."""
LONGEST = 2**24
"""Bytes of a line; what a longer one has beyond them is passed over."""
SEAL = 1024
"""Bytes before a place that are remembered by their hash: other ones there mean that the file is another."""
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO of that name must not block


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in a file: which file it is, the offset in bytes, and the hash of the `sealed` bytes before it.
    `skipping` stands in a line that was too long, whose begin is told already."""

    device: int = 0
    inode: int = 0
    offset: int = 0
    sealed: int = 0
    seal: str = ""
    skipping: bool = False

    def to_json(self) -> dict[str, object]:
        """Device and inode are texts: they may take more bits than a number of JSON has."""
        return {
            "device": str(self.device),
            "inode": str(self.inode),
            "offset": self.offset,
            "sealed": self.sealed,
            "seal": self.seal,
            "skipping": self.skipping,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Position:
        """What `to_json` gave; anything else is the start."""
        device, inode = words(stored.get("device")) or "", words(stored.get("inode")) or ""
        offset, sealed = whole(stored.get("offset")), whole(stored.get("sealed"))
        if not (device.isdecimal() and inode.isdecimal() and 0 <= sealed <= offset):
            return START
        seal, skipping = words(stored.get("seal")) or "", stored.get("skipping") is True
        return cls(device=int(device), inode=int(inode), offset=offset, sealed=sealed, seal=seal, skipping=skipping)


START = Position()
"""Before the first line, of the oldest file that there is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines without their line breaks, and the place after them. `cut` are the numbers of lines that were too long,
    of which only the begin is there. `restarted`: the file was truncated or replaced, and these are from the begin
    of the new one. `missing`: there is no such file now. `more`: read again at once."""

    lines: tuple[bytes, ...]
    position: Position
    cut: frozenset[int] = frozenset()
    restarted: bool = False
    missing: bool = False
    more: bool = False


def read(path: str, position: Mapping[str, object], *, final: bool = False, most: int = MOST) -> Batch:
    """The next lines of a file after a place that was stored. Raises Failed for a path that cannot be read."""
    return Tail(path).read(Position.from_json(position), final=final, most=most)


class Tail:
    """One growing file. A batch has at most `chunk` bytes, or one line of at most `longest`."""

    def __init__(self, path: str, *, chunk: int = CHUNK, longest: int = LONGEST) -> None:
        self.path = path
        self._chunk = chunk
        self._longest = longest

    def read(self, position: Position, *, final: bool = False, most: int = MOST) -> Batch:
        """The next lines, no more than `most`. The last one waits for its line break unless `final`: nobody writes
        any more. Raises Failed for a path that is there and cannot be read."""
        with _opened(self.path) as files:
            if not files:
                return Batch((), position, missing=True)
            place, restarted = _place(files, position)
            if position == START or restarted:
                position = Position(device=files[place].device, inode=files[place].inode)
            text = _Text(tuple(reversed(files[: place + 1])), position.offset)
            return replace(self._piece(text, position, final=final, most=most), restarted=restarted)

    def batches(self, position: Position, *, final: bool = False) -> Iterator[Batch]:
        """All that is there now. Raises Failed."""
        more = True
        while more:
            batch = self.read(position, final=final)
            position, more = batch.position, batch.more
            yield batch

    # ---- from that place on ----

    def _piece(self, text: _Text, position: Position, *, final: bool, most: int) -> Batch:
        if position.skipping:
            return self._skip(text)
        data = text.read(0, self._chunk)
        if len(data) == self._chunk and b"\n" not in data:
            data = self._long(text, data)
            first = data.find(b"\n")
            if first > self._longest or (first < 0 and len(data) > self._longest):
                return self._cut(text, data, first)
        end = data.rfind(b"\n") + 1
        if end:
            lines = data[: end - 1].split(b"\n", most)
            if len(lines) > most:
                end -= len(lines.pop()) + 1
                return Batch(tuple(lines), text.at(end), more=True)
            more = len(data) >= self._chunk or (final and end < len(data))
            return Batch(tuple(lines), text.at(end), more=more)
        if final and data:
            return Batch((data,), text.at(len(data)))
        return Batch((), position)

    def _long(self, text: _Text, data: bytes) -> bytes:
        """A line that is longer than a piece, as far as it is there, or further than a line may be."""
        pieces, size = [data], len(data)
        while size <= self._longest:
            piece = text.read(size, self._chunk)
            pieces.append(piece)
            size += len(piece)
            if len(piece) < self._chunk or b"\n" in piece:
                break
        return b"".join(pieces)

    def _cut(self, text: _Text, data: bytes, first: int) -> Batch:
        """The begin of a line that is too long; `first` is where it ends, below 0 when that is not read yet."""
        after = replace(text.at(first + 1 if first >= 0 else len(data)), skipping=first < 0)
        return Batch((data[: self._longest],), after, cut=frozenset({0}), more=True)

    def _skip(self, text: _Text) -> Batch:
        data = text.read(0, self._chunk)
        end = data.find(b"\n") + 1
        after = replace(text.at(end or len(data)), skipping=end == 0)
        return Batch((), after, more=end > 0 or len(data) == self._chunk)


# ---- the files of a path --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _File:
    descriptor: int
    device: int
    inode: int
    size: int

    def read(self, offset: int, count: int) -> bytes:
        """As many bytes as there are, up to `count`. Raises OSError."""
        data = os.pread(self.descriptor, count, offset)
        while 0 < len(data) < count and (more := os.pread(self.descriptor, count - len(data), offset + len(data))):
            data += more
        return data

    def at(self, offset: int) -> Position:
        before = self.read(max(offset - SEAL, 0), min(offset, SEAL))
        return Position(device=self.device, inode=self.inode, offset=offset, sealed=len(before), seal=_hashed(before))

    def same(self, other: _File) -> bool:
        return (self.device, self.inode) == (other.device, other.inode)

    def holds(self, position: Position) -> bool:
        """Whether it is the file that was read, unchanged up to that place."""
        if (self.device, self.inode) != (position.device, position.inode) or self.size < position.offset:
            return False
        before = self.read(position.offset - position.sealed, position.sealed)
        return position.sealed == 0 or _hashed(before) == position.seal


@dataclass(frozen=True, slots=True)
class _Text:
    """What stands in some files, the oldest first, from an offset in the first of them on."""

    files: tuple[_File, ...]
    begin: int

    def read(self, offset: int, count: int) -> bytes:
        """As many bytes as there are, up to `count`. Raises OSError."""
        data, offset = b"", offset + self.begin
        for file in self.files:
            if offset < file.size or file is self.files[-1]:
                data += file.read(offset, count - len(data))
            offset = max(offset - file.size, 0)
        return data

    def at(self, offset: int) -> Position:
        """That place. The end of a file that was rotated is the begin of the next. Raises OSError."""
        offset += self.begin
        for file in self.files[:-1]:
            if offset < file.size:
                return file.at(offset)
            offset -= file.size
        return self.files[-1].at(offset)


def _hashed(data: bytes) -> str:
    return blake2b(data, digest_size=8).hexdigest()


@contextmanager
def _opened(path: str) -> Iterator[list[_File]]:
    """The file and those it was rotated to, the newest first, each once. A rotation that is under way leaves one gap,
    and a file that was seen already gets the next number. Raises Failed."""
    with ExitStack() as stack:
        files: list[_File] = []
        number = missed = 0
        try:
            while missed < 2:
                file = _open(f"{path}.{number}" if number else path, stack)
                missed = 0 if file else missed + 1
                files += [file] if file and not any(file.same(other) for other in files) else []
                number += 1
            yield files
        except OSError as error:
            raise Failed(f"cannot read {path}: {error.strerror}") from error


def _open(path: str, stack: ExitStack) -> _File | None:
    """None for a file that is not there. Raises OSError, Failed."""
    try:
        descriptor = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    stack.callback(os.close, descriptor)
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        raise Failed(f"cannot read {path}: it is no regular file")
    return _File(descriptor, seen.st_dev, seen.st_ino, seen.st_size)


def _place(files: list[_File], position: Position) -> tuple[int, bool]:
    """Which of the files to read on in, and whether that is a new begin."""
    if position == START:
        return len(files) - 1, False
    known = next((place for place, file in enumerate(files) if file.holds(position)), None)
    return (0, True) if known is None else (known, False)
