"""The process table, and descriptors of single processes.

A process is named by its pid and its start time, so that a pid that was given away again is never mistaken.
Its end is watched through a descriptor that becomes readable (Linux: pidfd, macOS: kqueue); nothing polls.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import psutil

_WAIT_FOR = 200
"""How many processes are waited for at once: each takes a descriptor."""


@dataclass(frozen=True, slots=True)
class Process:
    """One line of the process table. `started` as in `SystemProcesses.started`, `age` orders by start."""

    pid: int
    parent: int
    group: int
    session: int
    uid: int
    started: str
    age: float


# ---- the process table ----------------------------------------------------------------------

if sys.platform == "linux":

    @cache
    def _boot() -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]

    def look(pid: int) -> Process | None:
        """A living process; None for none or a zombie."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read for every process of the host
                uid = os.fstat(file.fileno()).st_uid
                field = file.read().rpartition(b")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        parent, group, session, threads, ticks = (int(field[place]) for place in (1, 2, 3, 17, 19))
        if field[0] in b"ZX" and threads <= 1:  # a zombie with threads has only lost its first one
            return None
        return Process(pid, parent, group, session, uid, f"{_boot()}-{ticks}", ticks)

    def pids() -> list[int]:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208

    def carries(process: Process, mark: bytes) -> bool:
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123
                return mark in file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    def end_of(pid: int) -> int | None:
        """A descriptor that is readable once that process has ended; None when there is no such process."""
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None

    def deliver(descriptor: int, pid: int, number: signal.Signals) -> None:  # noqa: ARG001 - the descriptor is surer
        signal.pidfd_send_signal(descriptor, number)

else:
    import select

    def look(pid: int) -> Process | None:
        """A living process; None for none or a zombie."""
        try:
            process = psutil.Process(pid)
            with process.oneshot():
                status, started = process.status(), process.create_time()
                parent, uid = process.ppid(), process.uids().effective
            group, session = os.getpgid(pid), os.getsid(pid)
        except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
            return None
        if status == psutil.STATUS_ZOMBIE:
            return None
        return Process(pid, parent, group, session, uid, f"{started:.6f}", started)

    def pids() -> list[int]:
        return psutil.pids()

    def carries(process: Process, mark: bytes) -> bool:
        name, _, value = os.fsdecode(mark).partition("=")
        with suppress(psutil.Error, OSError):
            return psutil.Process(process.pid).environ().get(name) == value
        return False

    def end_of(pid: int) -> int | None:
        """A descriptor that is readable once that process has ended; None when there is no such process."""
        queue = select.kqueue()
        try:
            event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([event], 0)
            return os.dup(queue.fileno())
        except ProcessLookupError:
            return None
        finally:
            queue.close()

    def deliver(descriptor: int, pid: int, number: signal.Signals) -> None:  # noqa: ARG001
        os.kill(pid, number)


@contextmanager
def held(pid: int, started: str) -> Iterator[int | None]:
    """The descriptor of exactly that process; None when it has ended."""
    descriptor = open_exact(pid, started)
    try:
        yield descriptor
    finally:
        shut(descriptor)


def shut(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def open_exact(pid: int, started: str) -> int | None:
    """The caller closes it. It is opened first and compared then: what is held cannot be given away again."""
    descriptor = end_of(pid) if pid > 0 else None
    if descriptor is None:
        return None
    now = look(pid)
    if now is None or now.started != started:
        os.close(descriptor)
        return None
    return descriptor


def send(pid: int, started: str, *numbers: signal.Signals) -> None:
    with held(pid, started) as descriptor, suppress(ProcessLookupError, PermissionError):
        if descriptor is not None:
            for number in numbers:
                deliver(descriptor, pid, number)


def wait_for(processes: Iterable[Process], seconds: float) -> None:
    """Until all of them (of very many, the first ones) have ended, or the time is over."""
    deadline = time.monotonic() + seconds
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for process in islice(processes, _WAIT_FOR):
            descriptor = stack.enter_context(held(process.pid, process.started))
            if descriptor is not None:
                selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                selector.unregister(key.fileobj)


def readable(descriptor: int, within: float = 0.0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(within))


def ancestors(pid: int) -> list[int]:
    """Parent, grandparent … of a process."""
    line: list[int] = []
    process = look(pid)
    while process is not None and process.parent > 0 and process.parent not in line:
        line.append(process.parent)
        process = look(process.parent)
    return line
