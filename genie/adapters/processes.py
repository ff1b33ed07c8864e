"""Processes: who lives, who ended, and the end of a whole tree.

A process is named by its pid and its start time, so that a pid that was given away again is never mistaken.
Its end is watched through a descriptor that becomes readable (Linux: pidfd, macOS: kqueue); nothing polls.
"""

from __future__ import annotations

import os
import selectors
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from uuid import UUID

import psutil

from genie.domain.errors import Survivors

_KILL_ROUND = 0.5
"""Seconds to wait after one round of SIGKILL before looking again."""

_WAIT_FOR = 200
"""How many processes are waited for at once: each takes a descriptor."""


@dataclass(frozen=True, slots=True)
class _Process:
    """One line of the process table. `started` as in `SystemProcesses.started`, `age` orders by start."""

    pid: int
    parent: int
    group: int
    session: int
    uid: int
    stopped: bool
    started: str
    age: float


# ---- the process table ----------------------------------------------------------------------

if sys.platform == "linux":

    @cache
    def _boot() -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]

    def _look(pid: int) -> _Process | None:
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
        return _Process(pid, parent, group, session, uid, field[0] == b"T", f"{_boot()}-{ticks}", ticks)

    def _pids() -> list[int]:
        return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208

    def _carries(process: _Process, mark: bytes) -> bool:
        try:
            with open(f"/proc/{process.pid}/environ", "rb") as file:  # noqa: PTH123
                return mark in file.read().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False

    def _end_of(pid: int) -> int | None:
        """A descriptor that is readable once that process has ended; None when there is no such process."""
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None

    def _signal(descriptor: int, pid: int, number: signal.Signals) -> None:  # noqa: ARG001 - the descriptor is surer
        signal.pidfd_send_signal(descriptor, number)

else:
    import select

    def _look(pid: int) -> _Process | None:
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
        stopped = status == psutil.STATUS_STOPPED
        return _Process(pid, parent, group, session, uid, stopped, f"{started:.6f}", started)

    def _pids() -> list[int]:
        return psutil.pids()

    def _carries(process: _Process, mark: bytes) -> bool:
        name, _, value = os.fsdecode(mark).partition("=")
        with suppress(psutil.Error, OSError):
            return psutil.Process(process.pid).environ().get(name) == value
        return False

    def _end_of(pid: int) -> int | None:
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

    def _signal(descriptor: int, pid: int, number: signal.Signals) -> None:  # noqa: ARG001
        os.kill(pid, number)


@contextmanager
def _held(pid: int, started: str) -> Iterator[int | None]:
    """The descriptor of exactly that process; None when it has ended."""
    descriptor = _open_exact(pid, started)
    try:
        yield descriptor
    finally:
        _shut(descriptor)


def _shut(descriptor: int | None) -> None:
    if descriptor is not None:
        os.close(descriptor)


def _open_exact(pid: int, started: str) -> int | None:
    """The caller closes it. It is opened first and compared then: what is held cannot be given away again."""
    descriptor = _end_of(pid) if pid > 0 else None
    if descriptor is None:
        return None
    now = _look(pid)
    if now is None or now.started != started:
        os.close(descriptor)
        return None
    return descriptor


def _send(pid: int, started: str, *numbers: signal.Signals) -> None:
    with _held(pid, started) as descriptor, suppress(ProcessLookupError, PermissionError):
        if descriptor is not None:
            for number in numbers:
                _signal(descriptor, pid, number)


def _wait(processes: Iterable[_Process], seconds: float) -> None:
    """Until all of them (of very many, the first ones) have ended, or the time is over."""
    deadline = time.monotonic() + seconds
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for process in islice(processes, _WAIT_FOR):
            descriptor = stack.enter_context(_held(process.pid, process.started))
            if descriptor is not None:
                selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                selector.unregister(key.fileobj)


def _readable(descriptor: int, within: float = 0.0) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return bool(selector.select(within))


# ---- the end of a tree ----------------------------------------------------------------------


