"""Permission requests in memory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.permission import PermissionRequest, State
from genie.ports.garbage import Heap


def in_order(kept: dict[UUID, PermissionRequest]) -> list[PermissionRequest]:
    return sorted(kept.values(), key=lambda request: (request.asked_at, request.id))


class MemoryPermissionsTx:
    """`genie.ports.PermissionsTx`."""

    @property
    def _requests(self) -> dict[UUID, PermissionRequest]:
        raise NotImplementedError

    def add_permission(self, request: PermissionRequest) -> None:
        assert request.id not in self._requests
        self._requests[request.id] = request

    def permission(self, request: UUID) -> PermissionRequest | None:
        return self._requests.get(request)

    def save_permission(self, request: PermissionRequest) -> None:
        kept = self._requests[request.id]
        assert (kept.agent, kept.run, kept.line, kept.until) == (
            request.agent,
            request.run,
            request.line,
            request.until,
        )
        self._requests[request.id] = request

    def open_permissions(self, agent: UUID) -> list[PermissionRequest]:
        return [one for one in in_order(self._requests) if one.agent == agent and one.state is State.OPEN]


class MemoryPermissions:
    """`genie.ports.Permissions`."""

    @property
    def _asked(self) -> dict[UUID, PermissionRequest]:
        raise NotImplementedError

    @property
    def _people(self) -> dict[UUID, Agent]:
        raise NotImplementedError

    def _answer(self) -> None:
        raise NotImplementedError

    def find_permission(self, request: UUID) -> PermissionRequest | None:
        self._answer()
        return self._asked.get(request)

    def permissions(self, agent: UUID | None, *, limit: int, over: bool = False) -> list[PermissionRequest]:
        self._answer()
        found = [one for one in in_order(self._asked) if agent in (None, one.agent)]
        return [one for one in found if over or one.state is State.OPEN][-limit:]

    def open_permissions_on(self, host: str) -> list[UUID]:
        self._answer()
        found = [one for one in in_order(self._asked) if one.state is State.OPEN]
        return [one.id for one in found if self._people[one.agent].host == host]

    def _settled(self, host: str, before: datetime) -> list[PermissionRequest]:
        self._answer()
        over = [one for one in self._asked.values() if one.state is not State.OPEN and one.changed_at < before]
        return [one for one in over if self._people[one.agent].host == host]

    def old_permissions(self, host: str, *, before: datetime) -> Heap:
        old = self._settled(host, before)
        return Heap(len(old), sum(len(one.line) for one in old))

    def drop_permissions(self, host: str, *, before: datetime) -> int:
        old = self._settled(host, before)
        for one in old:
            del self._asked[one.id]
        return len(old)
