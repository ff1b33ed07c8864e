"""The connection of the heartbeat: one statement a beat, and nothing else.

The pool asks each connection whether it still lives before it hands it out, which is a statement more. A beat reads and
may be sent again, so that here the loss of a connection is found out by the beat itself.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import psycopg

from genie.adapters.postgres.errors import translated
from genie.adapters.postgres.tx import Params


class Heart:
    """Connects by `new` when it first beats, and again after a loss. Raises RegistryAway."""

    def __init__(self, new: Callable[[], psycopg.Connection[tuple[Any, ...]]]) -> None:
        self._new = new
        self._lock = Lock()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def beat(self, statement: str, params: Params) -> list[tuple[Any, ...]]:
        """The rows of the statement, which is sent once more where the connection turns out to be of a server that
        was restarted."""
        with translated(), self._lock:
            known = self._connection is not None
            try:
                return self._ask(statement, params)
            except (psycopg.OperationalError, psycopg.InterfaceError):
                self._drop()
                if not known:
                    raise
            return self._ask(statement, params)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _ask(self, statement: str, params: Params) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = self._new()
            self._connection.autocommit = True
        return self._connection.execute(statement.encode(), dict(params), binary=True).fetchall()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
