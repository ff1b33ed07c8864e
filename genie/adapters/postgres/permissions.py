"""Permission requests: statements and rows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from genie.adapters.postgres._statements import Reads, Writes
from genie.adapters.postgres.rows import to_jsonb
from genie.domain.permission import Answer, PermissionRequest, State, Word
from genie.ports.garbage import Heap

Row = Sequence[Any]

_FIXED = ("id", "agent_id", "session_id", "run_id", "tool", "line", "asked_at", "until")
_MOVING = ("asked", "state", "word", "said", "by_id", "answered_by", "reason", "changed_at")
_NAMES = (*_FIXED, *_MOVING)
_ALL = ", ".join(f"p.{name}" for name in _NAMES)
_ASSIGN = ", ".join(f"{name} = %({name})s" for name in _MOVING)

# ruff: noqa: S608 — every name is a column of ours
_REQUESTS = f"select {_ALL} from permission_requests p"
ADD = f"insert into permission_requests ({', '.join(_NAMES)}) values ({', '.join(f'%({name})s' for name in _NAMES)})"
FOUND = f"{_REQUESTS} where p.id = %(id)s"
HELD = f"{FOUND} for update"
SAVE = f"update permission_requests set {_ASSIGN} where id = %(id)s"
OPEN = f"{_REQUESTS} where p.agent_id = %(agent)s and p.state = 'open' order by p.asked_at, p.id for update"
LATEST = (
    f"select * from ({_REQUESTS} where (%(agent)s::uuid is null or p.agent_id = %(agent)s)"
    " and (%(over)s or p.state = 'open') order by p.asked_at desc, p.id desc limit %(limit)s) latest"
    " order by asked_at, id"
)
OPEN_ON = (
    "select p.id from permission_requests p join agents a on a.id = p.agent_id"
    " where p.state = 'open' and a.host = %(host)s order by p.asked_at, p.id"
)
_OLD = (
    "from permission_requests p join agents a on a.id = p.agent_id"
    " where a.host = %(host)s and p.state <> 'open' and p.changed_at < %(before)s"
)
OLD = f"select count(*), coalesce(sum(pg_column_size(p.*)), 0) {_OLD}"
DROP = (
    f"with gone as (delete from permission_requests where id in (select p.id {_OLD}) returning 1)"
    " select count(*) from gone"
)


def of_permission(request: PermissionRequest) -> dict[str, object]:
    asked = {"input": request.input, "suggestions": request.suggestions}
    return {
        "id": request.id,
        "agent_id": request.agent,
        "session_id": request.session,
        "run_id": request.run,
        "tool": _kept(request.tool),
        "line": _kept(request.line),
        "asked_at": request.asked_at,
        "until": request.until,
        "asked": to_jsonb(asked) if any(asked.values()) else None,
        "state": request.state.value,
        "word": request.answer.word.value if request.answer else None,
        "said": _kept(request.answer.text) if request.answer else None,
        "by_id": request.by,
        "answered_by": _kept(request.answered_by),
        "reason": _kept(request.reason),
        "changed_at": request.changed_at,
    }


def to_permission(row: Row) -> PermissionRequest:
    # fmt: off
    (id_, agent, session, run, tool, line, asked_at, until, asked, state, word, said, by, answered_by, reason,
     changed_at) = row
    # fmt: on
    return PermissionRequest(
        id=id_,
        agent=agent,
        session=session,
        run=run,
        tool=tool,
        line=line,
        input=asked["input"] if asked else {},
        suggestions=tuple(asked["suggestions"]) if asked else (),
        state=State(state),
        answer=Answer(Word(word), said) if word else None,
        by=by,
        answered_by=answered_by,
        reason=reason,
        asked_at=asked_at,
        until=until,
        changed_at=changed_at,
    )


def _kept(text: str | None) -> str | None:
    """PostgreSQL's texts hold neither NUL nor half of a surrogate pair."""
    return None if text is None else text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


class PermissionsTx(Writes):
    """The part of a transaction that is about permission requests."""

    def add_permission(self, request: PermissionRequest) -> None:
        self._write(ADD, of_permission(request))

    def permission(self, request: UUID) -> PermissionRequest | None:
        found = self._fetch(HELD, {"id": request})
        return to_permission(found[0]) if found else None

    def save_permission(self, request: PermissionRequest) -> None:
        self._write(SAVE, of_permission(request))

    def open_permissions(self, agent: UUID) -> list[PermissionRequest]:
        return [to_permission(row) for row in self._fetch(OPEN, {"agent": agent})]


class Permissions(Reads):
    """The part of the registry that is about permission requests."""

    def find_permission(self, request: UUID) -> PermissionRequest | None:
        found = self._fetch(FOUND, {"id": request})
        return to_permission(found[0]) if found else None

    def permissions(self, agent: UUID | None, *, limit: int, over: bool = False) -> list[PermissionRequest]:
        found = self._fetch(LATEST, {"agent": agent, "limit": limit, "over": over})
        return [to_permission(row) for row in found]

    def open_permissions_on(self, host: str) -> list[UUID]:
        return [request for (request,) in self._fetch(OPEN_ON, {"host": host})]

    def old_permissions(self, host: str, *, before: datetime) -> Heap:
        ((count, size),) = self._fetch(OLD, {"host": host, "before": before})
        return Heap(int(count), int(size))

    def drop_permissions(self, host: str, *, before: datetime) -> int:
        return int(self._fetch(DROP, {"host": host, "before": before})[0][0])
