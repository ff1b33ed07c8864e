"""Being told of an end."""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from genie.adapters.processes.table import open_exact, readable, shut


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
        descriptor = open_exact(pid, started)
        with self._lock:
            self._drop(key)
            if self._closing:
                shut(descriptor)
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
            if self._watched.get(watched.key) is watched and readable(watched.descriptor):
                self._drop(watched.key)
                self._ended.append((watched.key, watched.callback))

    def _call_back(self) -> None:
        while True:
            with self._lock:
                if not self._ended or self._closing:
                    return
                key, callback = self._ended.pop(0)
            callback(key)
