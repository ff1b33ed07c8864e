"""The inputs of sessions that are fed: FIFOs, which their attendants read."""

from __future__ import annotations

import errno
import json
import os
import select
import stat
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from genie.domain.errors import Failed, NotAllowed, TimedOut

PATIENCE = 5.0
"""Seconds to wait for room in a FIFO whose reader is busy."""


class FifoInputs:
    """Implements `genie.ports.Inputs`. A message is one line of JSON, no longer than is written at once or not at all,
    whoever writes beside it; a longer message lies in a file that the line names, and that its reader removes."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._patience = patience

    def make(self, path: str) -> None:
        try:
            os.mkfifo(path, 0o600)
        except FileExistsError:
            _check(path, os.lstat(path).st_mode)
        except OSError as error:
            raise Failed(f"cannot make {path}: {error.strerror}", hint="genie doctor") from error

    def remove(self, path: str) -> None:
        try:
            if stat.S_ISFIFO(os.lstat(path).st_mode):
                Path(path).unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Failed(f"cannot remove {path}: {error.strerror}", hint="genie doctor") from error

    def feed(self, path: str, message: str | None) -> None:
        record = {"genie": "close"} if message is None else {"genie": "say", "text": message}
        line = _line(record)
        descriptor = _open(path, self._patience)
        file = None
        try:
            if len(line) > select.PIPE_BUF and message is not None:
                file = _kept(Path(path).parent, message)
                line = _line({"genie": "say", "file": str(file)})
            _write(descriptor, line, self._patience)
        except BaseException:
            if file:
                file.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)

    def interrupt(self, path: str) -> None:
        record = {"type": "control_request", "request_id": uuid4().hex, "request": {"subtype": "interrupt"}}
        descriptor = _open(path, self._patience)
        try:
            _write(descriptor, _line(record), self._patience)
        finally:
            os.close(descriptor)


def _line(record: Mapping[str, object]) -> bytes:
    return json.dumps(record).encode("ascii") + b"\n"


def _kept(folder: Path, message: str) -> Path:
    try:
        descriptor, name = tempfile.mkstemp(prefix="say-", dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise Failed(f"cannot write into {folder}: {error.strerror}", hint="genie doctor") from error
    return Path(name)


def _write(descriptor: int, line: bytes, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            os.write(descriptor, line)
        except BlockingIOError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                message = f"the session has not read its input for {patience:g} s"
                raise TimedOut(message, hint="genie read, or try again") from error
            select.select([], [descriptor], [], min(left, 0.1))
        except BrokenPipeError as error:
            raise NotAllowed("the session reads no more", hint="genie status") from error
        else:
            return


def _open(path: str, patience: float) -> int:
    """For writing. Its reader comes a moment after the start of the session, and removes it when it goes."""
    deadline = time.monotonic() + patience
    while (descriptor := _opened(path)) is None:
        if time.monotonic() >= deadline:
            message = f"the session has not begun to read its input for {patience:g} s"
            raise TimedOut(message, hint="genie read, or try again")
        time.sleep(0.02)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISFIFO(mode):
        os.close(descriptor)
    _check(path, mode)
    return descriptor


def _opened(path: str) -> int | None:
    """None where there is no reader yet."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:
            return None
        if error.errno == errno.ENOENT:
            raise NotAllowed("the session reads no more", hint="genie status") from error
        raise Failed(f"cannot write to {path}: {error.strerror}", hint="genie doctor") from error


def _check(path: str, mode: int) -> None:
    if not stat.S_ISFIFO(mode):
        raise Failed(f"{path} is no input of a session", hint="genie doctor")
