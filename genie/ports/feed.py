"""Events, pushed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from genie.domain.events import Event


class Subscription(Protocol):
    """Events in the order of their ids, each once. Safe to use from any thread."""

    @property
    def closed(self) -> bool: ...

    def take(self) -> list[Event]:
        """What is there now, without waiting."""
        ...

    def close(self) -> None: ...


class Feed(Protocol):
    """New events, pushed."""

    @property
    def connected(self) -> bool: ...

    def start(self) -> None:
        """Raises RegistryAway, and Conflict where another daemon serves this host in this registry."""
        ...

    def stop(self) -> None: ...

    def subscribe(self, *, after: int, wake: Callable[[], None]) -> Subscription:
        """The events after that id, those that are there already included; `wake` is called, in a
        thread of the feed's, when there is something new or the subscription was closed."""
        ...
