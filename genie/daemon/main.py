"""Start, signals and the end of the daemon process."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

import structlog
import uvicorn

from genie import bootstrap
from genie.daemon import logs, spool
from genie.daemon.api.app import make
from genie.daemon.api.peer import PeerProtocol
from genie.daemon.engine import Engine
from genie.domain.errors import BadConfig, Conflict, GenieError, Refused
from genie.paths import Home

log = structlog.get_logger("genie.daemon")

LOOK = 2.0
"""Seconds between two looks whether GENIE_HOME is there still."""
EXIT = {BadConfig: 2, Conflict: 4, Refused: 5}
SETTINGS_PREFIXES = ("GENIE_DATABASE_URL", "GENIE_POSTGRES_DIR", "GENIE_MAX_RUNNING", "GENIE_TMUX_SOCKET")


def main(arguments: Sequence[str]) -> int:
    """Run the daemon in the foreground until it is told to leave; returns the exit code."""
    parser = argparse.ArgumentParser(prog="genie daemon")
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("--as-before", metavar="GENIE_HOME", help="take up the settings of the last daemon there")
    parser.add_argument("--again", action="store_true", help="only where there was one before")
    given = parser.parse_args(arguments)
    if given.as_before:
        _begin_as_before(Home(Path(given.as_before)))
        return 0
    home = Home.from_environment()
    if given.again and not _settings(home).exists():
        return 0
    try:
        return _run(home)
    except GenieError as error:
        print(f"genie daemon: {error.message}{' -- ' + error.hint if error.hint else ''}", file=sys.stderr)  # noqa: T201
        return next((code for kind, code in EXIT.items() if isinstance(error, kind)), 1)


def _run(home: Home) -> int:
    home.prepare()
    with _only_one(home) as lock:
        configured = bootstrap.configure(home)
        logs.set_up(home, configured)
        _remember_settings(home)
        engine = Engine(home, configured)
        with _listening(home) as listener:
            return _serve(engine, listener, lock)


def _serve(engine: Engine, listener: socket.socket, lock: IO[str]) -> int:
    def leave() -> None:
        server.should_exit = True
        engine.leaving.begin()

    server = uvicorn.Server(
        uvicorn.Config(
            app=lambda: make(engine, leave),
            factory=True,
            http=PeerProtocol,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=3,
        )
    )
    engine.on_taken_over = leave
    _leave_orderly(leave)
    _leave_without_home(engine.home, lock, leave)
    log.info("started", pid=os.getpid(), home=str(engine.home.root))
    engine.start()
    spool.drain(engine)
    try:
        server.run(sockets=[listener])
    finally:
        engine.stop()
        log.info("stopped", pid=os.getpid())
    return 0


def _leave_orderly(leave: Callable[[], None]) -> None:
    """Have SIGTERM and SIGINT end the server, and nothing else: uvicorn raises a signal again once it has left its
    loop, which would end the process before its database is stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: leave())


def _leave_without_home(home: Home, lock: IO[str], leave: Callable[[], None]) -> None:
    """Whoever removes GENIE_HOME wants no daemon of it. It cannot be told any more, and the next one would be a second
    one beside it."""

    def look() -> None:
        own = _Inode.of(os.fstat(lock.fileno()))
        while _is_there(home.daemon_lock, own):
            time.sleep(LOOK)
        log.error("home_gone", home=str(home.root))
        leave()

    Thread(target=look, name="home", daemon=True).start()


# ---- one daemon a home ----------------------------------------------------------------------


@contextmanager
def _only_one(home: Home) -> Iterator[IO[str]]:
    """Hold the lock of this GENIE_HOME, which is the file. Raises Conflict with the holder's pid."""
    with home.daemon_lock.open("a+", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            pid = lock.read().strip() or "unknown"
            raise Conflict(f"a daemon runs already, pid {pid}", hint="genie daemon status", pid=pid) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield lock


@contextmanager
def _listening(home: Home) -> Iterator[socket.socket]:
    """The API's socket, closed to everybody else. Holding the lock, a socket that is there is a dead one's."""
    path = home.socket
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(1024)
    own = _identity(path)
    try:
        yield listener
    finally:
        listener.close()
        if _identity(path) == own:
            path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Inode:
    device: int
    number: int

    @classmethod
    def of(cls, seen: os.stat_result) -> _Inode:
        return cls(seen.st_dev, seen.st_ino)


def _is_there(path: Path, own: _Inode) -> bool:
    """Whether that is still the file there; what cannot be looked at may be."""
    try:
        return _identity(path) == own
    except OSError:
        return True


def _identity(path: Path) -> _Inode | None:
    try:
        return _Inode.of(path.lstat())
    except FileNotFoundError:
        return None


# ---- settings that came by the environment --------------------------------------------------


def _remember_settings(home: Home) -> None:
    """Keep the settings of this environment for a daemon that tmux's hook starts, which has another."""
    said = {key: value for key, value in os.environ.items() if _is_setting(key)}
    path = _settings(home)
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(said, file)
    fresh.replace(path)


def _settings(home: Home) -> Path:
    return home.run / "settings.json"


def _begin_as_before(home: Home) -> None:
    """Begin again as this program with the settings of the daemon that was there, out of tmux's environment. Does
    nothing where none was: a GENIE_HOME that was removed is not made again by a pane that dies."""
    try:
        said = json.loads(_settings(home).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return
    inside = ("TMUX", "TMUX_PANE")
    outside = {key: value for key, value in os.environ.items() if key not in inside and not key.startswith("GENIE_")}
    environment = outside | said | {"GENIE_HOME": str(home.root)}
    again = [sys.executable, "-P", "-m", "genie.daemon", "run", "--again"]
    os.execve(sys.executable, again, environment)  # noqa: S606  no shell


def _is_setting(key: str) -> bool:
    return key.startswith("GENIE_") and ("__" in key or key in SETTINGS_PREFIXES)


# SIGHUP comes with a closed terminal.
signal.signal(signal.SIGHUP, signal.SIG_IGN)
