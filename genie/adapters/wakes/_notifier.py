"""What wakes need of an operating system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Change:
    """Something of that name changed in a directory; None: anything did. `maybe`: something may have, it is for others
    to find out. `gone`: the directory is not watched any more, because it was removed or renamed."""

    directory: str
    name: str | None = None
    maybe: bool = False
    gone: bool = False


class Notifier(Protocol):
    """Watches directories, not what lies below them. One thread waits, any thread may call the rest."""

    def watch(self, directory: str) -> bool:
        """Whether it is watched now; False where that cannot be. Watching twice is watching once."""
        ...

    def unwatch(self, directory: str) -> None: ...

    def wait(self, timeout: float | None) -> list[Change]:
        """What has changed, after at most so many seconds; nothing when the time is over or somebody called `wake`."""
        ...

    def wake(self) -> None:
        """End a wait, or the next one."""
        ...

    def close(self) -> None:
        """Nobody waits any more, and nobody will."""
        ...