@dataclass(slots=True)
class _Hunt:
    """What one end of a tree goes by. `led` are the pids of members that led a session or group, with their age: such
    a number is not given away as long as anybody is in it. `asked` have had their SIGTERM."""

    mark: bytes
    pid: int | None
    started: str | None
    led: dict[int, float] = field(default_factory=dict)
    asked: set[_Process] = field(default_factory=set)

    def root(self) -> _Process | None:
        root = _look(self.pid) if self.pid else None
        return root if root is not None and root.started == self.started else None

    def knows(self, process: _Process) -> bool:
        """Whether it is of the tree by itself, whatever became of its parent."""
        born = [self.led[leader] for leader in (process.session, process.group) if leader in self.led]
        return any(process.age >= age for age in born) or _carries(process, self.mark)


# ---- the port -------------------------------------------------------------------------------


class SystemProcesses:
    """Implements `genie.ports.Processes`. `spared` gives pids that no end of a tree ever touches, nor anything
    below them: tmux servers, the database. `kill_within` is in seconds: what outlives SIGKILL longer is a survivor."""

    def __init__(self, spared: Callable[[], Collection[int]] = frozenset, *, kill_within: float = 5.0) -> None:
        self._spared = spared
        self._kill_within = kill_within

    def started(self, pid: int) -> str | None:
        process = _look(pid) if pid > 0 else None
        return process.started if process else None

    def alive(self, pid: int, started: str) -> bool:
        return self.started(pid) == started

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        try:
            words = psutil.Process(pid).cmdline()
        except (psutil.Error, ValueError):
            return False
        return str(run) in words and any(word.endswith("/runner.py") for word in words)

    def terminate(self, pid: int, started: str) -> None:
        _send(pid, started, signal.SIGTERM)

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        with _held(pid, started) as descriptor:
            if descriptor is None:
                return True
            return _readable(descriptor, within.total_seconds())

    def ancestors(self, pid: int) -> list[int]:
        line: list[int] = []
        process = _look(pid)
        while process is not None and process.parent > 0 and process.parent not in line:
            line.append(process.parent)
            process = _look(process.parent)
        return line

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        """The seam for cgroup v2 is here: where a delegated cgroup holds the run, `cgroup.kill` comes first and
        this search after it."""
        polite_until = time.monotonic() + grace.total_seconds()
        hunt = _Hunt(f"GENIE_RUN_ID={run}".encode(), pid, started)
        while True:
            polite = time.monotonic() < polite_until
            members = self._members(hunt, on_sight=_ask if polite else _kill)
            left = polite_until - time.monotonic()
            if not members:
                return
            if not polite and left < -self._kill_within:
                raise _survived(run, members)
            for process in members - hunt.asked if polite else members:
                (_ask if polite else _kill)(process)
            hunt.asked |= members
            _wait(members, left if polite else _KILL_ROUND)

    def _members(self, hunt: _Hunt, *, on_sight: Callable[[_Process], None]) -> set[_Process]:
        """The living processes of the tree: below the root, in sessions and groups that a member leads or led, and
        those that carry the run id, wherever they have gone. The youngest are looked at first and dealt with on
        sight: what forks all the time would be gone at the end of the look."""
        root = hunt.root()
        spared, born = self._untouchable(root), root.age if root else 0.0
        table: dict[int, _Process] = {}
        seeds = [root] if root else []
        for pid in sorted(_pids(), reverse=True):
            process = _look(pid)
            if process is None:
                continue
            table[pid] = process
            if pid not in spared and _mine(process, born) and hunt.knows(process):
                seeds.append(process)
                if process not in hunt.asked:
                    on_sight(process)
        members = _closure(seeds, table, spared)
        hunt.led.update({member.pid: member.age for member in members if member.pid in (member.session, member.group)})
        return members

    def _untouchable(self, root: _Process | None) -> frozenset[int]:
        """This process and all above it, and the tmux server of the root's pane."""
        own = os.getpid()
        server = {root.parent} if root else set()
        return frozenset({0, 1, own, *self.ancestors(own), *server, *self._spared()})


