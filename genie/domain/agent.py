"""Agents: what they are, the states of their life, and what a spawn of a name means.

The table of states and the spawn decisions are those of docs/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from genie.domain.errors import Conflict, NotAllowed
from genie.domain.resume import Policy
from genie.domain.team import TierAnswer
from genie.domain.tree import Limits


class Life(Enum):
    """The state of an agent; moved only along `MOVES`."""

    QUEUED = "queued"
    SPAWNING = "spawning"
    RUNNING = "running"
    SUSPENDED = "suspended"
    DEAD = "dead"
    RESUMING = "resuming"
    DONE = "done"
    FAILED = "failed"
    TERMINATED = "terminated"


MOVES: dict[Life, frozenset[Life]] = {
    Life.QUEUED: frozenset({Life.SPAWNING, Life.SUSPENDED, Life.FAILED, Life.TERMINATED}),
    Life.SPAWNING: frozenset({Life.RUNNING, Life.SUSPENDED, Life.FAILED, Life.TERMINATED}),
    Life.RUNNING: frozenset({Life.SUSPENDED, Life.DEAD, Life.DONE, Life.FAILED, Life.TERMINATED}),
    Life.SUSPENDED: frozenset({Life.RESUMING, Life.QUEUED, Life.TERMINATED}),
    Life.DEAD: frozenset({Life.RESUMING, Life.SUSPENDED, Life.DONE, Life.QUEUED, Life.FAILED, Life.TERMINATED}),
    Life.RESUMING: frozenset({Life.RUNNING, Life.SUSPENDED, Life.DEAD, Life.FAILED, Life.TERMINATED}),
    Life.DONE: frozenset({Life.RESUMING, Life.QUEUED, Life.TERMINATED}),
    Life.FAILED: frozenset({Life.RESUMING, Life.QUEUED, Life.TERMINATED}),
    Life.TERMINATED: frozenset(),
}

LIVE = frozenset({Life.QUEUED, Life.SPAWNING, Life.RUNNING, Life.RESUMING})
"""States in which a second spawn of the name must not take the row."""

IN_PANE = frozenset({Life.SPAWNING, Life.RUNNING, Life.RESUMING})
"""States that have a live run."""

SILENT = frozenset({Life.DONE, Life.FAILED, Life.TERMINATED, Life.SUSPENDED})
"""States that the daemon leaves alone until somebody asks."""


ENDED = frozenset({Life.DONE, Life.FAILED, Life.TERMINATED})
"""States that a session does not leave by itself: what it has come to is known."""

STOPPABLE = LIVE | {Life.DEAD}
"""States in which there is something to stop."""


class Desired(Enum):
    """What the user wants; written before anything is done to a pane."""

    RUNNING = "running"
    STOPPED = "stopped"
    GONE = "gone"


class Activity(Enum):
    """What the provider says it is doing. Never decides life."""

    STARTING = "starting"
    WORKING = "working"
    IDLE = "idle"
    PERMISSION = "permission"
    QUESTION = "question"
    LIMITED = "limited"
    ERROR = "error"
    UNKNOWN = "unknown"


class Restart(Enum):
    """When an ended run is brought back without being asked."""

    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    NEVER = "never"


class Reason(Enum):
    """Why an agent is `failed`."""

    EXHAUSTED = "exhausted"
    UNRESUMABLE = "unresumable"
    START_FAILED = "start_failed"
    EXIT = "exit"
    TIMEOUT = "timeout"
    DEPENDENCY = "dependency"
    QUOTA = "quota"
    BLOCKED = "blocked"


class Why(Enum):
    """Why a run was started."""

    SPAWN = "spawn"
    RESUME = "resume"
    AUTO_RESUME = "auto-resume"
    RETRY = "retry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an agent's panes belong. `socket` is the absolute path of a tmux server's socket.

    `session` is the tmux session's name, `window` the window's. With `beside` (a pane id of the
    caller) the pane is made in that pane's window; when that window is gone, in the team's.
    `own_window` gives the agent a window of its own.
    """

    socket: str
    session: str
    window: str
    layout: str
    beside: str | None = None
    own_window: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """A named worker. `version` grows with each change; a save names the version it has seen.

    `root` is the top of its spawn tree, itself where nobody spawned it. `expires_at` is when its time to live is
    over, `ttl` how long that was. `ending` is the reason under which a stop that is wanted makes it `failed`;
    `suspended_with` the ancestor whose end has stopped it, and whose resume brings it back.
    """

    id: UUID
    name: str
    role: str
    host: str
    team: str
    team_tier: int | None
    team_explicit: bool
    team_chain: tuple[TierAnswer, ...]
    provider: str
    model: str | None
    color: str
    life: Life
    desired: Desired
    reason: str | None
    activity: Activity
    activity_since: datetime
    activity_source: str
    session: UUID | None
    run: UUID | None
    auto_resume: bool
    restart: Restart
    policy: Policy
    attempts: int
    last_attempt: datetime | None
    limited_until: datetime | None
    cwd: str
    tags: tuple[str, ...]
    description: str
    parent: UUID | None
    root: UUID
    depth: int
    limits: Limits
    ttl: timedelta | None
    expires_at: datetime | None
    ending: Reason | None
    suspended_with: UUID | None
    placement: Placement
    created_at: datetime
    changed_at: datetime
    version: int

    def to(self, life: Life, *, now: datetime, reason: str | None = None) -> Agent:
        """This agent in another state. Raises NotAllowed when the table does not have that move."""
        if life not in MOVES[self.life]:
            raise NotAllowed(
                f"'{self.name}' is {self.life.value} and cannot become {life.value}",
                hint=f"genie explain {self.name}",
            )
        return replace(self, life=life, reason=reason, changed_at=now)

    def wanting(self, desired: Desired, *, ending: Reason | None = None, by: UUID | None = None) -> Agent:
        """This agent with something else wanted of it: `ending` makes a stop a failure, `by` is the ancestor that is
        the cause."""
        return replace(self, desired=desired, ending=ending, suspended_with=by)

    @property
    def counted(self) -> bool:
        """Whether it takes a place in its spawn tree: it lives, or is about to."""
        return self.life in STOPPABLE or (self.life is Life.SUSPENDED and self.desired is Desired.RUNNING)

    def expired(self, *, now: datetime) -> bool:
        """Whether its time to live is over and nobody has acted on that."""
        over = self.expires_at is not None and now >= self.expires_at
        return over and self.desired is not Desired.GONE and self.life not in (Life.DONE, Life.FAILED, Life.TERMINATED)


