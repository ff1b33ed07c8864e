"""The host: its clock, its chance, its identity, and dying on request."""

from __future__ import annotations

import os
import signal
import socket
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from uuid import UUID, uuid4

import psutil

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_MACHINE_ID = Path("/etc/machine-id")


class SystemClock:
    """Implements `genie.ports.Clock`."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    """Implements `genie.ports.Ids`."""

    def new(self) -> UUID:
        return uuid4()


class RandomTokens:
    """Implements `genie.ports.Secrets`. A token has 256 bits of chance: its SHA-256 needs no salt."""

    def token(self) -> str:
        return token_hex(32)

    def digest(self, token: str) -> str:
        return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class KillAt:
    """Implements `genie.ports.Fault`: ends its own process by SIGKILL at one named point, so that a test
    can see what the next daemon makes of what is left. Without a point it never does anything. With `@FILE` the
    point is what that file says at the time; the file goes with the process, and the next daemon lives."""

    def __init__(self, point: str | None) -> None:
        self._point = point
        self._file = Path(point[1:]) if point and point.startswith("@") else None

    def __call__(self, point: str) -> None:
        if self._point is not None and point == (_read(self._file) if self._file else self._point):
            if self._file:
                self._file.unlink(missing_ok=True)
            os.kill(os.getpid(), signal.SIGKILL)


def boot_id() -> str:
    """One boot of this host: differs after every reboot."""
    try:
        return _BOOT_ID.read_text().strip()
    except FileNotFoundError:
        return f"boot-{psutil.boot_time():.0f}"


def host_id(generated: Path, *, machine_id: Path = _MACHINE_ID) -> str:
    """This host's identity over reboots: the machine id, else one that is made once and kept in `generated`.
    Raises OSError when that file can be neither read nor written."""
    for path in (machine_id, generated):
        known = _read(path)
        if known:
            return known
    return _generate(generated)


def host_name() -> str:
    return socket.gethostname()


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _generate(path: Path) -> str:
    """Of two that generate at once, one wins and both take its word."""
    made = uuid4().hex
    own = path.with_name(f".{path.name}.{made}")
    own.write_text(made + "\n")
    try:
        path.hardlink_to(own)
    except FileExistsError:
        if not _read(path):
            own.replace(path)
    finally:
        own.unlink(missing_ok=True)
    return _read(path)
