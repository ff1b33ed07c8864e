"""Cgroups of runs: cgroup v2, in a directory of genie's own below one that is delegated to it.

The kernel keeps every process of a run in its cgroup, whatever it forks and wherever it goes, kills them as one, and
counts their memory. Nothing here moves the daemon, and no directory is removed that genie did not make.
"""

from __future__ import annotations

import errno
import os
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

_CONTROLLERS = ("memory", "pids")
_POWERS = {"kill": "cgroup.kill", "memory": "memory.current", "pids": "pids.max"}
_PREFIX = "run-"
_LEAVING = 0.5
"""Seconds that the last killed process may take to leave its cgroup before that stays for the next sweep."""
_PAUSE = 0.005


@dataclass(frozen=True, slots=True)
class Absent:
    """No cgroup to make others in, and why."""

    reason: str


OFF = Absent("cgroups are off")


@dataclass(frozen=True, slots=True)
class Cell:
    """The cgroup of one run."""

    directory: Path

    def pids(self) -> frozenset[int]:
        """Who is in it, and in cgroups that a process of the run has made below it; none where it is not there."""
        return frozenset(pid for directory in self._all() for pid in _numbers(directory / "cgroup.procs"))

    def kill(self) -> None:
        """Kill everything in it at once, so that no fork gets away. Does nothing where the kernel cannot (before
        5.14)."""
        with suppress(OSError):
            _write(self.directory / "cgroup.kill", "1")

    def memory(self) -> int | None:
        """Bytes in use: memory.current without the inactive part of the page cache, which the kernel drops as soon
        as anybody needs it. None where memory is not counted."""
        try:
            current = int((self.directory / "memory.current").read_text())
            stat = dict(line.split() for line in (self.directory / "memory.stat").read_text().splitlines())
        except OSError:
            return None
        return max(current - int(stat.get("inactive_file", 0)), 0)

    def starved(self) -> bool:
        """Whether the kernel has killed something in it for want of memory."""
        try:
            events = dict(line.split() for line in (self.directory / "memory.events").read_text().splitlines())
        except (OSError, ValueError):
            return False
        return events.get("oom_kill", "0") != "0"

    def _all(self) -> Iterator[Path]:
        try:
            nested = self.directory.stat().st_nlink != 2
        except OSError:
            return
        if not nested:
            yield self.directory
            return
        for directory, _, _ in os.walk(self.directory):
            yield Path(directory)


class Cgroups:
    """The cgroups of one genie's runs. `base` is a writable cgroup; `owner` is what is this genie's own, such as host
    and home: the directory that is made below `base` has its name from it. `max_processes` bounds each run, where the
    pids controller is there. `failure` is why the latest run could not be enclosed."""

    def __init__(self, base: Path, owner: str, *, max_processes: int = 4096) -> None:
        self.base = base
        self.home = base / f"genie-{zlib.crc32(owner.encode()):08x}"
        self.failure = ""
        self._max_processes = max_processes
        self._lock = threading.Lock()

    def cell(self, run: UUID) -> Cell:
        """Of that run, made or not."""
        return Cell(self.home / f"{_PREFIX}{run}")

    def run_around(self, pid: int) -> UUID | None:
        """In whose cgroup that process is."""
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                _, mine, below = line.rpartition(f"/{self.home.name}/")
                if line.startswith("0::") and mine:
                    return _run_of(below.partition("/")[0])
        return None

    def enclose(self, run: UUID, pid: int, memory: int | None) -> None:
        """Make the cgroup of a run and put that process into it. Where that fails the run goes on without."""
        cell = self.cell(run)
        with self._lock:
            try:
                self._open()
                self._sweep()
                cell.directory.mkdir(exist_ok=True)
                _set(cell.directory / "pids.max", self._max_processes)
                if memory is not None:
                    _set(cell.directory / "memory.max", memory)
                _write(cell.directory / "cgroup.procs", str(pid))
            except OSError as error:
                if error.errno != errno.ESRCH:  # the process has ended: nothing is wrong with the cgroups
                    self.failure = error.strerror or str(error)
                self._remove(cell.directory)
            else:
                self.failure = ""

    def remove(self, run: UUID) -> None:
        """Remove the cgroup of a run that has ended. One that others are in, or have made cgroups in, stays."""
        directory = self.cell(run).directory
        deadline = time.monotonic() + _LEAVING
        while True:
            with self._lock:
                gone = self._remove(directory)
            if gone or self.cell(run).pids() or time.monotonic() > deadline:
                return
            time.sleep(_PAUSE)

    def powers(self) -> tuple[str, ...]:
        """What the kernel does for the runs here: kill, memory, pids. Raises OSError where no cgroup can be made."""
        with self._lock:
            self._open()
            found = tuple(power for power, file in _POWERS.items() if (self.home / file).exists())
            self._close()
        return found

    def _open(self) -> None:
        self.home.mkdir(exist_ok=True)
        for directory in (self.base, self.home):
            _enable(directory)

    def _close(self) -> None:
        with suppress(OSError):
            self.home.rmdir()

    def _remove(self, directory: Path) -> bool:
        """Whether it is gone, or will stay."""
        try:
            directory.rmdir()
        except FileNotFoundError:
            pass
        except OSError as error:
            return error.errno != errno.EBUSY or directory.stat().st_nlink != 2
        self._close()
        return True

    def _sweep(self) -> None:
        """Remove cgroups of runs in which nobody is left: of those that ended by themselves."""
        for directory in self.home.glob(f"{_PREFIX}*"):
            if _run_of(directory.name):
                with suppress(OSError):
                    directory.rmdir()


def _enable(directory: Path) -> None:
    """Have the controllers in the cgroups below. A cgroup with processes of its own cannot: its runs go without."""
    missing = _words(directory / "cgroup.controllers") - _words(directory / "cgroup.subtree_control")
    for controller in _CONTROLLERS:
        if controller in missing:
            with suppress(OSError):
                _write(directory / "cgroup.subtree_control", f"+{controller}")


def _run_of(name: str) -> UUID | None:
    with suppress(ValueError):
        run = UUID(name.removeprefix(_PREFIX))
        return run if name == f"{_PREFIX}{run}" else None
    return None


def _words(path: Path) -> frozenset[str]:
    return frozenset(path.read_text().split())


def _numbers(path: Path) -> list[int]:
    """Without those of processes that this namespace does not see: they are 0."""
    try:
        return [int(word) for word in path.read_text().split() if word != "0"]
    except OSError:
        return []


def _set(path: Path, value: int) -> None:
    """Where the controller is there."""
    with suppress(FileNotFoundError):
        _write(path, str(value))


def _write(path: Path, text: str) -> None:
    """Write a file that is there; none is made."""
    descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
