"""The registry on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import QueuePool

from genie.adapters.postgres import memo, rows, sql
from genie.adapters.postgres import samples as kept
from genie.adapters.postgres.archive import Archive
from genie.adapters.postgres.connect import BoundedConnection, connect, parameters
from genie.adapters.postgres.errors import translated
from genie.adapters.postgres.heart import Heart
from genie.adapters.postgres.jobs import HostJobs
from genie.adapters.postgres.messages import Messages
from genie.adapters.postgres.outcomes import Outcomes
from genie.adapters.postgres.permissions import Permissions
from genie.adapters.postgres.schedules import Schedules
from genie.adapters.postgres.searching import Library
from genie.adapters.postgres.teams import Teams
from genie.adapters.postgres.tx import Params, PostgresTx, fetch
from genie.domain.agent import Life
from genie.domain.events import Event, Kind
from genie.domain.selecting import SHOWN, Match, Selection, span
from genie.domain.session import PaneIdentity, Run, Session, Standing
from genie.domain.usage import Sample
from genie.ports import Badge, Leaf, Relative, Stretch, Vital, Wanted

LAST_SEQ = 2**63 - 1
"""No event of a session has a greater number."""

POOL_TIMEOUT = 10
"""Seconds to wait for a free connection of the pool."""


class PostgresRegistry(Outcomes, Schedules, Messages, Permissions, Teams, Archive, Library):
    """`genie.ports.Registry`. Connects when it is first asked, and again after a loss.

    At most `pool_size` connections, two or more, of which one is the heartbeat's. `dsn` is a URL or a key=value string;
    raises BadConfig for one that does not read.
    """

    def __init__(self, dsn: str, pool_size: int = 5) -> None:
        parameters(dsn)
        self._dsn = dsn
        self._retired = False
        self._heart = Heart(self._new)
        self._standings_of_beat = memo.Standings()
        self._engine = create_engine(
            "postgresql+psycopg://",
            creator=self._new,
            poolclass=QueuePool,
            pool_size=pool_size - 1,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            use_native_hstore=False,
        )
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close the connections. It opens new ones if it is used again."""
        self._heart.close()
        self._engine.dispose()

    def retire(self) -> None:
        """Close it for good: whoever still has it finds the registry away."""
        self._retired = True
        self.close()

    def jobs(self, host: str) -> HostJobs:
        """A host's jobs, over the same connections."""
        return HostJobs(self._engine, host)

    def _new(self) -> BoundedConnection:
        if self._retired:
            raise psycopg.OperationalError("this registry was closed")
        return connect(self._dsn)

    @contextmanager
    def begin(self) -> Iterator[PostgresTx]:
        with translated(), self._engine.connect() as connection, connection.begin():
            tx = PostgresTx(connection)
            yield tx
            tx.flush()

    # ---- hosts ----

    def beat(self, host: str, *, at: datetime) -> list[Standing]:
        return self._standings_of_beat.of(self._heart.beat(sql.BEAT, {"host": host, "at": at}))

    def last_beat(self, host: str) -> datetime | None:
        found = self._fetch(sql.LAST_BEAT, {"host": host})
        beat: datetime | None = found[0][0] if found else None
        return beat

    def join_host(self, host: str, *, name: str, boot: str, at: datetime) -> None:
        with translated(), self._reading.connect() as connection:
            connection.exec_driver_sql(sql.JOIN_HOST, {"id": host, "name": name, "boot": boot, "at": at})

    # ---- agents ----

    def roster(self, wanted: Wanted) -> list[Standing]:
        """Of several names, lives or tags an agent has one."""
        return self._standings(
            sql.ROSTER,
            {
                "all": wanted.all,
                "names": list(wanted.names),
                "team": wanted.team,
                "tags": list(wanted.tags),
                "lives": [life.value for life in wanted.lives],
            },
        )

    def find(self, name: str) -> Standing | None:
        return next(iter(self._standings(sql.FIND, {"name": name})), None)

    def select(self, wanted: Selection) -> list[Match]:
        words = list(dict.fromkeys(wanted.words))
        spans = [span(word) for word in words]
        params: Params = {
            "words": words,
            "lows": [one.low if one else None for one in spans],
            "highs": [one.high if one else None for one in spans],
            "shown": SHOWN,
            "group": wanted.has_group,
            "team": wanted.team,
            "tags": list(wanted.tags),
            "latest": wanted.latest,
        }
        return [
            Match(word=word, session=session, total=total, standing=rows.to_standing(row))
            for word, session, total, *row in self._fetch(sql.SELECT, params)
        ]

    def standings(self, agents: Sequence[UUID]) -> list[Standing]:
        return self._standings(sql.STANDINGS, {"ids": list(agents)}) if agents else []

    def children(self, agent: UUID) -> list[Standing]:
        """All of them, terminated ones too, in the order of team and name."""
        return self._standings(sql.CHILDREN, {"id": agent})

    def bearer(self, token: str) -> tuple[Standing, Run] | None:
        found = self._fetch(sql.BEARER, {"token": token})
        if not found:
            return None
        row, runs = found[0], len(sql.RUN)
        return rows.to_standing(row[runs:]), rows.to_run([*row[:runs], 0])

    def live_panes(self, host: str) -> dict[UUID, PaneIdentity]:
        runs = [rows.to_run([*row, 0]) for row in self._fetch(sql.LIVE_PANES, {"host": host})]
        return {run.id: run.pane for run in runs if run.pane}

    def forget_spawns(self, *, before: datetime) -> int:
        with translated(), self._reading.connect() as connection:
            return connection.exec_driver_sql(sql.FORGET_SPAWNS, {"before": before}).rowcount

    def relatives(self, agents: Sequence[UUID]) -> dict[UUID, Relative]:
        found = self._fetch(sql.RELATIVES, {"ids": list(agents)}) if agents else []
        return {id_: Relative(name, Life(life)) for id_, name, life in found}

    def agent_names(self, agents: Sequence[UUID]) -> dict[UUID, str]:
        return dict(self._fetch(sql.AGENT_NAMES, {"ids": list(agents)})) if agents else {}

    def badges(self, agents: Sequence[UUID]) -> dict[UUID, Badge]:
        found = self._fetch(sql.BADGES, {"ids": list(agents)}) if agents else []
        return {id_: Badge(name, team, frozenset(tags)) for id_, name, team, tags in found}

    def sessions(self, agent: UUID) -> list[Session]:
        """Oldest first."""
        return [rows.to_session(row) for row in self._fetch(sql.SESSIONS, {"agent": agent})]

    def runs(self, agent: UUID) -> list[Run]:
        return [rows.to_run(row) for row in self._fetch(sql.RUNS, {"agent": agent})]

    def owners(self, runs: Sequence[UUID]) -> dict[UUID, Standing]:
        found = self._fetch(sql.OWNERS, {"runs": list(runs)}) if runs else []
        return {row[0]: rows.to_standing(row[1:]) for row in found}

    def kept_ids(self) -> tuple[frozenset[UUID], frozenset[UUID]]:
        found = self._fetch(sql.KEPT_IDS, {})
        sessions = frozenset(id_ for is_session, id_ in found if is_session)
        return sessions, frozenset(id_ for is_session, id_ in found if not is_session)

    # ---- events ----

    def history(self, agent: UUID, *, limit: int, kinds: Sequence[Kind] = ()) -> list[Event]:
        found = self._fetch(sql.HISTORY, {"agent": agent, "limit": limit, "kinds": _values(kinds)})
        return [rows.to_event(row) for row in found]

    def stretch(self, of: Stretch, *, limit: int = 500) -> list[Event]:
        return [rows.to_event(row) for row in self._fetch(sql.STRETCH, _params(of) | {"limit": limit})]

    def measure(self, of: Stretch) -> int:
        return int(self._fetch(sql.MEASURE, _params(of))[0][0])

    def before_last(self, of: Stretch, count: int) -> int:
        found = self._fetch(sql.BEFORE_LAST, _params(of) | {"count": count})
        return int(found[0][0]) if found else of.after

    def events(self, *, after: int, limit: int = 500) -> list[Event]:
        found = self._fetch(sql.EVENTS_AFTER, {"after": after, "limit": limit, "kinds": rows.KINDS})
        return [rows.to_event(row) for row in found]

    def last_event(self) -> int:
        return int(self._fetch(sql.LAST_EVENT, {})[0][0])

    # ---- use ----

    def add_samples(self, samples: Sequence[Sample]) -> None:
        with translated(), self._reading.connect() as connection:
            kept.add(connection, samples)

    def roll_up(self, now: datetime) -> None:
        with translated(), self._reading.connect() as connection:
            kept.roll_up(connection, now)

    def vitals(self, host: str, *, wanted: Wanted, since: datetime, now: datetime) -> list[Vital]:
        with translated(), self._reading.connect() as connection:
            return kept.vitals(connection, host, wanted=wanted, since=since, now=now)

    def grove(self, *, top: str | None, everything: bool, now: datetime) -> list[Leaf]:
        with translated(), self._reading.connect() as connection:
            return kept.grove(connection, top=top, everything=everything, now=now)

    # ---- teams ----

    def lead_sessions(self) -> list[tuple[str, str]]:
        return [(session, team) for session, team in self._fetch(sql.LEAD_SESSIONS, {})]

    # ---- the server ----

    def version(self) -> str:
        """The server's version, such as "18.4"."""
        return str(self._fetch("show server_version", {})[0][0])

    def _standings(self, statement: str, params: Params) -> list[Standing]:
        return [rows.to_standing(row) for row in self._fetch(statement, params)]

    def _fetch(self, statement: str, params: Params) -> list[tuple[Any, ...]]:
        with translated(), self._reading.connect() as connection:
            return fetch(connection, statement, params)


def _values(kinds: Sequence[Kind]) -> list[str]:
    return [kind.value for kind in kinds] or rows.KINDS


def _params(of: Stretch) -> dict[str, object]:
    before = LAST_SEQ if of.before is None else of.before
    return {"session": of.session, "after": of.after, "before": before, "kinds": _values(of.kinds)}
