"""One open transaction on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from genie.adapters.postgres import rows, sql
from genie.adapters.postgres.errors import translated
from genie.adapters.postgres.messages import MessagesTx
from genie.adapters.postgres.outcomes import TAPE_WIDTH, OutcomesTx, moved_tape, to_tape
from genie.adapters.postgres.permissions import PermissionsTx
from genie.adapters.postgres.schedules import SchedulesTx
from genie.adapters.postgres.teams import TeamsTx
from genie.domain.agent import Agent
from genie.domain.errors import Failed, GenieError, Stale
from genie.domain.events import Event
from genie.domain.session import Run, Session, Standing
from genie.domain.tape import Tape
from genie.domain.tree import Branch, Pace
from genie.ports import Attempt, Windows

Params = Mapping[str, object]

EVENTS_A_STATEMENT = 1000


def fetch(connection: Connection, statement: str, params: Params) -> list[tuple[Any, ...]]:
    """The rows as psycopg gives them: SQLAlchemy's own row objects would double the cost of a heartbeat."""
    cursor = connection.exec_driver_sql(statement, dict(params)).cursor
    if cursor is None:
        raise Failed("a statement that reads has returned no rows")
    found: list[tuple[Any, ...]] = list(cursor.fetchall())
    return found


def _branch(agent: Agent, children: int, descendants: int, total: int) -> Branch:
    return Branch(
        id=agent.id,
        name=agent.name,
        depth=agent.depth,
        limits=agent.limits,
        children=children,
        descendants=descendants,
        total=total,
    )


class PostgresTx(OutcomesTx, SchedulesTx, MessagesTx, PermissionsTx, TeamsTx):
    """`genie.ports.Tx`. Its events wait until `flush`, which must come last in the transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._events: list[Event] = []
        self._moved: tuple[object, ...] = ()
        self._wrote = False
        self._error: GenieError | None = None

    # ---- reading ----

    def lock_name(self, name: str) -> None:
        self._fetch(sql.LOCK_NAME, {"name": f"genie:name:{name}"})

    def standing(self, name: str) -> Standing | None:
        return self._standing(sql.STANDING_OF_NAME, {"name": name})

    def standing_of(self, agent: UUID) -> Standing | None:
        return self._standing(sql.STANDING_OF, {"id": agent})

    def speaker(self, session: UUID) -> tuple[Tape, Standing] | None:
        found = self._fetch(sql.SPEAKER, {"session": session})
        return (to_tape(found[0][:TAPE_WIDTH]), rows.to_standing(found[0][TAPE_WIDTH:])) if found else None

    def lock_tree(self, root: UUID) -> None:
        self._fetch(sql.LOCK_TREE, {"root": f"genie:tree:{root}"})

    def line(self, agent: UUID) -> list[Agent]:
        return [rows.to_agent(row) for row in self._fetch(sql.LINE, {"id": agent})]

    def census(self, line: Sequence[Agent], *, since: Windows) -> tuple[list[Branch], Pace]:
        counts = {row[0]: row[1:] for row in self._fetch(sql.CENSUS, {"line": [agent.id for agent in line]})}
        pace = {
            "parent": line[0].id,
            "root": line[-1].id,
            "parent_since": since.parent,
            "root_since": since.root,
        }
        of_parent, of_tree = self._fetch(sql.PACE, pace)[0]
        return [_branch(agent, *counts[agent.id]) for agent in line], Pace(of_parent=of_parent, of_tree=of_tree)

    def descendants(self, agent: UUID) -> list[Standing]:
        return [rows.to_standing(row) for row in self._fetch(sql.DESCENDANTS, {"id": agent})]

    def taken(self, prefix: str) -> frozenset[str]:
        return frozenset(name for (name,) in self._fetch(sql.TAKEN, {"prefix": prefix}))

    def live_count(self, host: str) -> int:
        return int(self._fetch(sql.LIVE_COUNT, {"host": host})[0][0])

    def colors(self, team: str) -> tuple[str, ...]:
        return tuple(color for (color,) in self._fetch(sql.COLORS, {"team": team}))

    # ---- writing ----

    def add_agent(self, agent: Agent) -> None:
        self._write(sql.ADD_AGENT, rows.of_agent(agent))

    def save_agent(self, agent: Agent) -> Agent:
        if not self._write(sql.SAVE_AGENT, rows.of_agent(agent)):
            with self._noted():
                raise Stale(f"'{agent.name}' was changed by somebody else just now", hint="try again")
        return replace(agent, version=agent.version + 1)

    def add_spawn(self, child: Agent, *, line: Sequence[UUID], at: datetime) -> None:
        self._write(sql.ADD_SPAWN, {"agent": child.id, "parent": line[0], "line": list(line), "at": at})

    def add_session(self, session: Session) -> None:
        self._write(sql.ADD_SESSION, rows.of_session(session))

    def save_session(self, session: Session) -> None:
        """Raises Conflict where another live run has that provider session."""
        self._write(sql.SAVE_SESSION, rows.of_session(session))

    def add_run(self, run: Run) -> None:
        if not self._write(sql.ADD_RUN, rows.of_run(run)):
            with self._noted():
                raise Failed(f"the run {run.id} has no session {run.session} in the registry")
        self._save_missed(run)

    def save_run(self, run: Run) -> None:
        self._write(sql.SAVE_RUN, rows.of_run(run))
        self._save_missed(run)

    def _save_missed(self, run: Run) -> None:
        self._write(sql.MISSED if run.missed else sql.NOT_MISSED, {"id": run.id, "missed": run.missed})

    def add_attempt(self, attempt: Attempt) -> None:
        self._write(sql.ADD_ATTEMPT, asdict(attempt))

    def close_attempt(self, run: UUID, outcome: str) -> None:
        self._write(sql.CLOSE_ATTEMPT, {"run": run, "outcome": outcome})

    def record(self, *events: Event) -> None:
        self._events.extend(events)

    def move_tape(self, tape: Tape) -> None:
        self._moved = moved_tape(tape)

    def flush(self) -> None:
        """Write the events: the last statement of the transaction, as it takes the lock on their order.
        Raises the error of a statement that failed before, which has spoilt the transaction."""
        if self._error:
            raise self._error
        if self._events and self._wrote:
            self._write(sql.CHECK_ALL, {})
        if self._moved and not self._events:
            self._send(sql.MOVE_TAPE, self._moved)
        for first in range(0, len(self._events), EVENTS_A_STATEMENT):
            batch = self._events[first : first + EVENTS_A_STATEMENT]
            values = tuple(value for event in batch for value in rows.of_event(event))
            moved = () if first else self._moved
            self._send(sql.add_events(len(batch), moved=bool(moved)), (*moved, *values))
        self._events.clear()
        self._moved = ()

    def _send(self, statement: str, values: tuple[object, ...]) -> None:
        with self._noted():
            self._connection.exec_driver_sql(statement, values)

    # ---- statements ----

    def _standing(self, statement: str, params: Params) -> Standing | None:
        found = self._fetch(statement, params)
        return rows.to_standing(found[0]) if found else None

    def _fetch(self, statement: str, params: Params) -> list[tuple[Any, ...]]:
        with self._noted():
            return fetch(self._connection, statement, params)

    def _write(self, statement: str, params: Params) -> int:
        """How many rows it changed."""
        self._wrote = True
        with self._noted():
            return self._connection.exec_driver_sql(statement, dict(params)).rowcount

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Translate an error, and remember it: PostgreSQL would answer the commit of a failed
        transaction with a silent rollback."""
        try:
            with translated():
                yield
        except GenieError as error:
            self._error = error
            raise
