"""A registry in memory: versions, unique names and live runs, transactions that roll back.

Transactions stand one behind the other, which is what the advisory lock on a name gives two spawns of
it; what a transaction has written is not seen outside before it ends. It outlives the daemon that uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from threading import Lock, get_ident
from uuid import UUID

from genie.domain.agent import Agent, Desired, Life
from genie.domain.errors import BadInput, Conflict, Failed, GenieError, RegistryAway, Stale
from genie.domain.events import Event
from genie.domain.session import Run, Session, Standing
from genie.domain.team import Team
from genie.domain.template import Template
from genie.ports import Attempt, Wanted

AT_WORK = frozenset({Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.DEAD, Life.RESUMING})


@dataclass
class Store:
    """The tables. `copy` is what a transaction works on."""

    agents: dict[UUID, Agent] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    runs: dict[UUID, Run] = field(default_factory=dict)
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)

    def copy(self) -> Store:
        return Store(*(dict(getattr(self, table.name)) for table in fields(self)))

    def standing(self, agent: Agent) -> Standing:
        session = self.sessions[agent.session] if agent.session else None
        return Standing(agent, session, self.runs[agent.run] if agent.run else None)

    def live_runs(self) -> list[Run]:
        return [run for run in self.runs.values() if run.ended_at is None]

    def check(self) -> None:
        """What points at something must find it, once a transaction ends."""
        for agent in self.agents.values():
            if agent.team not in self.teams:
                raise Conflict(f"the registry does not take it: no team {agent.team}")
            for id_, table in ((agent.session, self.sessions), (agent.run, self.runs), (agent.parent, self.agents)):
                if id_ is not None and id_ not in table:
                    raise Conflict(f"the registry does not take it: '{agent.name}' points at nothing")


class MemoryTx:
    """`genie.ports.Tx`. A statement that failed spoils it, as PostgreSQL's."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.events: list[Event] = []
        self.error: GenieError | None = None

    def _fail(self, error: GenieError) -> GenieError:
        self.error = error
        return error

    def lock_name(self, name: str) -> None:
        """Held already: transactions stand one behind the other."""

    def standing(self, name: str) -> Standing | None:
        return next((self.store.standing(agent) for agent in self._there() if agent.name == name), None)

    def standing_of(self, agent: UUID) -> Standing | None:
        found = self.store.agents.get(agent)
        return self.store.standing(found) if found else None

    def taken(self, prefix: str) -> frozenset[str]:
        return frozenset(agent.name for agent in self._there() if agent.name.startswith(prefix))

    def live_count(self, host: str) -> int:
        return sum(1 for run in self.store.live_runs() if self.store.agents[run.agent].host == host)

    def colors(self, team: str) -> tuple[str, ...]:
        worn = sorted((agent for agent in self._there() if agent.team == team), key=lambda a: (a.created_at, a.id))
        return tuple(agent.color for agent in worn)

    def _there(self) -> list[Agent]:
        return [agent for agent in self.store.agents.values() if agent.life is not Life.TERMINATED]

    def add_agent(self, agent: Agent) -> None:
        self._check_text(agent)
        if agent.life is not Life.TERMINATED and any(other.name == agent.name for other in self._there()):
            raise self._fail(Conflict("an agent of that name is there already"))
        self.store.agents[agent.id] = agent

    def save_agent(self, agent: Agent) -> Agent:
        self._check_text(agent)
        if agent.id not in self.store.agents or self.store.agents[agent.id].version != agent.version:
            raise self._fail(Stale(f"'{agent.name}' was changed by somebody else just now", hint="try again"))
        self.store.agents[agent.id] = replace(agent, version=agent.version + 1)
        return self.store.agents[agent.id]

    def add_session(self, session: Session) -> None:
        self.store.sessions[session.id] = session

    def save_session(self, session: Session) -> None:
        self.store.sessions[session.id] = session
        for run in self.store.live_runs():
            if run.session == session.id:
                self._check_live(run)

    def add_run(self, run: Run) -> None:
        if run.session not in self.store.sessions:
            raise self._fail(Failed(f"the run {run.id} has no session {run.session} in the registry"))
        if run.ended_at is None:
            self._check_live(run)
        self.store.runs[run.id] = run

    def save_run(self, run: Run) -> None:
        if run.ended_at is None:
            self._check_live(run)
        self.store.runs[run.id] = run

    def _check_live(self, run: Run) -> None:
        session = self.store.sessions[run.session]
        for other in self.store.live_runs():
            if other.id == run.id:
                continue
            if other.session == run.session:
                raise self._fail(Conflict("the session has a live run already"))
            if other.agent == run.agent:
                raise self._fail(Conflict("the agent has a live run already"))
            its = self.store.sessions[other.session]
            same = (its.provider, its.provider_session) == (session.provider, session.provider_session)
            if same and session.provider_session is not None:
                raise self._fail(Conflict("another live run has that provider session"))

    def add_attempt(self, attempt: Attempt) -> None:
        self.store.attempts[attempt.run] = attempt

    def close_attempt(self, run: UUID, outcome: str) -> None:
        if run in self.store.attempts:
            self.store.attempts[run] = replace(self.store.attempts[run], outcome=outcome)

    def team(self, name: str) -> Team | None:
        return self.store.teams.get(name)

    def add_team(self, team: Team) -> None:
        self.store.teams.setdefault(team.name, team)

    def keep_template(self, template: Template) -> None:
        self.store.templates[template.source] = template

    def record(self, *events: Event) -> None:
        self.events.extend(events)

    def _check_text(self, agent: Agent) -> None:
        for text in (agent.name, agent.role, agent.cwd, agent.description, *agent.tags):
            if "\0" in text or text.encode(errors="ignore").decode() != text:
                raise self._fail(BadInput(f"the registry cannot keep {text!r}"))


