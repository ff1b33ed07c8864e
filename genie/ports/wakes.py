"""Being told that files have changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Wakes(Protocol):
    """Who tells that a file has changed: calls back, in a thread of its own, with the key of its path."""

    def add(self, key: str, path: str, callback: Callable[[str], None]) -> None:
        """Tell of that path, which need not be there yet. A key that is there gets a new path."""
        ...

    def remove(self, key: str) -> None:
        """Tell of it no more; nothing where there is no such key."""
        ...

    def close(self) -> None: ...
