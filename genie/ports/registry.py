"""PostgreSQL: what is kept, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.agent import Agent, Life
from genie.domain.events import Event, Kind
from genie.domain.result import Edge, Need, Result
from genie.domain.selecting import Match, Selection
from genie.domain.session import PaneIdentity, Run, Session, Standing
from genie.domain.tape import Tape
from genie.domain.tree import Branch, Pace
from genie.domain.usage import Sample
from genie.ports.digests import Digests
from genie.ports.garbage import Archive
from genie.ports.messages import Messages, MessagesTx
from genie.ports.permissions import Permissions, PermissionsTx
from genie.ports.schedules import Schedules, SchedulesTx
from genie.ports.searching import Library
from genie.ports.teams import Teams, TeamsTx


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One resume attempt: which run it made, its number in the budget, why, and what came of it."""

    run: UUID
    agent: UUID
    number: int
    automatic: bool
    claimed_at: datetime
    outcome: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A selection of agents. Empty fields select everything; `all` also shows terminated ones."""

    names: tuple[str, ...] = ()
    team: str | None = None
    tags: tuple[str, ...] = ()
    lives: tuple[Life, ...] = ()
    all: bool = False


@dataclass(frozen=True, slots=True)
class Relative:
    """What is shown of an agent's parent or root."""

    name: str
    life: Life


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Since when a parent's and its root's spawns count for the rate."""

    parent: datetime
    root: datetime


@dataclass(frozen=True, slots=True)
class Badge:
    """By what the events of an agent are selected."""

    name: str
    team: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The events of a session whose `seq` is greater than `after` and less than `before`; of these kinds, or of all
    where there are none."""

    session: UUID
    kinds: tuple[Kind, ...] = ()
    after: int = 0
    before: int | None = None


class OutcomesTx(Protocol):
    """What sessions come to, and what they got from each other."""

    def result(self, session: UUID) -> Result | None:
        """Held until the end of the transaction."""
        ...

    def save_result(self, result: Result) -> None: ...

    def add_edges(self, *edges: Edge) -> None:
        """One that is there already is not added again."""
        ...

    def keep_order(self, session: UUID, wanted: Mapping[str, object]) -> None:
        """Keep what was asked for, plain JSON, so that it can be tried again."""
        ...

    def tape(self, session: UUID) -> Tape | None:
        """Held until the end of the transaction: nobody else reads on from it meanwhile."""
        ...

    def add_tape(self, tape: Tape) -> None:
        """One that is there already stays as it is."""
        ...

    def save_tape(self, tape: Tape) -> None: ...

    def move_tape(self, tape: Tape) -> None:
        """Save one that is there, with the events of the transaction."""
        ...

    def speaker(self, session: UUID) -> tuple[Tape, Standing] | None:
        """The tape of a session, held as `tape` holds it, and who speaks on it: the session's agent, that session,
        which need not be its current one, and the latest run of that session."""
        ...


