"""How this package connects: one way for URLs and key=value strings, and no wait without an end."""

from __future__ import annotations

import re
from collections.abc import Generator
from time import monotonic
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from genie.adapters.postgres.errors import translated
from genie.domain.errors import BadConfig

CONNECT_TIMEOUT = 5
"""Seconds to connect."""

ANSWER_TIMEOUT = 30.0
"""Seconds that a statement may take. A server that is stopped or cut off never says so."""

_NETWORK = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15000}

R = TypeVar("R")


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that gives up on a server which does not answer within ANSWER_TIMEOUT."""

    def wait(self, gen: Generator[Any, Any, R], *args: Any, **kwargs: Any) -> R:  # noqa: ANN401  psycopg's own
        try:
            return super().wait(_bounded(gen, ANSWER_TIMEOUT), *args, **kwargs)
        except _NoAnswer as error:
            self.pgconn.finish()
            raise psycopg.OperationalError(f"no answer within {ANSWER_TIMEOUT:g} s") from error


class _NoAnswer(Exception):
    pass


def _bounded(gen: Generator[Any, Any, R], seconds: float) -> Generator[Any, Any, R]:
    """`gen`, ended by _NoAnswer when it waits longer than that. psycopg wakes it every 100 ms."""
    end = monotonic() + seconds
    try:
        state = next(gen)
        while True:
            ready = yield state
            if not ready and monotonic() > end:
                raise _NoAnswer
            state = gen.send(ready)
    except StopIteration as stop:
        result: R = stop.value
        return result


def parameters(dsn: str) -> dict[str, Any]:
    """The parts of a connection string. Raises BadConfig for one that does not read."""
    try:
        given = conninfo_to_dict(re.sub(r"^(postgres|postgresql)\+\w+://", "postgresql://", dsn.strip()))
    except psycopg.ProgrammingError as error:
        raise BadConfig(
            f"database_url does not read: {str(error).strip()}",
            hint="postgresql://user:password@host:5432/database",
        ) from error
    return {"application_name": "genie", "connect_timeout": CONNECT_TIMEOUT} | _NETWORK | given


def connect(dsn: str, *, autocommit: bool = False) -> BoundedConnection:
    """A connection whose times are in UTC. Raises psycopg's own errors."""
    connection = BoundedConnection.connect(**parameters(dsn), autocommit=True)
    connection.execute("set time zone 'UTC'")
    connection.autocommit = autocommit
    return connection


def connect_or_away(dsn: str) -> BoundedConnection:
    """A connection in autocommit. Raises RegistryAway."""
    with translated():
        return connect(dsn, autocommit=True)


def without_password(dsn: str) -> str:
    """The same connection as a key=value string that may be shown."""
    parts = conninfo_to_dict(re.sub(r"^(postgres|postgresql)\+\w+://", "postgresql://", dsn.strip()))
    parts.pop("password", None)
    return make_conninfo("", **parts)
