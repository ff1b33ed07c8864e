"""Being told that a file or a directory has changed: one thread for any number of them.

wakes = Wakes()
wakes.add("session 1", path, lambda key: ...)   # then read what is there already
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import structlog

from genie.adapters.wakes._inotify import Inotify
from genie.adapters.wakes._notifier import Change as Change
from genie.adapters.wakes._notifier import Notifier as Notifier

Callback = Callable[[str], None]
Sign = tuple[int, int, int, int]
POLL = 5.0
_log = structlog.get_logger()


def notifier() -> Notifier:
    """The best that this system has."""
    try:
        return Inotify()
    except OSError:
        # An import of a tenth of a second, for the systems that need it only.
        from genie.adapters.wakes._watchfiles import Watchfiles

        return Watchfiles()


@dataclass(frozen=True, slots=True)
class _Watched:
    """`directory` is the one that is watched for a path, `name` what of it: None is anything. Where the path's own
    directory is not there, it is the nearest one above it, and `near` is False."""

    path: str
    callback: Callback
    directory: str = ""
    name: str | None = None
    near: bool = False
    sign: Sign | None = None


class Wakes:
    """Calls back when a file is written, made, renamed or removed; for a directory, when that happens right in it.

    A callback is called in the thread of the wakes, soon after the change, once for many changes that come
    together, and now and then without one: it should only set an event or put the key into a queue. Every `poll`
    seconds all paths are looked at, for file systems that tell nothing. A path need not be there yet. Without
    a path the thread sleeps for ever, and with idle ones for `poll` seconds at a time.
    """

    def __init__(self, *, poll: float = POLL, notifier: Callable[[], Notifier] = notifier) -> None:
        self._poll = poll
        self._notifier = notifier()
        self._lock = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._keys: dict[str, set[str]] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="genie-wakes", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, key: str, path: str, callback: Callback) -> None:
        """From now on, call `callback(key)` for changes of that path. A key that is there gets a new path."""
        with self._lock:
            self._drop(key)
            self._place(key, _Watched(_absolute(path), callback, sign=_sign(path)))
        self._notifier.wake()

    def remove(self, key: str) -> None:
        """Nothing when there is no such key. A callback that is under way may still come."""
        with self._lock:
            self._drop(key)

    def close(self) -> None:
        """Returns when the last callback has. Not to be called from one."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._notifier.wake()
        self._thread.join()
        self._notifier.close()

    # ---- the thread ----

    def _run(self) -> None:
        look = time.monotonic() + self._poll
        while not self._closed:
            left = look - time.monotonic()
            changes = self._notifier.wait(max(left, 0.0) if self._watched else None)
            with self._lock:
                keys = self._changed(changes)
                if time.monotonic() >= look:
                    keys |= self._polled()
                    look = time.monotonic() + self._poll
                due = [(key, self._watched[key].callback) for key in keys if key in self._watched]
            for key, callback in due:
                _call(key, callback)

    # ---- under the lock; a dictionary without values is an ordered set ----

    def _changed(self, changes: list[Change]) -> dict[str, None]:
        keys: dict[str, None] = {}
        for change in changes:
            for key in sorted(self._keys.get(change.directory, ())):
                watched = self._watched[key]
                meant = change.name is None or watched.name in (None, change.name)
                if not (meant or change.gone or not watched.near):
                    continue
                other = self._again(key, anew=change.gone or not watched.near)
                if other or (meant and watched.near and not change.maybe):
                    keys[key] = None
        return keys

    def _polled(self) -> dict[str, None]:
        """Those that look other than before, without anybody having told."""
        keys = [key for key, watched in self._watched.items() if _sign(watched.path) != watched.sign]
        for key in keys:
            self._again(key, anew=True)
        return dict.fromkeys(keys)

    def _again(self, key: str, *, anew: bool) -> bool:
        """Look at a path: whether it looks other than before. When it is another file, or when told to, it is
        found `anew`: it may be a directory now, or a link, or gone."""
        before = self._watched[key]
        sign = _sign(before.path)
        if anew or _identity(sign) != _identity(before.sign):
            self._drop(key)
            self._place(key, before)
            # What came into being before it was watched is seen only now.
            sign = _sign(before.path)
        self._watched[key] = replace(self._watched[key], sign=sign)
        return sign != before.sign

    def _place(self, key: str, watched: _Watched) -> None:
        """Watch the right directory, which can come into being while it is looked for."""
        spot = _spot(watched.path)
        while self._notifier.watch(spot[0]):
            now = _spot(watched.path)
            if now == spot:
                break
            if spot[0] not in self._keys:
                self._notifier.unwatch(spot[0])
            spot = now
        self._watched[key] = replace(watched, directory=spot[0], name=spot[1], near=spot[2])
        self._keys.setdefault(spot[0], set()).add(key)

    def _drop(self, key: str) -> None:
        watched = self._watched.pop(key, None)
        if watched is None:
            return
        keys = self._keys[watched.directory]
        keys.discard(key)
        if not keys:
            del self._keys[watched.directory]
            self._notifier.unwatch(watched.directory)


def _call(key: str, callback: Callback) -> None:
    try:
        callback(key)
    except Exception:  # noqa: BLE001 - the outermost edge of a thread that serves all the others, too
        _log.exception("wake_failed", key=key)


def _absolute(path: str) -> str:
    """Links are followed anew each time that the path is looked at."""
    return os.path.abspath(path)  # noqa: PTH100


def _sign(path: str) -> Sign | None:
    try:
        seen = os.stat(path)  # noqa: PTH116 - many times a second, where pathlib costs more than the call
    except OSError:
        return None
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns


def _identity(sign: Sign | None) -> tuple[int, ...] | None:
    return sign and sign[:2]


def _spot(path: str) -> tuple[str, str | None, bool]:
    """The directory to watch for a path, what of it, and whether it is the path's own."""
    real = os.path.realpath(path)
    if os.path.isdir(real):  # noqa: PTH112
        return real, None, True
    directory, name = os.path.split(real)
    near = True
    while not os.path.isdir(directory):  # noqa: PTH112
        directory, near = os.path.dirname(directory), False  # noqa: PTH120
    return directory, name, near
