"""The registry in memory, of the unit tests of the use cases, keeps the same contract as the real one."""

from __future__ import annotations

import inspect

import pytest

from tests.contract import test_registry as real
from tests.contract.test_registry import host
from tests.services.registry import MemoryRegistry

ONLY_REAL = {"test_the_lower_id_never_commits_last"}
"""What is PostgreSQL's own: here a transaction waits before its first statement. So is what asks in SQL."""

__all__ = ["host", "registry"]


@pytest.fixture
def registry() -> MemoryRegistry:
    return MemoryRegistry()


def _holds_for_both(name: str) -> bool:
    if not name.startswith("test_") or name in ONLY_REAL:
        return False
    return "sql" not in inspect.signature(getattr(real, name)).parameters


globals().update({name: getattr(real, name) for name in vars(real) if _holds_for_both(name)})


def test_there_is_something_to_run() -> None:
    assert len([name for name in globals() if name.startswith("test_")]) > 20
