"""What the registry keeps of what is over: sums of it, and its removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from genie.adapters.postgres._statements import Reads
from genie.domain.conversation import FOLDED, Tokens
from genie.domain.events import SAID, Kind
from genie.ports.digests import Digest
from genie.ports.garbage import Heap

AT_ONCE = 20_000
"""Rows that one statement removes: nobody waits long for it."""

# ---- sums -----------------------------------------------------------------------------------

_OF = "e.session_id = any(%(sessions)s)"

TOOLS = (
    "select e.session_id, coalesce(e.payload->>'tool', 'unknown') as tool, count(*) as calls from events e"  # noqa: S608
    f" where {_OF} and e.kind = '{Kind.TOOL_CALL.value}' group by 1, 2 order by 1, calls desc, tool"
)

# A patch names several files: in its list of changes, or in its text.
_PATCHED = (
    "array(select e.payload->>'path' union"
    " select c->>'path' from jsonb_array_elements(case when jsonb_typeof(e.payload->'input'->'changes') = 'array'"
    " then e.payload->'input'->'changes' else '[]' end) c where c->>'kind' is distinct from 'delete' union"
    " select m[1] from regexp_matches(coalesce(e.payload->'input'->>'input', e.payload->>'input'),"
    r" '^\*\*\* (?:Add|Update) File: (.+)$', 'gn') m)"
)
_CHANGES = (
    f"{_OF} and e.kind = '{Kind.TOOL_CALL.value}' and (e.payload->>'tool_kind' in ('file_write', 'file_edit')"
    " or (e.payload->>'tool_kind' = 'notebook' and e.payload->>'tool' <> 'NotebookRead'))"
)
_FAILED = (
    f"select e.session_id, e.payload->>'call' from events e where {_OF} and e.kind = '{Kind.TOOL_RESULT.value}'"  # noqa: S608
    " and e.payload->'is_error' = 'true' and e.payload->>'call' is not null"
)
FILES = (
    "select e.session_id, p.path from events e cross join lateral unnest("  # noqa: S608
    f"case when e.payload->>'tool' = 'apply_patch' then {_PATCHED} else array[e.payload->>'path'] end) p(path)"
    # `not in` is looked up in a hash; `not exists` of what has no statistics is looked for call by call.
    f" where {_CHANGES} and p.path <> '' and (e.session_id, coalesce(e.payload->>'call', '')) not in ({_FAILED})"
    " group by 1, 2 order by 1, min(e.seq), 2"
)


def _number(key: str) -> str:
    """What is no number counts as nothing."""
    return f"case when jsonb_typeof(e.payload->'{key}') = 'number' then (e.payload->>'{key}')::numeric end"


def _sum(key: str) -> str:
    return f"coalesce(sum({_number(key)}) filter (where e.kind = '{Kind.USAGE.value}'), 0)::bigint"


SUMS = (
    f"select e.session_id, {', '.join(_sum(key) for key in ('input', 'output', 'cache_read', 'cache_write'))},"  # noqa: S608
    f" (sum({_number('cost')}) filter (where e.kind = '{Kind.USAGE.value}'))::float8,"
    f" coalesce(sum(greatest({_number('turns')}, 0)) filter (where e.kind = any(%(turns)s)), 0)::bigint,"
    f" count(*) filter (where e.kind = '{Kind.USER_MESSAGE.value}' and e.payload->>'parent' is null)"
    f" from events e where {_OF} and e.kind = any(%(summed)s) group by 1"
)
_TURNS = [Kind.PROVIDER_STATUS.value, Kind.SESSION_RESULT.value]
_SUMMED = [*_TURNS, Kind.USAGE.value, Kind.USER_MESSAGE.value]

LIVED = (
    "select session_id, sum(greatest(coalesce(ended_at, %(now)s) - live_at, interval '0')) from runs"
    " where session_id = any(%(sessions)s) and live_at is not null group by 1"
)

# ---- what is over ---------------------------------------------------------------------------

# A session has ended when its agent has, or has another one by now; its end is the last that is known of it.
_OVER = (
    "select s.id, a.id as agent from sessions s join agents a on a.id = s.agent_id left join results o"
    " on o.session_id = s.id where a.host = %(host)s and s.created_at < %(before)s"
    " and (s.id is distinct from a.session_id or (a.life in ('done', 'failed', 'terminated')"
    " and a.changed_at < %(before)s)) and (o.at is null or o.at < %(before)s)"
    " and not exists (select from runs r where r.session_id = s.id"
    " and (r.ended_at is null or r.ended_at >= %(before)s))"
)
OVER = (
    f"with ended as ({_OVER}) select id from ended where id = any(%(ids)s)"  # noqa: S608
    " union select r.id from runs r join ended on ended.id = r.session_id where r.id = any(%(ids)s)"
)

_OLD = (
    f"from ({_OVER}) s join events e on e.session_id = s.id where e.at < %(before)s and e.kind = any(%(said)s)"  # noqa: S608
    " and (e.kind <> all(%(telling)s) or exists"
    " (select from results o where o.session_id = s.id and o.success is not null))"
    " and exists (select from events l where l.session_id = e.session_id and l.seq > e.seq)"
)
OLD_EVENTS = f"select count(*), coalesce(sum(pg_column_size(e.*)), 0) {_OLD}"
DROP_EVENTS = (
    f"with gone as (delete from events where id in (select e.id {_OLD} limit {AT_ONCE}) returning 1)"  # noqa: S608
    " select count(*) from gone"
)
OLD_SAMPLES = "select count(*), coalesce(sum(pg_column_size(s.*)), 0) from samples s where s.at < %(before)s"
DROP_SAMPLES = (
    "with gone as (delete from samples where ctid = any(array(select ctid from samples where at < %(before)s"  # noqa: S608
    f" limit {AT_ONCE})) returning 1) select count(*) from gone"
)

_SAID = [kind.value for kind in SAID]
_TELLING = [f"session.{kind.value}" for kind in FOLDED]
"""What a result is read from."""


class Archive(Reads):
    """The part of the registry that is about what is over."""

    def digests(self, sessions: Sequence[UUID], *, now: datetime) -> dict[UUID, Digest]:
        if not sessions:
            return {}
        params = {"sessions": list(sessions), "now": now, "turns": _TURNS, "summed": _SUMMED}
        tools: dict[UUID, dict[str, int]] = {}
        for session, tool, calls in self._fetch(TOOLS, params):
            tools.setdefault(session, {})[tool] = calls
        files: dict[UUID, list[str]] = {}
        for session, path in self._fetch(FILES, params):
            files.setdefault(session, []).append(path)
        sums = {session: rest for session, *rest in self._fetch(SUMS, params)}
        lived: dict[UUID, timedelta] = dict(self._fetch(LIVED, params))
        return {
            session: _digest(
                tools.get(session, {}), files.get(session, []), sums.get(session), lived.get(session, timedelta(0))
            )
            for session in sessions
        }

    def over(self, host: str, ids: Sequence[UUID], *, before: datetime) -> frozenset[UUID]:
        params = {"host": host, "ids": list(ids), "before": before}
        return frozenset(id_ for (id_,) in self._fetch(OVER, params)) if ids else frozenset()

    def old_events(self, host: str, *, before: datetime) -> Heap:
        return _heap(self._fetch(OLD_EVENTS, _spoken(host, before)))

    def drop_events(self, host: str, *, before: datetime) -> int:
        return self._drop(DROP_EVENTS, _spoken(host, before))

    def old_samples(self, *, before: datetime) -> Heap:
        return _heap(self._fetch(OLD_SAMPLES, {"before": before}))

    def drop_samples(self, *, before: datetime) -> int:
        return self._drop(DROP_SAMPLES, {"before": before})

    def _drop(self, statement: str, params: Mapping[str, object]) -> int:
        total = 0
        while gone := int(self._fetch(statement, params)[0][0]):
            total += gone
        return total


def _spoken(host: str, before: datetime) -> dict[str, object]:
    return {"host": host, "before": before, "said": _SAID, "telling": _TELLING}


def _heap(found: Sequence[Sequence[Any]]) -> Heap:
    count, size = found[0]
    return Heap(int(count), int(size))


def _digest(tools: dict[str, int], files: Sequence[str], sums: Sequence[Any] | None, lived: timedelta) -> Digest:
    if sums is None:
        return Digest(tools=tools, files=tuple(files), lived=lived)
    input_, output, cache_read, cache_write, cost, turns, asked = sums
    return Digest(
        tools=tools,
        files=tuple(files),
        turns=turns,
        asked=asked,
        tokens=Tokens(input=input_, output=output, cache_read=cache_read, cache_write=cache_write, cost=cost),
        lived=lived,
    )
