"""Permission requests in memory."""

from __future__ import annotations

from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.permission import PermissionRequest, State


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
