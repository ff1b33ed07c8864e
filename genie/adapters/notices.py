"""Commands of the user's, the notifications of their desktop, and what a daemon remembers of them."""

from __future__ import annotations

import errno
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Self

from genie.domain.errors import BadInput, Failed, TimedOut
from genie.ports import Ran

_LOOK = 0.05
"""Seconds between two looks whether a command that writes nothing has ended."""
_GRACE = 1.0
"""Seconds between SIGTERM and SIGKILL."""
_TAIL = 500
"""Bytes that are kept of what a command writes."""
_TITLE = "display notification (item 2 of argv) with title (item 1 of argv)"


class UserPrograms:
    """Implements `genie.ports.Programs`. `environment` is what every command gets, `home` where it is started where
    nothing else is said. Safe to use from many threads."""

    def __init__(self, environment: Mapping[str, str], *, home: str) -> None:
        self._environment = dict(environment)
        self._home = home
        self._closing = Event()

    def run(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str | None, timeout: timedelta) -> Ran:
        if self._closing.is_set():
            raise TimedOut(f"{argv[0]} was not started: the daemon ends")
        with self._start(argv, env, cwd) as child, _Tail(child) as tail:
            try:
                ended = self._follow(child, tail, monotonic() + timeout.total_seconds())
            finally:
                _end(child)
            if not ended:
                late = f"did not end within {timeout.total_seconds():g} s"
                raise TimedOut(f"{argv[0]} {'was ended: the daemon ends' if self._closing.is_set() else late}")
            return Ran(child.returncode, tail.text)

    def close(self) -> None:
        self._closing.set()

    def _start(self, argv: Sequence[str], env: Mapping[str, str], cwd: str | None) -> subprocess.Popen[bytes]:
        where = cwd or self._home
        try:
            return subprocess.Popen(  # noqa: S603 - an argv list of the user's, no shell
                list(argv),
                cwd=where,
                env={**self._environment, **env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise BadInput(f"{argv[0]}: too much for one command") from error
            missing = f" in {where}" if not Path(where).is_dir() else ""
            raise Failed(f"{argv[0]} cannot be started{missing}: {error.strerror}") from error
        except ValueError as error:  # a NUL, or half a character, in a word or variable
            raise Failed(f"{argv[0]} cannot be started: {error}") from error

    def _follow(self, child: subprocess.Popen[bytes], tail: _Tail, deadline: float) -> bool:
        """Read what it writes until it has ended: whether it has."""
        while not _gone(child):
            if monotonic() >= deadline or self._closing.is_set():
                return False
            tail.read(min(_LOOK, max(deadline - monotonic(), 0.0)))
        tail.read(0)
        return True


class _Tail:
    """The end of what a command writes. Who else holds its output is not waited for."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None  # noqa: S101 - it is a pipe
        self._pipe = child.stdout.fileno()
        self._kept = b""
        self._closed = False
        self._pause = Event()
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> Self:
        self._selector.register(self._pipe, selectors.EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()

    @property
    def text(self) -> str:
        return " ".join(self._kept.decode(errors="replace").split())

    def read(self, seconds: float) -> None:
        """What there is, after waiting so long for something."""
        if self._closed:
            self._pause.wait(seconds)  # select would return at once, or wait for nothing on some systems
        elif self._selector.select(seconds):
            said = os.read(self._pipe, 65536)  # once: who writes for ever must not be read for ever
            self._kept = (self._kept + said)[-_TAIL:]
            self._closed = not said


def _gone(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended. It is not reaped, where the system can tell: its number, which is that of its group, stays
    its own."""
    if not hasattr(os, "waitid"):
        return child.poll() is not None
    return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(child: subprocess.Popen[bytes]) -> None:
    """End its group, itself first, and reap it."""
    if not _gone(child):
        _signal(child.pid, signal.SIGTERM)
        deadline = monotonic() + _GRACE
        pause = Event()
        while not _gone(child) and monotonic() < deadline:
            pause.wait(_LOOK)
    _signal(child.pid, signal.SIGKILL)
    child.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


class DesktopNotices:
    """Implements `genie.ports.Desktop`: notify-send on Linux, osascript on macOS. `environment` tells whether there is
    a desktop."""

    def __init__(self, programs: UserPrograms, environment: Mapping[str, str], *, platform: str = sys.platform) -> None:
        self._programs = programs
        self._environment = environment
        self._mac = platform == "darwin"

    @property
    def there(self) -> bool:
        return self._program is not None and (self._mac or self._session)

    def show(self, title: str, text: str, *, timeout: timedelta) -> None:
        program = self._program
        if program is None:
            raise Failed("there is no program for notifications", hint="install libnotify-bin")
        script = [word for line in ("on run argv", _TITLE, "end run") for word in ("-e", line)]
        words = [*script, title, text] if self._mac else ["--app-name=genie", "--", title, text]
        ran = self._programs.run([program, *words], env={}, cwd=None, timeout=timeout)
        if ran.code:
            raise Failed(f"{Path(program).name} ended with {ran.code}: {ran.said}")

    @property
    def _program(self) -> str | None:
        return shutil.which("osascript" if self._mac else "notify-send", path=self._environment.get("PATH"))

    @property
    def _session(self) -> bool:
        """Whether somebody is there to see it: a display, or the bus of a session."""
        names = ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")
        if any(self._environment.get(name) for name in names):
            return True
        runtime = self._environment.get("XDG_RUNTIME_DIR")
        return bool(runtime) and (Path(str(runtime)) / "bus").is_socket()


class FileMemory:
    """Implements `genie.ports.Memory`: a JSON file of the user's own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Mapping[str, object] | None:
        try:
            said = json.loads(self._path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def save(self, said: Mapping[str, object]) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                json.dump(said, file)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise Failed(f"cannot write {self._path}: {error.strerror}") from error

    def forget(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"cannot remove {self._path}: {error.strerror}") from error
