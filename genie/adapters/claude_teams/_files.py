"""Changing files that running claudes change, too: under the lock that they take, and whole or not at all."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from genie.domain.errors import Failed

STALE = 10.0
"""Seconds after which a lock that nobody has touched is nobody's; claude touches its own every 5 s."""
PATIENCE = 4.0
"""Seconds for which a lock is waited for: a runner waits 10 s for its launch. One that a crash has left is stale at a
later try."""
FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.1
FOLDER_MODE, FILE_MODE = 0o700, 0o600


@contextmanager
def locked(path: Path, *, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock of a file: the folder `<path>.lock`, as the library proper-lockfile makes it. Raises Failed where
    others hold it for too long, FileNotFoundError where the file's folder is gone."""
    lock = path.with_name(f"{path.name}.lock")
    _take(lock, patience)
    try:
        yield
    finally:
        with suppress(OSError):  # taken for stale while this process stood still
            lock.rmdir()


def _take(lock: Path, patience: float) -> None:
    end, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        with suppress(FileExistsError):
            lock.mkdir()
            return
        if _age(lock) > STALE:
            with suppress(OSError):
                lock.rmdir()
            continue
        if time.monotonic() >= end:
            raise Failed(f"{lock} is held by somebody else", hint="remove it if no claude runs")
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _age(lock: Path) -> float:
    """Seconds since it was touched; 0 for one that is gone by now."""
    try:
        return time.time() - lock.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def write(path: Path, text: str) -> None:
    """Put that text in the place of a file, whose mode is kept; a link is followed."""
    target = Path(os.path.realpath(path))
    made = target.with_name(f"{target.name}.tmp.{token_hex(4)}")
    try:
        with made.open("x", encoding="utf-8") as file:
            os.fchmod(file.fileno(), _mode(target))
            file.write(text)
        made.replace(target)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return FILE_MODE
