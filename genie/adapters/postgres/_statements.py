"""What the parts of the registry and of its transaction send their statements by."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class Reads(ABC):
    """A part that reads."""

    @abstractmethod
    def _fetch(self, statement: str, params: Mapping[str, object]) -> list[tuple[Any, ...]]:
        """The rows. Raises RegistryAway."""


class Writes(Reads):
    """A part that reads and writes."""

    @abstractmethod
    def _write(self, statement: str, params: Mapping[str, object]) -> int:
        """How many rows it changed. Raises RegistryAway."""
