"""Copies what a pane shows into a file that cannot grow for ever.

    python -I -S logger.py FILE MAX_BYTES KEEP PID

tmux hands the pane's output over on stdin. It is written as it is into FILE, which becomes FILE.1, FILE.2 … up to
FILE.<KEEP> whenever MAX_BYTES are in it: all of them together never hold more than (KEEP + 1) × MAX_BYTES. It ends
with its stdin, or when PID has ended and nothing has come for a while: tmux keeps the pipe of a dead pane open.
What cannot be written (a full disk) is dropped, and said in the log as soon as that can be written to again.

One of these runs beside each plain command: standard library, few modules, nothing of genie. Ignored signals are
inherited from the shell that starts it, because importing `signal` costs more memory than all the rest here.
"""

from __future__ import annotations

import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHUNK = 65536
QUIET = 10.0
"""Seconds without output after the end of PID: by then a busy tmux has read what the program has left."""
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
PRIVATE = 0o600
LOST = b"\r\ngenie: %d bytes could not be written here\r\n"


class Log:
    """A file and its predecessors. No method raises OSError."""

    def __init__(self, path: bytes, most: int, keep: int) -> None:
        self._path, self._most, self._keep = path, most, keep
        self._file = -1
        self._size = 0
        self._lost = 0

    def write(self, data: bytes) -> None:
        """Write it, or as much of it as can be."""
        if self._lost and not self._put(LOST % self._lost):
            self._lost = 0
        self._lost += len(data) if self._lost else self._put(data)

    def _put(self, data: bytes) -> int:
        """How many bytes of it could not be written."""
        try:
            while data:
                data = data[self._some(data) :]
        except OSError:
            return len(data)
        return 0

    def _some(self, data: bytes) -> int:
        """Write as much as has room in the current file; how many bytes that was."""
        if self._file < 0:
            self._open()
        if self._size >= self._most:
            self._rotate()
        written = os.write(self._file, data[: self._most - self._size])
        self._size += written
        return written

    def _open(self) -> None:
        self._file = os.open(self._path, FLAGS, PRIVATE)
        self._size = os.fstat(self._file).st_size

    def _rotate(self) -> None:
        if self._keep == 0:
            os.ftruncate(self._file, 0)
            self._size = 0
            return
        os.close(self._file)
        self._file = -1
        names = [self._path, *(b"%s.%d" % (self._path, number) for number in range(1, self._keep + 1))]
        for older, newer in zip(names[:0:-1], names[-2::-1], strict=True):
            try:
                os.rename(newer, older)  # noqa: PTH104 - pathlib doubles the memory
            except FileNotFoundError:
                continue
        self._open()


class Watch:
    """The end of a process as something that can be selected. `handle` is None where it cannot be watched, `over`
    says that it has ended already."""

    def __init__(self, pid: int) -> None:
        self.handle: int | None = None
        self.over = False
        try:
            self.handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else self._queue(pid)
        except ProcessLookupError:
            self.over = True
        except OSError:
            return

    def _queue(self, pid: int) -> int:
        """Where kqueue tells it (BSD, macOS)."""
        kernel: Any = select
        self._kept = kernel.kqueue()
        end = kernel.kevent(pid, kernel.KQ_FILTER_PROC, kernel.KQ_EV_ADD, kernel.KQ_NOTE_EXIT)
        self._kept.control([end], 0)
        return int(self._kept.fileno())


def copy(log: Log, watch: Watch, *, quiet: float) -> None:
    """Copy until the end of stdin, or of the process and of what it has left."""
    watched = [0] if watch.handle is None else [0, watch.handle]
    patience = quiet if watch.over else None
    while True:
        ready = select.select(watched, (), (), patience)[0]
        if 0 in ready:
            data = os.read(0, CHUNK)
            if not data:
                return
            log.write(data)
        elif ready:
            watched, patience = [0], quiet
        else:
            return


def main(path: str, most: str, keep: str, pid: str) -> None:
    os.chdir("/")
    copy(Log(os.fsencode(path), int(most), int(keep)), Watch(int(pid)), quiet=QUIET)


if __name__ == "__main__":
    main(*sys.argv[1:])
