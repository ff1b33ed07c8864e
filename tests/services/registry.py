"""A registry in memory: versions, unique names and live runs, transactions that roll back.

Transactions stand one behind the other, which is what the advisory lock on a name gives two spawns of
it; what a transaction has written is not seen outside before it ends. It outlives the daemon that uses it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from threading import Lock, get_ident
from uuid import UUID

from genie.domain.agent import Agent, Desired, Life
from genie.domain.errors import BadInput, Conflict, Failed, GenieError, RegistryAway, Stale
from genie.domain.events import Event, Kind
from genie.domain.message import Message
from genie.domain.permission import PermissionRequest
from genie.domain.result import Bond, Edge, Need, Result
from genie.domain.schedule import Fire, FireKey, Schedule
from genie.domain.selecting import SHOWN, Match, Selection, span
from genie.domain.session import PaneIdentity, Run, Session, Standing
from genie.domain.tape import Tape
from genie.domain.team import Team
from genie.domain.template import Kept, Template
from genie.domain.tree import Branch, Pace
from genie.domain.usage import Sample
from genie.ports import Attempt, Badge, Leaf, Relative, Stretch, Vital, Wanted, Windows
from tests.services.archive import MemoryArchive
from tests.services.calendars import MemorySchedules, MemorySchedulesTx
from tests.services.library import MemoryLibrary
from tests.services.mail import MemoryMessages, MemoryMessagesTx
from tests.services.permissions import MemoryPermissions, MemoryPermissionsTx
from tests.services.vitals import MemorySamples, live_on

AT_WORK = frozenset({Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.DEAD, Life.RESUMING})


@dataclass(frozen=True)
class Spawn:
    """A spawn that was counted, with its ancestors of then."""

    agent: UUID
    line: tuple[UUID, ...]
    at: datetime


@dataclass
class Store:
    """The tables. `copy` is what a transaction works on."""

    agents: dict[UUID, Agent] = field(default_factory=dict)
    sessions: dict[UUID, Session] = field(default_factory=dict)
    runs: dict[UUID, Run] = field(default_factory=dict)
    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    templates: dict[str, Template] = field(default_factory=dict)
    template_hosts: dict[str, str] = field(default_factory=dict)
    spawns: list[Spawn] = field(default_factory=list)
    results: dict[UUID, Result] = field(default_factory=dict)
    edges: dict[tuple[UUID, str, UUID], Edge] = field(default_factory=dict)
    orders: dict[UUID, Mapping[str, object]] = field(default_factory=dict)
    tapes: dict[UUID, Tape] = field(default_factory=dict)
    schedules: dict[UUID, Schedule] = field(default_factory=dict)
    fires: dict[FireKey, Fire] = field(default_factory=dict)
    messages: dict[UUID, Message] = field(default_factory=dict)
    permissions: dict[UUID, PermissionRequest] = field(default_factory=dict)

    def needs(self, session: UUID) -> tuple[Need, ...]:
        """What that session waits for."""
        mine = [edge for edge in self.edges.values() if edge.session == session and edge.bond is Bond.DEPENDS]
        return tuple(self._need(edge.source) for edge in sorted(mine, key=lambda edge: edge.place))

    def _need(self, source: UUID) -> Need:
        name = self.agents[self.sessions[source].agent].name
        known = self.results.get(source)
        return Need(source=source, name=name, success=known.success if known else None)

    def copy(self) -> Store:
        return Store(*(getattr(self, table.name).copy() for table in fields(self)))

    def standing(self, agent: Agent) -> Standing:
        session = self.sessions[agent.session] if agent.session else None
        return Standing(agent, session, self.runs[agent.run] if agent.run else None)

    def live_runs(self) -> list[Run]:
        return [run for run in self.runs.values() if run.ended_at is None]

    def check(self) -> None:
        """What points at something must find it, once a transaction ends."""
        for agent in self.agents.values():
            if agent.team not in self.teams:
                raise Stale("its team was renamed at the same time")
            for id_, table in ((agent.session, self.sessions), (agent.run, self.runs), (agent.parent, self.agents)):
                if id_ is not None and id_ not in table:
                    raise Conflict(f"the registry does not take it: '{agent.name}' points at nothing")


class MemoryTx(MemorySchedulesTx, MemoryMessagesTx, MemoryPermissionsTx):
    """`genie.ports.Tx`. A statement that failed spoils it, as PostgreSQL's."""

    def __init__(self, store: Store, overtaken: Callable[[], bool] = lambda: False) -> None:
        self.store = store
        self.overtaken = overtaken
        self.events: list[Event] = []
        self.error: GenieError | None = None

    @property
    def _tables(self) -> Store:
        return self.store

    @property
    def _mail(self) -> dict[UUID, Message]:
        return self.store.messages

    @property
    def _requests(self) -> dict[UUID, PermissionRequest]:
        return self.store.permissions

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

    def lock_tree(self, root: UUID) -> None:
        """Held already, too."""

    def line(self, agent: UUID) -> list[Agent]:
        line: list[Agent] = []
        here: UUID | None = agent
        while here is not None and here in self.store.agents:
            line.append(self.store.agents[here])
            assert len(line) < 1000, "a tree that bites its tail"
            here = line[-1].parent
        return line

    def census(self, line: Sequence[Agent], *, since: Windows) -> tuple[list[Branch], Pace]:
        spawns = self.store.spawns
        of_parent = sum(1 for spawn in spawns if spawn.line[0] == line[0].id and spawn.at > since.parent)
        of_tree = sum(1 for spawn in spawns if line[-1].id in spawn.line and spawn.at > since.root)
        return [self._branch(agent) for agent in line], Pace(of_parent=of_parent, of_tree=of_tree)

    def _branch(self, agent: Agent) -> Branch:
        family = [standing.agent for standing in self.descendants(agent.id) if standing.agent.counted]
        return Branch(
            id=agent.id,
            name=agent.name,
            depth=agent.depth,
            limits=agent.limits,
            children=sum(1 for one in family if one.parent == agent.id),
            descendants=len(family),
            total=sum(1 for spawn in self.store.spawns if agent.id in spawn.line),
        )

    def descendants(self, agent: UUID) -> list[Standing]:
        found: list[Standing] = []
        generation = {agent}
        while generation:
            children = [a for a in self.store.agents.values() if a.parent in generation]
            children.sort(key=lambda a: (a.created_at, a.id))
            found += [self.store.standing(a) for a in children if a.life is not Life.TERMINATED]
            generation = {a.id for a in children}
        return found

    def add_spawn(self, child: Agent, *, line: Sequence[UUID], at: datetime) -> None:
        self.store.spawns = [*self.store.spawns, Spawn(child.id, tuple(line), at)]

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
        known = self.store.agents.get(agent.id)
        if known is None or known.version != agent.version or self.overtaken():
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
        found = self.store.teams.get(name)
        return None if found is None or found.disbanded_at else found

    def add_team(self, team: Team) -> None:
        if self.team(team.name) is None:
            self.store.teams[team.name] = team

    def save_team(self, team: Team) -> None:
        self.store.teams[team.name] = team

    def rename_team(self, old: str, team: Team) -> list[Agent]:
        self.add_team(team)
        for agent in [one for one in self.store.agents.values() if one.team == old]:
            self.store.agents[agent.id] = replace(agent, team=team.name, version=agent.version + 1)
        del self.store.teams[old]
        moved = [one for one in self.store.agents.values() if one.team == team.name and one.life is not Life.TERMINATED]
        return sorted(moved, key=lambda one: one.name)

    def keep_template(self, template: Template, *, host: str) -> None:
        self.store.templates[template.source] = template
        self.store.template_hosts[template.source] = host

    def forget_template(self, source: str, *, host: str) -> None:
        if self.store.template_hosts.get(source) == host:
            del self.store.templates[source], self.store.template_hosts[source]

    def record(self, *events: Event) -> None:
        self.events.extend(events)

    # ---- outcomes ----

    def result(self, session: UUID) -> Result | None:
        return self.store.results.get(session)

    def save_result(self, result: Result) -> None:
        self.store.results[result.session] = result

    def add_edges(self, *edges: Edge) -> None:
        for edge in edges:
            self.store.edges.setdefault((edge.session, edge.bond.value, edge.source), edge)

    def keep_order(self, session: UUID, wanted: Mapping[str, object]) -> None:
        self.store.orders[session] = _plain(wanted)

    def tape(self, session: UUID) -> Tape | None:
        return self.store.tapes.get(session)

    def add_tape(self, tape: Tape) -> None:
        self.store.tapes.setdefault(tape.session, tape)

    def save_tape(self, tape: Tape) -> None:
        self.store.tapes[tape.session] = tape

    def move_tape(self, tape: Tape) -> None:
        if tape.session in self.store.tapes:
            self.store.tapes[tape.session] = tape

    def speaker(self, session: UUID) -> tuple[Tape, Standing] | None:
        tape, own = self.store.tapes.get(session), self.store.sessions.get(session)
        if tape is None or own is None:
            return None
        runs = [run for run in self.store.runs.values() if run.session == session]
        last = max(runs, key=lambda run: run.created_at, default=None)
        return tape, Standing(self.store.agents[own.agent], own, last)

    def _check_text(self, agent: Agent) -> None:
        for text in (agent.name, agent.role, agent.cwd, agent.description, *agent.tags):
            if "\0" in text or text.encode(errors="ignore").decode() != text:
                raise self._fail(BadInput(f"the registry cannot keep {text!r}"))


