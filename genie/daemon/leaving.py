"""The end of the daemon, told to those who wait in it: they would hold it up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock


class Leaving:
    """Begins once. Safe from any thread, and from a signal's handler."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._waiters: list[Callable[[], None]] = []
        self._begun = False

    @property
    def begun(self) -> bool:
        return self._begun

    def begin(self) -> None:
        """From now on `begun` is true; everybody who waits is woken to see it."""
        with self._lock:
            self._begun = True
            waiters = list(self._waiters)
        for wake in waiters:
            wake()

    @contextmanager
    def told_to(self, wake: Callable[[], None]) -> Iterator[None]:
        """Have `wake` called when it begins, as long as the block lasts."""
        with self._lock:
            self._waiters.append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiters.remove(wake)
