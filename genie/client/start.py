"""Starting the daemon where none runs: once, however many callers find it missing together."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from genie.client.wire import HungUp, NobodyThere, send
from genie.domain.errors import BadConfig, GenieError, Refused, Unreachable
from genie.paths import Home

READY_WITHIN = 60.0
SLOW_AFTER = 0.3
SETTLE = 1.0
"""Seconds in which a daemon that ended at once may have lost against one that somebody else started."""

_READY = frozenset({"ready", "degraded"})
_TAKEN = 4
"""Exit code of a daemon that found another one in its place."""

_BY_EXIT: Mapping[int, type[GenieError]] = {2: BadConfig, 5: Refused}
"""What the exit code of a daemon that did not start means; any other is Unreachable."""
_DROPPED = frozenset(
    {"TMUX", "TMUX_PANE", "GENIE_RUN_ID", "GENIE_SESSION_ID", "GENIE_TEAM", "GENIE_ROOT", "GENIE_TOKEN"}
    | {"CLAUDECODE", "CLAUDE_PID", "CLAUDE_PROJECT_DIR", "CLAUDE_CODE_ENTRYPOINT", "CLAUDE_CODE_SSE_PORT"}
)
_DROPPED_PREFIXES = ("GENIE_AGENT_", "GENIE_PARENT", "CLAUDE_CODE_SESSION", "CLAUDE_CODE_MESSAGING", "CLAUDE_SESSION")


def start(home: Home, on_slow: Callable[[], None] | None = None) -> None:
    """Return once a daemon of `home` answers that it is ready (or degraded). Raises Unreachable with the
    daemon's own last words when it ends instead, BadConfig or Refused for a home that cannot be one and
    for settings that do not read."""
    home.prepare()
    with home.start_lock.open("a") as lock:
        _Starting(home, lock, on_slow).wait()


class _Starting:
    """One attempt: look, take the lock, look again, launch, wait."""

    def __init__(self, home: Home, lock: IO[str], on_slow: Callable[[], None] | None) -> None:
        self._home = home
        self._lock = lock
        self._on_slow = on_slow
        self._locked = False
        self._child: subprocess.Popen[bytes] | None = None
        self._written = 0
        self._lost_at: float | None = None

    def wait(self) -> None:
        began = time.monotonic()
        pause = 0.01
        while (waited := time.monotonic() - began) < READY_WITHIN:
            state = _state(self._home)
            if state in _READY:
                return self._let_go()
            if state is None and self._child is None and self._step():
                continue
            self._raise_if_ended()
            if waited > SLOW_AFTER and self._on_slow:
                self._on_slow()
                self._on_slow = None
            time.sleep(pause)
            pause = min(pause * 1.5, 0.1)
        self._let_go()
        raise Unreachable(
            f"the daemon for {self._home.root} was not ready within {READY_WITHIN:g} s",
            hint=f"look into {_output(self._home)}",
        )

    def _step(self) -> bool:
        """Take the lock, or launch once it is ours; whether to look again at once."""
        if not self._locked:
            self._locked = _try_lock(self._lock)
            return self._locked
        self._written, self._child = _launch(self._home)
        return False

    def _let_go(self) -> None:
        if self._child is not None:
            self._child.returncode = 0  # it outlives us: no warning about a process that was not waited for

    def _raise_if_ended(self) -> None:
        if self._child is None or self._child.poll() is None:
            return
        self._lost_at = self._lost_at or time.monotonic()
        if time.monotonic() - self._lost_at < SETTLE:
            return
        if self._child.returncode == _TAKEN:
            self._child = self._lost_at = None  # another holds the home and does not answer: it is on its way out
            return
        path = _output(self._home)
        words = _last_line(path, self._written) or f"it ended with exit code {self._child.returncode}"
        kind = _BY_EXIT.get(self._child.returncode, Unreachable)
        raise kind(f"the daemon did not start: {words}", hint=f"see {path}", log=str(path))


def held(home: Home) -> bool:
    """Whether a daemon holds that home. One that is leaving answers no more and holds it to its very end."""
    try:
        with home.daemon_lock.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _state(home: Home) -> str | None:
    """The state that the daemon tells; None when nobody listens."""
    try:
        with send(home.socket, "GET", "/v1/health", None, timeout=2.0) as reply:
            answer = reply.json()
    except NobodyThere:
        return None
    except (HungUp, ConnectionError, TimeoutError, ValueError):
        return "busy"
    except GenieError as error:
        if isinstance(error, Refused):
            raise
        return "busy"
    return str(answer.get("state", "ready")) if isinstance(answer, dict) else "busy"


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _launch(home: Home) -> tuple[int, subprocess.Popen[bytes]]:
    """Start the daemon on its own; where its words begin in the output file, and its process."""
    descriptor = os.open(_output(home), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as out:
        written = os.fstat(out.fileno()).st_size
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "genie.daemon", "run"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd="/",
            env=environment(home, os.environ),
            start_new_session=True,
        )
    return written, child


def environment(home: Home, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a daemon that is started from here: nothing that says which agent, pane or
    conversation the caller happens to be, for the daemon serves everybody."""
    kept = {
        name: value for name, value in ours.items() if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }
    return kept | {"GENIE_HOME": str(home.root)}


def _output(home: Home) -> Path:
    return home.logs / "daemon.out"


def _last_line(path: Path, since: int) -> str:
    with path.open("rb") as file:
        file.seek(since)
        lines = [line.strip() for line in file.read().decode("utf-8", "replace").splitlines()]
    last = next((line for line in reversed(lines) if line), "")
    return last.removeprefix("genie daemon: ").removeprefix("genie: ")
