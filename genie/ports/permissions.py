"""Permission requests: what is kept of them, and how programs say them and are answered."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.permission import Answer, Asked, PermissionRequest
from genie.ports.garbage import Heap


class PermissionsTx(Protocol):
    """What is written about permission requests."""

    def add_permission(self, request: PermissionRequest) -> None: ...

    def permission(self, request: UUID) -> PermissionRequest | None:
        """Held until the end of the transaction."""
        ...

    def save_permission(self, request: PermissionRequest) -> None:
        """All but who asked what."""
        ...

    def open_permissions(self, agent: UUID) -> list[PermissionRequest]:
        """Those of an agent that are open, oldest first, held until the end of the transaction."""
        ...


class Permissions(Protocol):
    """What is read of permission requests. Every method raises RegistryAway."""

    def find_permission(self, request: UUID) -> PermissionRequest | None: ...

    def permissions(self, agent: UUID | None, *, limit: int, over: bool = False) -> list[PermissionRequest]:
        """The latest that are open, of that agent or of all where it is None, oldest first; with `over` also those
        that are not any more."""
        ...

    def open_permissions_on(self, host: str) -> list[UUID]:
        """The open ones of that host's agents."""
        ...

    def old_permissions(self, host: str, *, before: datetime) -> Heap:
        """Those of that host's agents that were settled before then."""
        ...

    def drop_permissions(self, host: str, *, before: datetime) -> int:
        """Remove these; how many they were."""
        ...


class Dialogs(Protocol):
    """How providers' hooks say what their program asks, and are told the answer."""

    def asked(self, provider: str, payload: str) -> Asked | None:
        """What the hook was told; None for what does not read."""
        ...

    def decision(self, provider: str, asked: Asked, answer: Answer) -> str:
        """What the hook is to print for that answer, which fits what was asked."""
        ...