class MemoryRegistry(MemoryArchive, MemorySchedules, MemoryMessages, MemoryPermissions, MemoryLibrary):
    """`genie.ports.Registry`. `away` makes every method raise RegistryAway, as a stopped PostgreSQL does. `overtakers`
    is how many writes of an agent somebody else's comes before."""

    def __init__(self) -> None:
        self.store = Store()
        self.log: list[Event] = []
        self.beats: dict[str, datetime | None] = {}
        self.away = False
        self.overtakers = 0
        self.commits = 0
        self.samples = MemorySamples()
        self._lock = Lock()
        self._owner: int | None = None

    @property
    def _tables(self) -> Store:
        store: Store = self.store
        return store

    @property
    def _letters(self) -> dict[UUID, Message]:
        return self._tables.messages

    @property
    def _asked(self) -> dict[UUID, PermissionRequest]:
        return self._tables.permissions

    @property
    def _people(self) -> dict[UUID, Agent]:
        return self._tables.agents

    @contextmanager
    def begin(self) -> Iterator[MemoryTx]:
        self._answer()
        assert self._owner != get_ident(), "a transaction within a transaction waits for itself for ever"
        with self._lock:
            self._owner = get_ident()
            try:
                tx = MemoryTx(self.store.copy(), self._overtaken)
                yield tx
                if tx.error:
                    raise tx.error
                tx.store.check()
                self._commit(tx)
            finally:
                self._owner = None

    def _overtaken(self) -> bool:
        self.overtakers -= 1
        return self.overtakers >= 0

    def _commit(self, tx: MemoryTx) -> None:
        self.store = tx.store
        self.commits += 1
        for happened in tx.events:
            before = max((e.seq or 0 for e in self.log if e.session == happened.session), default=0)
            seq = before + 1 if happened.session else None
            self.log.append(replace(happened, id=self._last() + 1, seq=seq, payload=_plain(happened.payload)))

    def _last(self) -> int:
        return (self.log[-1].id or 0) if self.log else 0

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
        busy = [agent for agent in own if agent.id in open_ones or _to_be_looked_at(agent, at)]
        return [self._waiting(agent) for agent in sorted(busy, key=lambda a: (a.created_at, a.id))]

    def _waiting(self, agent: Agent) -> Standing:
        standing = self.store.standing(agent)
        waits = agent.life is Life.QUEUED and agent.session
        return replace(standing, needs=self.store.needs(agent.session)) if waits and agent.session else standing

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

    def select(self, wanted: Selection) -> list[Match]:
        found = [match for word in dict.fromkeys(wanted.words) for match in self._fitting(word)]
        if wanted.has_group:
            everybody = self.roster(Wanted(team=wanted.team, tags=wanted.tags, all=wanted.latest))
            if wanted.latest:
                everybody = sorted(everybody, key=_begun, reverse=True)[:1]
            found += [Match(word=None, standing=standing) for standing in everybody]
        return sorted(found, key=lambda m: (m.standing.agent.team, m.standing.agent.name, m.standing.agent.created_at))

    def _fitting(self, word: str) -> list[Match]:
        called, ids = self.find(word), span(word)
        if called:
            return [Match(word=word, standing=called)]
        begun = [session for session in self.store.sessions.values() if ids and session.id in ids]
        begun.sort(key=lambda session: session.created_at, reverse=True)
        owners = [self.store.standing(self.store.agents[session.agent]) for session in begun[:SHOWN]]
        return [
            Match(word=word, standing=owner, session=session.id, total=len(begun))
            for owner, session in zip(owners, begun, strict=False)
        ]

    def standings(self, agents: Sequence[UUID]) -> list[Standing]:
        return [standing for standing in self.roster(Wanted(all=True)) if standing.agent.id in agents]

    def children(self, agent: UUID) -> list[Standing]:
        return [standing for standing in self.roster(Wanted(all=True)) if standing.agent.parent == agent]

    def bearer(self, token: str) -> tuple[Standing, Run] | None:
        self._answer()
        run = next((run for run in self.store.runs.values() if run.token == token), None)
        return (self.store.standing(self.store.agents[run.agent]), run) if run else None

    def live_panes(self, host: str) -> dict[UUID, PaneIdentity]:
        self._answer()
        live = [run for run in self.store.live_runs() if self.store.agents[run.agent].host == host]
        return {run.id: run.pane for run in live if run.pane}

    def forget_spawns(self, *, before: datetime) -> int:
        self._answer()
        alive = [agent for agent in self.store.agents.values() if agent.life is not Life.TERMINATED]
        there = {agent.id for agent in alive} | {agent.root for agent in alive}
        kept = [spawn for spawn in self.store.spawns if spawn.at >= before or there & set(spawn.line)]
        forgotten = len(self.store.spawns) - len(kept)
        self.store.spawns = kept
        return forgotten

    def relatives(self, agents: Sequence[UUID]) -> dict[UUID, Relative]:
        self._answer()
        known = [self.store.agents[id_] for id_ in agents if id_ in self.store.agents]
        return {agent.id: Relative(agent.name, agent.life) for agent in known}

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
        return sessions | self.store.schedules.keys(), frozenset(run.id for run in self.store.live_runs())

    # ---- use ----

    def add_samples(self, samples: Sequence[Sample]) -> None:
        self._answer()
        self.samples.add(samples)

    def roll_up(self, now: datetime) -> None:
        self._answer()
        self.samples.forget(now)

    def vitals(self, host: str, *, wanted: Wanted, since: datetime, now: datetime) -> list[Vital]:
        everybody = self.roster(Wanted(all=True))
        live = [standing for standing in everybody if live_on(host, standing, wanted)]
        return [self.samples.vital(standing, everybody, since=since, now=now) for standing in live]

    def grove(self, *, top: str | None, everything: bool, now: datetime) -> list[Leaf]:
        found = self.find(top) if top else None
        if top and found is None:
            return []
        first = found.agent.id if found else None
        return self.samples.grove(
            self.roster(Wanted(all=True)), top=first, everything=everything, now=now, beats=self.beats
        )

    # ---- events ----

    def history(self, agent: UUID, *, limit: int, kinds: Sequence[Kind] = ()) -> list[Event]:
        self._answer()
        return [e for e in self.log if e.agent == agent and (not kinds or e.kind in kinds)][-limit:]

    def badges(self, agents: Sequence[UUID]) -> dict[UUID, Badge]:
        self._answer()
        known = [self.store.agents[id_] for id_ in agents if id_ in self.store.agents]
        return {agent.id: Badge(agent.name, agent.team, frozenset(agent.tags)) for agent in known}

    def stretch(self, of: Stretch, *, limit: int = 500) -> list[Event]:
        return self._stretch(of)[:limit]

    def measure(self, of: Stretch) -> int:
        return len(self._stretch(of))

    def before_last(self, of: Stretch, count: int) -> int:
        earlier = self._stretch(of)[::-1][count:]
        return earlier[0].seq or 0 if earlier else of.after

    def _stretch(self, of: Stretch) -> list[Event]:
        self._answer()
        own = [e for e in self.log if e.session == of.session and (not of.kinds or e.kind in of.kinds)]
        return [e for e in own if (e.seq or 0) > of.after and (of.before is None or (e.seq or 0) < of.before)]

    def events(self, *, after: int, limit: int = 500) -> list[Event]:
        self._answer()
        at = bisect_right(self.log, after, key=lambda event: event.id or 0)
        return self.log[at : at + limit]

    def last_event(self) -> int:
        self._answer()
        return self._last()

    # ---- the server ----

    def version(self) -> str:
        self._answer()
        return "memory"

    # ---- teams ----

    def results(self, sessions: Sequence[UUID]) -> dict[UUID, Result]:
        self._answer()
        return {session: self.store.results[session] for session in sessions if session in self.store.results}

    def edges(self, sessions: Sequence[UUID]) -> list[Edge]:
        self._answer()
        mine = [edge for edge in self.store.edges.values() if edge.session in sessions]
        return sorted(mine, key=lambda edge: (str(edge.session), edge.bond.value, edge.place))

    def needs(self, session: UUID) -> tuple[Need, ...]:
        self._answer()
        return self.store.needs(session)

    def order(self, session: UUID) -> Mapping[str, object] | None:
        self._answer()
        return self.store.orders.get(session)

    def tapes(self, host: str) -> list[Tape]:
        self._answer()
        runs = sorted(self.store.live_runs(), key=lambda run: (run.created_at, str(run.session)))
        mine = [run.session for run in runs if self.store.agents[run.agent].host == host]
        return [self.store.tapes[session] for session in mine if session in self.store.tapes]

    def teams(self) -> list[Team]:
        self._answer()
        there = [team for team in self.store.teams.values() if team.disbanded_at is None]
        return sorted(there, key=lambda team: team.name)

    def templates(self, host: str) -> list[Kept]:
        self._answer()
        mine = [one for one in self.store.templates.values() if self.store.template_hosts[one.source] == host]
        return [Kept(one.source, one.name, one.checksum) for one in sorted(mine, key=lambda one: one.source)]

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


def _begun(standing: Standing) -> tuple[bool, float]:
    session = standing.session
    return session is not None, session.created_at.timestamp() if session else 0.0


def _to_be_looked_at(agent: Agent, now: datetime) -> bool:
    """At work; or a kill that was wanted and is not carried out; or one that is to come back, or has expired."""
    gone = agent.desired is Desired.GONE and agent.life is not Life.TERMINATED
    suspended = agent.life is Life.SUSPENDED and (agent.desired is Desired.RUNNING or agent.expired(now=now))
    return agent.life in AT_WORK or gone or suspended


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
