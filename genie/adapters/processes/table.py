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
    """One line of the process table. `started` as in `SystemProcesses.started`, `age` orders by start; `cpu` is in
    seconds, `rss` in bytes. `image` becomes another one when the process runs another program, and its environment
    with it; empty where the system does not tell."""

    pid: int
    parent: int
    group: int
    session: int
    uid: int
    started: str
    age: float
    cpu: float = 0.0
    rss: int = 0
    image: bytes = b""


# ---- the process table ----------------------------------------------------------------------

if sys.platform == "linux":
    _TICK = 1 / os.sysconf("SC_CLK_TCK")
    _LINE = 4096  # more than the longest
    _PAGE = os.sysconf("SC_PAGE_SIZE")

    @cache
    def _boot() -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]

    def look(pid: int) -> Process | None:
        """A living process; None for none or a zombie."""
        try:
            descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)  # done for every process of the host
        except (FileNotFoundError, ProcessLookupError):
            return None
        try:
            uid = os.fstat(descriptor).st_uid
            name, _, rest = os.read(descriptor, _LINE).rpartition(b")")
        except ProcessLookupError:
            return None
        finally:
            os.close(descriptor)
        field = rest.split()
        parent, group, session, user, system, threads, ticks, pages = (
            int(field[place]) for place in (1, 2, 3, 11, 12, 17, 19, 21)
        )
        if field[0] in b"ZX" and threads <= 1:  # a zombie with threads has only lost its first one
            return None
        # An exec puts arguments and environment at another random address.
        image = b" ".join((name, *field[45:49]))
        started, cpu = f"{_boot()}-{ticks}", (user + system) * _TICK
        return Process(pid, parent, group, session, uid, started, ticks, cpu, pages * _PAGE, image)

    def of_this_boot(started: str) -> bool:
        return started.startswith(f"{_boot()}-")

    def pids() -> list[int]:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208

    def environment(process: Process) -> bytes | None:
        """NAME=VALUE, each ended by a zero byte, as the process was given it; None where that cannot be read."""
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123
                return file.read()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None

    def burden(process: Process) -> tuple[float, int]:
        """CPU time in seconds, resident memory in bytes."""
        return process.cpu, process.rss

    def share(process: Process) -> int:
        """Its proportional set size, swapped pages too, in bytes; the resident size where the kernel does not tell."""
        try:
            with open(f"/proc/{process.pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
                lines = [line.split() for line in file]
        except (FileNotFoundError, ProcessLookupError):
            now = look(process.pid)  # an old kernel, or an end
            return now.rss if now is not None and now.started == process.started else 0
        except PermissionError:
            return process.rss
        return 1024 * sum(int(line[1]) for line in lines if line[0] in (b"Pss:", b"SwapPss:"))

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

    def of_this_boot(started: str) -> bool:
        return float(started) >= psutil.boot_time()

    def pids() -> list[int]:
        return psutil.pids()

    def environment(process: Process) -> bytes | None:
        """NAME=VALUE, each ended by a zero byte, as the process was given it; None where that cannot be read."""
        with suppress(psutil.Error, OSError):
            given = psutil.Process(process.pid).environ()
            return os.fsencode("".join(f"{name}={value}\0" for name, value in given.items()))
        return None

    def burden(process: Process) -> tuple[float, int]:
        """CPU time in seconds, resident memory in bytes."""
        with suppress(psutil.Error, OSError):
            seen = psutil.Process(process.pid)
            with seen.oneshot():
                times, memory = seen.cpu_times(), seen.memory_info()
            return times.user + times.system, memory.rss
        return 0.0, 0

    def share(process: Process) -> int:
        """What would be free if it ended, in bytes; the resident size where the kernel does not tell."""
        with suppress(psutil.Error, OSError):
            return int(psutil.Process(process.pid).memory_full_info().uss)
        return burden(process)[1]

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
