"""Being woken when anything changes, for faces that draw a picture of now."""

from __future__ import annotations

import threading

from genie.client.api import Genie
from genie.domain.errors import GenieError

RECONNECT = 1.0


class Changes:
    """A thread that follows the daemon's events. A push may be lost while the daemon is away: callers
    look by themselves now and then."""

    def __init__(self, genie: Genie) -> None:
        self._genie = genie
        self._woken = threading.Event()
        self._over = threading.Event()
        threading.Thread(target=self._follow, name="genie-changes", daemon=True).start()

    def wait(self, timeout: float) -> bool:
        """Whether something changed since the last call, or does within `timeout` seconds."""
        woken = self._woken.wait(timeout)
        self._woken.clear()
        return woken

    def close(self) -> None:
        self._over.set()

    def _follow(self) -> None:
        while not self._over.is_set():
            try:
                for _ in self._genie.events(after=-1, follow=True):
                    self._woken.set()
                    if self._over.is_set():
                        return
            except GenieError:
                self._woken.set()
            self._over.wait(RECONNECT)