# ---- how an ended run is read --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: its exit code, or the signal that killed it, or neither when only
    its absence was seen (pane closed by hand, tmux server gone, reboot)."""

    exit_code: int | None = None
    signal: int | None = None

    @property
    def left_by_itself(self) -> bool:
        return self.exit_code == 0

    def __str__(self) -> str:
        if self.signal is not None:
            return f"killed by signal {self.signal}"
        if self.exit_code is not None:
            return f"exit code {self.exit_code}"
        return "pane gone"


def read_end(agent: Agent, end: End) -> tuple[Life, str | None]:
    """The state that an ended run gives its agent, and the reason where it is `failed`."""
    if agent.desired is Desired.GONE:
        return Life.TERMINATED, None
    if agent.desired is Desired.STOPPED:
        return stopped(agent)
    if end.left_by_itself and agent.restart is not Restart.ALWAYS:
        return Life.DONE, None
    return Life.DEAD, str(end)


def stopped(agent: Agent) -> tuple[Life, str | None]:
    """The state that a stop leads to, and the reason where it is `failed`."""
    return (Life.FAILED, agent.ending.value) if agent.ending else (Life.SUSPENDED, None)


# ---- spawn: one verb, gated by state -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Create:
    """A fresh session: on a new row, or `anew` on the existing one."""

    reason: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Resume:
    """The same session and the same transcript."""

    reason: str


@dataclass(frozen=True, slots=True)
class Parallel:
    """Another agent beside it, named with a suffix of its own session."""

    reason: str


SpawnDecision = Create | Resume | Parallel


def decide_spawn(row: Agent | None, *, team: str, role: str, resumable: bool, above: bool = False) -> SpawnDecision:
    """What a spawn of a name means, given the row that has the name.

    `row` is None for a name nobody has (a terminated agent has given its name back). `resumable`
    says that the row's session is a conversation which its provider can continue, `above` that the row is an
    ancestor of who spawns: it cannot become its own descendant.
    """
    decision = _decide(row, team=team, role=role, resumable=resumable)
    if row is not None and above and isinstance(decision, Create) and decision.anew:
        return Parallel(f"'{row.name}' is above its spawner in the tree")
    return decision


def _decide(row: Agent | None, *, team: str, role: str, resumable: bool) -> SpawnDecision:
    if row is None or row.life is Life.TERMINATED:
        return Create("no agent of that name")
    if row.team != team:
        return Parallel(f"'{row.name}' belongs to team {row.team}")
    if row.life in LIVE or row.desired is Desired.GONE:
        return Parallel(f"'{row.name}' is {row.life.value}")
    if row.role != role:
        return Create(f"'{row.name}' was {row.life.value} with role {row.role}; now {role}", anew=True)
    if row.life is Life.DONE:
        return Create(f"'{row.name}' was done; genie resume continues its old session", anew=True)
    if row.session is None or not resumable:
        return Create(f"'{row.name}' was {row.life.value} and has no session to resume", anew=True)
    return Resume(f"'{row.name}' was {row.life.value}")


def parallel_name(name: str, session: UUID, taken: Collection[str]) -> str:
    """`<name>-<s4>`: the first four hex digits of its own session, more on a collision. Raises Conflict."""
    digits = session.hex
    for length in range(4, len(digits) + 1):
        candidate = f"{name[: 62 - length]}-{digits[:length]}"
        if candidate not in taken:
            return candidate
    raise Conflict(f"every parallel name of '{name}' is taken", hint="kill some of them")


# ---- resuming by hand ----------------------------------------------------------------------


def check_resume_by_hand(agent: Agent) -> None:
    """Raises NotAllowed where `genie resume` cannot mean anything: live, terminated, no session."""
    if agent.life in LIVE:
        raise NotAllowed(f"'{agent.name}' is {agent.life.value} already", hint=f"genie attach {agent.name}")
    if agent.life is Life.TERMINATED or agent.desired is Desired.GONE:
        raise NotAllowed(f"'{agent.name}' was killed; its session is not kept", hint=f"genie spawn {agent.name}")
    if agent.session is None:
        raise NotAllowed(f"'{agent.name}' has no session", hint=f"genie spawn {agent.name}")


def overdue(since: datetime, deadline: timedelta, *, now: datetime) -> bool:
    return now >= since + deadline
