"""What sessions have come to, what they got from each other, how far they have been read: statements and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from genie.adapters.postgres import sql
from genie.adapters.postgres._statements import Reads, Writes
from genie.adapters.postgres.rows import to_json, to_jsonb, to_need
from genie.domain.conversation import Tokens
from genie.domain.result import Bond, Edge, Need, Result
from genie.domain.tape import Tape

Row = Sequence[Any]
TAPE_WIDTH = len(sql.TAPE.split(","))

_RESULT = (
    "session_id, agent_id, success, text, structured, submitted, error, turns, input, output, cache_read, cache_write,"
    " cost, exit_code, signal, at"
)
_RESULT_NAMES = [name.strip() for name in _RESULT.split(",")]
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _RESULT_NAMES[1:])

RESULTS = f"select {_RESULT} from results where session_id = any(%(sessions)s)"  # noqa: S608  names of our columns
RESULT = f"select {_RESULT} from results where session_id = %(session)s for update"  # noqa: S608
SAVE_RESULT = (
    f"insert into results ({_RESULT}) values ({', '.join(f'%({name})s' for name in _RESULT_NAMES)})"  # noqa: S608
    f" on conflict (session_id) do update set {_CHANGES}"
)

EDGES = (
    "select session_id, source_id, bond, place from edges where session_id = any(%(sessions)s)"
    " order by session_id, bond, place"
)
ADD_EDGE = (
    "insert into edges (session_id, source_id, bond, place) values (%(session)s, %(source)s, %(bond)s, %(place)s)"
    " on conflict do nothing"
)
# A source whose agent has gone on with another session has ended with its result.
NEEDS = (
    "select e.source_id, a.name, r.success from edges e join sessions s on s.id = e.source_id"
    " join agents a on a.id = s.agent_id left join results r on r.session_id = e.source_id"
    " where e.session_id = %(session)s and e.bond = 'depends-on' order by e.place"
)

ORDER = "select wanted from orders where session_id = %(session)s"
KEEP_ORDER = (
    "insert into orders (session_id, wanted) values (%(session)s, %(wanted)s)"
    " on conflict (session_id) do update set wanted = excluded.wanted"
)

TAPE = f"select {sql.TAPE} from tapes t where t.session_id = %(session)s for update"  # noqa: S608
TAPES = (
    f"select {sql.TAPE} from tapes t join runs r on r.session_id = t.session_id and r.ended_at is null"  # noqa: S608
    " join agents a on a.id = r.agent_id where a.host = %(host)s order by r.created_at, t.session_id"
)
_NEW_TAPE = (
    "insert into tapes (session_id, provider, path, form, position, state)"
    " values (%(session)s, %(provider)s, %(path)s, %(form)s, %(position)s, %(state)s)"
)
ADD_TAPE = f"{_NEW_TAPE} on conflict do nothing"
SAVE_TAPE = (
    f"{_NEW_TAPE} on conflict (session_id) do update set provider = excluded.provider, path = excluded.path,"
    " form = excluded.form, position = excluded.position, state = excluded.state"
)


def of_result(result: Result) -> dict[str, object]:
    tokens = result.tokens
    return {
        "session_id": result.session,
        "agent_id": result.agent,
        "success": result.success,
        "text": _clean(result.text),
        "structured": None if result.structured is None else to_jsonb(result.structured),
        "submitted": result.submitted,
        "error": _clean(result.error),
        "turns": result.turns,
        "input": tokens.input,
        "output": tokens.output,
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write,
        "cost": tokens.cost,
        "exit_code": result.exit_code,
        "signal": result.signal,
        "at": result.at,
    }


def _clean(text: str | None) -> str | None:
    """PostgreSQL's texts hold neither NUL nor half of a surrogate pair."""
    if text is None:
        return None
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def to_result(row: Row) -> Result:
    # fmt: off
    (session, agent, success, text, structured, submitted, error, turns, input_, output, cache_read, cache_write, cost,
     exit_code, signal, at) = row
    # fmt: on
    return Result(
        session=session,
        agent=agent,
        success=success,
        text=text,
        structured=structured,
        submitted=submitted,
        error=error,
        turns=turns,
        tokens=Tokens(input=input_, output=output, cache_read=cache_read, cache_write=cache_write, cost=cost),
        exit_code=exit_code,
        signal=signal,
        at=at,
    )


def of_edge(edge: Edge) -> dict[str, object]:
    return {"session": edge.session, "source": edge.source, "bond": edge.bond.value, "place": edge.place}


def to_edge(row: Row) -> Edge:
    session, source, bond, place = row
    return Edge(session=session, source=source, bond=Bond(bond), place=place)


def of_tape(tape: Tape) -> dict[str, object]:
    return {
        "session": tape.session,
        "provider": tape.provider,
        "path": tape.path,
        "form": tape.form,
        "position": to_json(tape.position),
        "state": to_jsonb(tape.state),
    }


def moved_tape(tape: Tape) -> tuple[object, ...]:
    """What `sql.MOVE_TAPE` takes."""
    kept = of_tape(tape)
    return kept["path"], kept["form"], kept["position"], kept["state"], kept["session"]


def to_tape(row: Row) -> Tape:
    session, provider, path, form, position, state = row
    return Tape(session=session, provider=provider, path=path, form=form, position=position, state=state)


class OutcomesTx(Writes):
    """The part of a transaction that is about outcomes."""

    def result(self, session: UUID) -> Result | None:
        found = self._fetch(RESULT, {"session": session})
        return to_result(found[0]) if found else None

    def save_result(self, result: Result) -> None:
        self._write(SAVE_RESULT, of_result(result))

    def add_edges(self, *edges: Edge) -> None:
        for edge in edges:
            self._write(ADD_EDGE, of_edge(edge))

    def keep_order(self, session: UUID, wanted: Mapping[str, object]) -> None:
        self._write(KEEP_ORDER, {"session": session, "wanted": to_json(wanted)})

    def tape(self, session: UUID) -> Tape | None:
        found = self._fetch(TAPE, {"session": session})
        return to_tape(found[0]) if found else None

    def add_tape(self, tape: Tape) -> None:
        self._write(ADD_TAPE, of_tape(tape))

    def save_tape(self, tape: Tape) -> None:
        self._write(SAVE_TAPE, of_tape(tape))


class Outcomes(Reads):
    """The part of the registry that is about outcomes."""

    def results(self, sessions: Sequence[UUID]) -> dict[UUID, Result]:
        found = self._fetch(RESULTS, {"sessions": list(sessions)}) if sessions else []
        return {result.session: result for result in map(to_result, found)}

    def edges(self, sessions: Sequence[UUID]) -> list[Edge]:
        return [to_edge(row) for row in self._fetch(EDGES, {"sessions": list(sessions)})] if sessions else []

    def needs(self, session: UUID) -> tuple[Need, ...]:
        return tuple(to_need(row) for row in self._fetch(NEEDS, {"session": session}))

    def order(self, session: UUID) -> Mapping[str, object] | None:
        found = self._fetch(ORDER, {"session": session})
        wanted: Mapping[str, object] | None = found[0][0] if found else None
        return wanted

    def tapes(self, host: str) -> list[Tape]:
        return [to_tape(row) for row in self._fetch(TAPES, {"host": host})]