class Tx(OutcomesTx, SchedulesTx, MessagesTx, PermissionsTx, TeamsTx, Protocol):
    """One open transaction. Events are written at its end, so that the order of their ids is the
    order of commits and the lock on that order is held shortly."""

    def lock_name(self, name: str) -> None:
        """Hold the name until the end of the transaction: who wants it too waits."""
        ...

    def standing(self, name: str) -> Standing | None:
        """The agent that has that name (terminated ones have none), with session and latest run."""
        ...

    def standing_of(self, agent: UUID) -> Standing | None: ...

    def lock_tree(self, root: UUID) -> None:
        """Hold a spawn tree until the end of the transaction: nothing is spawned into it meanwhile, and nothing
        taken out. Taken after a name, never before one."""
        ...

    def line(self, agent: UUID) -> list[Agent]:
        """The agent, its parent, its grandparent … up to its root."""
        ...

    def census(self, line: Sequence[Agent], *, since: Windows) -> tuple[list[Branch], Pace]:
        """What lives below each agent of a line, without its memory, and how fast its first spawns. Live are all
        that are queued, in a pane, or dead and will be brought back."""
        ...

    def descendants(self, agent: UUID) -> list[Standing]:
        """Everything below that agent that is not terminated, parents before their children."""
        ...

    def add_spawn(self, child: Agent, *, line: Sequence[UUID], at: datetime) -> None:
        """Count a spawn, for each agent of the line from its parent up to its root."""
        ...

    def taken(self, prefix: str) -> frozenset[str]:
        """Names beginning with `prefix` of agents that are not terminated."""
        ...

    def live_count(self, host: str) -> int:
        """How many agents of that host have a live run."""
        ...

    def colors(self, team: str) -> tuple[str, ...]:
        """Colours worn in that team by agents that are not terminated."""
        ...

    def add_agent(self, agent: Agent) -> None: ...

    def save_agent(self, agent: Agent) -> Agent:
        """Write it if nobody has since `agent.version`; returns it with the next version.
        Raises Stale."""
        ...

    def add_session(self, session: Session) -> None: ...

    def save_session(self, session: Session) -> None: ...

    def add_run(self, run: Run) -> None:
        """Raises Conflict where the agent, or the provider session, has a live run already."""
        ...

    def save_run(self, run: Run) -> None: ...

    def add_attempt(self, attempt: Attempt) -> None: ...

    def close_attempt(self, run: UUID, outcome: str) -> None: ...

    def record(self, *events: Event) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Vital:
    """A live run with its agent: the name of its parent, its latest sample if that is fresh, its samples of the last
    while, oldest first; CPU and resident memory of its agent's tree, all below it together with itself, None where no
    fresh sample is of them."""

    standing: Standing
    parent: str | None
    latest: Sample | None
    tree_cpu: float | None
    tree_rss: int | None
    history: tuple[Sample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """An agent of a tree, and the latest sample of its run if that lives and the sample is fresh; who its parent and
    its root are, which may be outside of what is shown; the last beat of its host."""

    standing: Standing
    latest: Sample | None
    parent: Relative | None
    root: Relative
    beat: datetime | None


class Vitals(Protocol):
    """What runs use. Raw samples are kept for 15 minutes, their means of a minute for 720 minutes, those of a quarter
    of an hour for 30 days. Every method raises RegistryAway."""

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """A sample that is there already is not added again."""
        ...

    def roll_up(self, now: datetime) -> None:
        """Make the means of minutes and quarters that are over, and remove what is too old. May be done again."""
        ...

    def vitals(self, host: str, *, wanted: Wanted, since: datetime, now: datetime) -> list[Vital]:
        """The live runs of that host which are wanted, in the order of team and name, with their samples after
        `since`, by one query. A sample is fresh for 30 s."""
        ...

    def grove(self, *, top: str | None, everything: bool, now: datetime) -> list[Leaf]:
        """The agents of all spawn trees, or `top` and those below it, the oldest first, by one query. Terminated
        ones only with `everything`, or where one below them is not."""
        ...


class Outcomes(Protocol):
    """What sessions have come to. Every method raises RegistryAway."""

    def results(self, sessions: Sequence[UUID]) -> dict[UUID, Result]:
        """Of those that have one: who has ended, or has submitted one before its end."""
        ...

    def edges(self, sessions: Sequence[UUID]) -> list[Edge]:
        """What these sessions got from others, by session, bond and place."""
        ...

    def needs(self, session: UUID) -> tuple[Need, ...]:
        """What that session waits for, in the order of its dependencies."""
        ...

    def order(self, session: UUID) -> Mapping[str, object] | None:
        """What `keep_order` kept."""
        ...

    def tapes(self, host: str) -> list[Tape]:
        """Those of the sessions that have a live run on that host."""
        ...


class Registry(Vitals, Outcomes, Schedules, Messages, Permissions, Teams, Digests, Archive, Library, Protocol):
    """PostgreSQL. Every method raises RegistryAway when it does not answer."""

    def begin(self) -> AbstractContextManager[Tx]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        ...

    def beat(self, host: str, *, at: datetime) -> list[Standing]:
        """The heartbeat's one query: note that the host lives, and return every agent of the host
        that the daemon has work with: not suspended, done, failed or terminated, or whose latest run has
        not ended, or that is wanted gone and is not yet; of queued ones with what they wait for."""
        ...

    def last_beat(self, host: str) -> datetime | None: ...

    def join_host(self, host: str, *, name: str, boot: str, at: datetime) -> None: ...

    def roster(self, wanted: Wanted) -> list[Standing]:
        """Agents in the order of team and name."""
        ...

    def find(self, name: str) -> Standing | None:
        """The agent of that name; of terminated ones the latest, if no other has the name."""
        ...

    def select(self, wanted: Selection) -> list[Match]:
        """The sessions that fit, by one query; words that nothing fits are absent. Of a name the agent that has it, of
        terminated ones the latest. A word that is a name is no beginning of an id; of one that begins several ids the
        latest `SHOWN` sessions, and how many there are. The group in the order of team and name."""
        ...

    def standings(self, agents: Sequence[UUID]) -> list[Standing]:
        """These agents, in the order of team and name; strangers are absent."""
        ...

    def children(self, agent: UUID) -> list[Standing]: ...

    def bearer(self, token: str) -> tuple[Standing, Run] | None:
        """Whose token has that digest: the agent, and the run it was given to, which may have ended."""
        ...

    def live_panes(self, host: str) -> dict[UUID, PaneIdentity]:
        """The pane of each live run of that host, by the run's id."""
        ...

    def forget_spawns(self, *, before: datetime) -> int:
        """Drop what was counted before that time for trees of which nobody is left; how many spawns."""
        ...

    def relatives(self, agents: Sequence[UUID]) -> dict[UUID, Relative]:
        """Names and lives of these agents."""
        ...

    def agent_names(self, agents: Sequence[UUID]) -> dict[UUID, str]: ...

    def sessions(self, agent: UUID) -> list[Session]: ...

    def runs(self, agent: UUID) -> list[Run]:
        """Latest first."""
        ...

    def history(self, agent: UUID, *, limit: int, kinds: Sequence[Kind] = ()) -> list[Event]:
        """The latest `limit` events of the agent, oldest first; of these kinds, or of all where there are none."""
        ...

    def badges(self, agents: Sequence[UUID]) -> dict[UUID, Badge]:
        """Names, teams and tags of these agents, as they are now; strangers are absent."""
        ...

    def stretch(self, of: Stretch, *, limit: int = 500) -> list[Event]:
        """The first `limit` of those events, by their `seq`."""
        ...

    def measure(self, of: Stretch) -> int:
        """How many events those are."""
        ...

    def before_last(self, of: Stretch, count: int) -> int:
        """The `seq` after which the last `count` of those events come; `of.after` where there are no more."""
        ...

    def events(self, *, after: int, limit: int = 500) -> list[Event]: ...

    def last_event(self) -> int: ...

    def version(self) -> str:
        """The version of the PostgreSQL server, such as "18.1"."""
        ...

    def lead_sessions(self) -> list[tuple[str, str]]:
        """(provider session id, team) of the current sessions of the teams' leads."""
        ...

    def owners(self, runs: Sequence[UUID]) -> dict[UUID, Standing]:
        """The agent (with its latest run) that each of these runs belonged to; strangers are absent."""
        ...

    def kept_ids(self) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """The sessions that can still be resumed (those of agents that are not terminated) and the schedules, and the
        runs that have not ended."""
        ...