def _mine(process: _Process, born: float) -> bool:
    """Whether it may be asked for its environment, and is young enough to be of the tree."""
    return process.age >= born and os.geteuid() in (0, process.uid)


def _ask(process: _Process) -> None:
    """A stopped process gets its SIGTERM only when it goes on."""
    _send(process.pid, process.started, signal.SIGTERM, signal.SIGCONT)


def _kill(process: _Process) -> None:
    _send(process.pid, process.started, signal.SIGKILL)


def _closure(seeds: list[_Process], table: dict[int, _Process], spared: frozenset[int]) -> set[_Process]:
    """The seeds with everything below them and in the sessions and groups they lead, down to the last."""
    below: defaultdict[int, list[_Process]] = defaultdict(list)
    for process in table.values():
        for leader in {process.parent, process.group, process.session} - {process.pid}:
            below[leader].append(process)
    members: dict[int, _Process] = {}
    pending = seeds
    while pending:
        process = pending.pop()
        if process.pid not in members and process.pid not in spared:
            members[process.pid] = process
            pending += below[process.pid]
    return set(members.values())


def _survived(run: UUID, members: Iterable[_Process]) -> Survivors:
    pids = sorted(process.pid for process in members)
    return Survivors(
        f"{len(pids)} processes of run {run} outlived SIGKILL: {', '.join(map(str, pids))}",
        hint="they hang in the kernel, or belong to another user",
        pids=pids,
    )


# ---- being told of an end -------------------------------------------------------------------


@dataclass(slots=True)
class _Watched:
    key: UUID
    descriptor: int
    callback: Callable[[UUID], None]


class Watcher:
    """Calls back, once and in a thread of its own, when a process ends; also one that is nobody's child, or ended
    before it was watched. A callback must not raise and must be short: the others wait for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[UUID, _Watched] = {}
        self._ended: list[tuple[UUID, Callable[[UUID], None]]] = []
        self._selector = selectors.DefaultSelector()
        self._ear, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._ear, False)
        self._selector.register(self._ear, selectors.EVENT_READ)
        self._closing = False
        self._thread = threading.Thread(target=self._loop, name="genie-watcher", daemon=True)
        self._thread.start()

    def watch(self, key: UUID, pid: int, started: str, callback: Callable[[UUID], None]) -> None:
        """A second watch of the same key takes the place of the first."""
        descriptor = _open_exact(pid, started)
        with self._lock:
            self._drop(key)
            if self._closing:
                _shut(descriptor)
                return
            if descriptor is None:
                self._ended.append((key, callback))
            else:
                self._watched[key] = _Watched(key, descriptor, callback)
                self._selector.register(descriptor, selectors.EVENT_READ, self._watched[key])
            self._ring()

    def forget(self, key: UUID) -> None:
        """From now on no callback begins for that key."""
        with self._lock:
            self._drop(key)

    def close(self) -> None:
        """Ends the thread; nothing is called back any more."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            for key in list(self._watched):
                self._drop(key)
            self._ring()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def _drop(self, key: UUID) -> None:
        self._ended = [(ended, callback) for ended, callback in self._ended if ended != key]
        watched = self._watched.pop(key, None)
        if watched is not None:
            self._selector.unregister(watched.descriptor)
            os.close(watched.descriptor)

    def _ring(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._bell, b".")

    def _loop(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.data is None:
                    os.read(self._ear, 4096)
                else:
                    self._note(key.data)
            self._call_back()
        self._selector.close()
        os.close(self._ear)
        os.close(self._bell)

    def _note(self, watched: _Watched) -> None:
        # Looked at again: its descriptor's number may be that of one that was forgotten meanwhile.
        with self._lock:
            if self._watched.get(watched.key) is watched and _readable(watched.descriptor):
                self._drop(watched.key)
                self._ended.append((watched.key, watched.callback))

    def _call_back(self) -> None:
        while True:
            with self._lock:
                if not self._ended or self._closing:
                    return
                key, callback = self._ended.pop(0)
            callback(key)
