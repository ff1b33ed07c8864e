"""What a request is given: the engine's world, and a pool for acting on several agents at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fastapi import Request

from genie.daemon.engine import Engine
from genie.ports import Feed
from genie.services.world import World


@dataclass(frozen=True, slots=True)
class Context:
    """`leave` asks the daemon to end."""

    engine: Engine
    pool: ThreadPoolExecutor
    leave: Callable[[], None]

    @property
    def world(self) -> World:
        """Raises RegistryAway."""
        return self.engine.world

    @property
    def feed(self) -> Feed:
        return self.engine.feed


def context(request: Request) -> Context:
    found = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101  set by the app's maker
    return found