class MemoryRegistry:
    """`genie.ports.Registry`. `away` makes every method raise RegistryAway, as a stopped PostgreSQL does."""

    def __init__(self) -> None:
        self.store = Store()
        self.log: list[Event] = []
        self.beats: dict[str, datetime | None] = {}
        self.away = False
        self.commits = 0
        self._lock = Lock()
        self._owner: int | None = None

    @contextmanager
    def begin(self) -> Iterator[MemoryTx]:
        self._answer()
        assert self._owner != get_ident(), "a transaction within a transaction waits for itself for ever"
        with self._lock:
            self._owner = get_ident()
            try:
                tx = MemoryTx(self.store.copy())
                yield tx
                if tx.error:
                    raise tx.error
                tx.store.check()
                self._commit(tx)
            finally:
                self._owner = None

    def _commit(self, tx: MemoryTx) -> None:
        self.store = tx.store
        self.commits += 1
        for happened in tx.events:
            seq = 1 + sum(1 for e in self.log if e.session == happened.session) if happened.session else None
            self.log.append(replace(happened, id=len(self.log) + 1, seq=seq, payload=_plain(happened.payload)))

    def _answer(self) -> None:
        if self.away:
            raise RegistryAway("PostgreSQL does not answer")

    # ---- hosts ----

    def beat(self, host: str, *, at: datetime) -> list[Standing]:
        self._answer()
        self.beats[host] = at
        store = self.store
        open_ones = {run.agent for run in store.live_runs()}
        own = [agent for agent in store.agents.values() if agent.host == host]
        busy = [agent for agent in own if agent.life in AT_WORK or agent.id in open_ones or _to_be_gone(agent)]
        return [store.standing(agent) for agent in sorted(busy, key=lambda a: (a.created_at, a.id))]

    def last_beat(self, host: str) -> datetime | None:
        self._answer()
        return self.beats.get(host)

    def join_host(self, host: str, *, name: str, boot: str, at: datetime) -> None:
        self._answer()
        self.beats.setdefault(host, None)

    # ---- agents ----

    def roster(self, wanted: Wanted) -> list[Standing]:
        self._answer()
        found = [agent for agent in self.store.agents.values() if _selected(agent, wanted)]
        return [self.store.standing(a) for a in sorted(found, key=lambda a: (a.team, a.name, a.created_at))]

    def find(self, name: str) -> Standing | None:
        self._answer()
        called = [agent for agent in self.store.agents.values() if agent.name == name]
        there = [agent for agent in called if agent.life is not Life.TERMINATED]
        latest = max(there or called, key=lambda agent: agent.created_at, default=None)
        return self.store.standing(latest) if latest else None

    def children(self, agent: UUID) -> list[Standing]:
        return [standing for standing in self.roster(Wanted(all=True)) if standing.agent.parent == agent]

    def agent_names(self, agents: Sequence[UUID]) -> dict[UUID, str]:
        self._answer()
        return {id_: self.store.agents[id_].name for id_ in agents if id_ in self.store.agents}

    def sessions(self, agent: UUID) -> list[Session]:
        self._answer()
        own = [session for session in self.store.sessions.values() if session.agent == agent]
        return sorted(own, key=lambda session: (session.created_at, session.id))

    def runs(self, agent: UUID) -> list[Run]:
        self._answer()
        own = [run for run in self.store.runs.values() if run.agent == agent]
        return sorted(sorted(own, key=lambda run: run.id), key=lambda run: run.created_at, reverse=True)

    def owners(self, runs: Sequence[UUID]) -> dict[UUID, Standing]:
        self._answer()
        known = [self.store.runs[run] for run in runs if run in self.store.runs]
        return {run.id: self.store.standing(self.store.agents[run.agent]) for run in known}

    def kept_ids(self) -> tuple[frozenset[UUID], frozenset[UUID]]:
        self._answer()
        there = {agent.id for agent in self.store.agents.values() if agent.life is not Life.TERMINATED}
        sessions = frozenset(s.id for s in self.store.sessions.values() if s.agent in there)
        return sessions, frozenset(run.id for run in self.store.live_runs())

    # ---- events ----

    def history(self, agent: UUID, *, limit: int) -> list[Event]:
        self._answer()
        return [happened for happened in self.log if happened.agent == agent][-limit:]

    def events(self, *, after: int, limit: int = 500) -> list[Event]:
        self._answer()
        return self.log[after : after + limit]

    def last_event(self) -> int:
        self._answer()
        return len(self.log)

    # ---- the server ----

    def version(self) -> str:
        self._answer()
        return "memory"

    # ---- teams ----

    def teams(self) -> list[Team]:
        self._answer()
        return sorted(self.store.teams.values(), key=lambda team: team.name)

    def lead_sessions(self) -> list[tuple[str, str]]:
        self._answer()
        leads = [
            (self.store.sessions[agent.session].provider_session, team.name)
            for team in self.teams()
            for agent in self.store.agents.values()
            if (agent.name, agent.team) == (team.lead, team.name)
            and agent.session
            and agent.life is not Life.TERMINATED
        ]
        return [(session, team) for session, team in leads if session]


def _to_be_gone(agent: Agent) -> bool:
    """A kill that was wanted and is not carried out, whatever the agent's life is."""
    return agent.desired is Desired.GONE and agent.life is not Life.TERMINATED


def _selected(agent: Agent, wanted: Wanted) -> bool:
    return (
        (wanted.all or agent.life is not Life.TERMINATED or Life.TERMINATED in wanted.lives)
        and (not wanted.names or agent.name in wanted.names)
        and (wanted.team is None or agent.team == wanted.team)
        and (not wanted.tags or bool(set(wanted.tags) & set(agent.tags)))
        and (not wanted.lives or agent.life in wanted.lives)
    )


def _plain(payload: Mapping[str, object]) -> dict[str, object]:
    """As JSON brings it back."""
    kept: dict[str, object] = {}
    for key, value in payload.items():
        if isinstance(value, UUID):
            kept[key] = str(value)
        else:
            kept[key] = value.isoformat() if isinstance(value, datetime) else value
    return kept
