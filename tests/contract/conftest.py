"""One registry after the other, for what holds over both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from genie.adapters.postgres.registry import PostgresRegistry
from genie.ports import Registry
from tests.contract.values import HOST, NOW
from tests.services.registry import MemoryRegistry


@pytest.fixture(params=["memory", "postgres"])
def either(request: pytest.FixtureRequest) -> Registry:
    """The one in memory, then the real one, of a host that has joined it."""
    if request.param == "memory":
        made: Registry = MemoryRegistry()
    else:
        real: PostgresRegistry = request.getfixturevalue("real")
        made = real
    made.join_host(HOST, name="box", boot="b", at=NOW)
    return made


@pytest.fixture
def real(dsn: str) -> Iterator[PostgresRegistry]:
    registry = PostgresRegistry(dsn)
    yield registry
    registry.close()
