"""Sessions, runs and what is needed to start them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from genie.domain.agent import Agent, Desired, End, Life, Restart, Why
from genie.domain.result import Need
from genie.domain.resume import Past


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What a run executes. No shell ever parses it.

    `env_names` are the names of the environment's variables: the values are kept in a file of the
    user's own, never in the registry. `prompt` is the place of the first prompt in `argv` (an
    index), which a resume leaves out once the session has got it.
    """

    argv: tuple[str, ...]
    cwd: str
    env_names: tuple[str, ...] = ()
    prompt: int | None = None


class Way(Enum):
    """How a session is talked to: in its pane, not at all once it has been told, or by lines that it reads."""

    INTERACTIVE = "interactive"
    ONE_SHOT = "one-shot"
    STREAMING = "streaming"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attend:
    """How a session is run that is not interactive: by the attendant, which keeps its log.

    `screen` is the form in which the pane shows it, `form` the one in which its log is read. `keep_open` leaves its
    input open. `timeout` is how long it may run. `keep` leaves its pane after a success. `schema` is the path of the
    JSON schema that its result must fit. `inject` says that it is told the results of those it waited for. `lasting`
    is one that was spawned, as an interactive one is: it has no task, and lasts until it is ended.
    """

    screen: str
    form: str
    keep_open: bool = False
    timeout: timedelta | None = None
    keep: bool = False
    schema: str | None = None
    inject: bool = False
    lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation with a provider. Its id never changes.

    `provider_session` is the provider's own id: ours where the provider takes one, captured from
    the provider where it does not, None until then. `prompted` is set once a run of the session has
    started, so that the first prompt is never given twice. `attend` is None for an interactive one.
    `retried_from` is the session of which it is another try. `on_resume` is what a resumed agent is told: a text,
    "none" for nothing, or None for what genie has to say of it.
    """

    id: UUID
    agent: UUID
    provider: str
    provider_session: str | None
    launch: Launch
    role_prompt: str
    created_at: datetime
    ended_at: datetime | None = None
    prompted: bool = False
    attend: Attend | None = None
    retried_from: UUID | None = None
    on_resume: str | None = None

    @property
    def way(self) -> Way:
        if self.attend is None:
            return Way.INTERACTIVE
        return Way.STREAMING if self.attend.keep_open else Way.ONE_SHOT


class Server(Enum):
    """What is known of the tmux server that held a pane."""

    SAME = "same"
    GONE = "gone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """One tmux server: its socket's path, its pid and that process's start time."""

    socket: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class PaneIdentity:
    """One pane, so exactly that a recycled id cannot be mistaken for it.

    `pid` is the pane's process, `started` its start time (opaque, unique over reboots), `run` the
    run id in the pane's tag.
    """

    server: ServerIdentity
    pane: str
    pid: int
    started: str
    run: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneSeen:
    """A pane as tmux lists it now. `tag` is the option @genie_run; `command_run` the run id in the
    command it was started with, which is there from the first instant. `exit_code` and `signal` can
    be None for a moment after a death."""

    pane: str
    pid: int
    tag: UUID | None
    command_run: UUID | None
    dead: bool
    exit_code: int | None
    signal: int | None
    session: str
    window: str
    window_id: str
    width: int = 0
    height: int = 0
    title: str = ""

    def is_of(self, run: UUID) -> bool:
        """The pane was started for that run: by its command line, which follows a respawn."""
        return self.command_run == run


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All panes of one tmux server at one moment; `server` is None when no server runs there."""

    server: ServerIdentity | None
    panes: tuple[PaneSeen, ...] = ()
    _by_id: Mapping[str, PaneSeen] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # It is asked for each of hundreds of panes.
        object.__setattr__(self, "_by_id", {seen.pane: seen for seen in self.panes})

    def pane(self, pane: str) -> PaneSeen | None:
        return self._by_id.get(pane)

    def of_run(self, run: UUID) -> PaneSeen | None:
        return next((seen for seen in self.panes if seen.is_of(run)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process of a session in one pane. `deadline` bounds its start; `missed` counts the
    looks in a row that did not find it alive. `token` is the SHA-256 of the token that its processes show when
    they spawn, in hex; None before it has been given one."""

    id: UUID
    agent: UUID
    session: UUID
    why: Why
    attempt: int
    pane: PaneIdentity | None
    tmux_session: str
    window: str
    created_at: datetime
    deadline: datetime
    live_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    missed: int = 0
    token: str | None = None

    @property
    def end(self) -> End:
        return End(self.exit_code, self.signal)

    def lived(self, *, now: datetime) -> timedelta:
        """How long its process was (or has been) alive."""
        if self.live_at is None:
            return timedelta(0)
        return max((self.ended_at or now) - self.live_at, timedelta(0))

    def ended(self, end: End, *, at: datetime) -> Run:
        return replace(self, ended_at=at, exit_code=end.exit_code, signal=end.signal)


# ---- is the process of a run alive in its pane? --------------------------------------------


class Sight(Enum):
    """What one look at a run's pane says."""

    ALIVE = "alive"
    DEAD = "pane dead"
    MISSING = "pane missing"
    FOREIGN = "pane is not ours"
    SERVER_GONE = "tmux server gone"
    UNKNOWN = "tmux unreachable"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a run: what was seen, and how the process ended where tmux tells."""

    sight: Sight
    end: End = field(default_factory=End)

    @property
    def gone(self) -> bool:
        return self.sight not in (Sight.ALIVE, Sight.UNKNOWN)

    @property
    def told(self) -> bool:
        """Whether tmux has told how it ended, which it does of what it has reaped."""
        return self.sight is Sight.DEAD and self.end != End()


def look(pane: PaneIdentity, snapshot: Snapshot | None, server: Server) -> Look:
    """Judge a run's pane. `snapshot` is None when tmux did not answer; `server` says what became of
    the server process that was recorded with the pane."""
    if server is Server.GONE:
        return Look(Sight.SERVER_GONE)
    if snapshot is None or server is Server.OTHER:
        return Look(Sight.UNKNOWN)
    seen = snapshot.pane(pane.pane)
    if seen is None:
        return Look(Sight.MISSING)
    if seen.pid != pane.pid or seen.tag not in (pane.run, None) or not seen.is_of(pane.run):
        return Look(Sight.FOREIGN)
    if seen.dead:
        return Look(Sight.DEAD, End(seen.exit_code, seen.signal))
    return Look(Sight.ALIVE)


# ---- an agent with its session and its last run --------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent, its current session and its latest run, as the registry has them together. `needs` is what a queued
    one waits for, told only where the daemon looks at all of them."""

    agent: Agent
    session: Session | None
    run: Run | None
    needs: tuple[Need, ...] = ()

    @property
    def timeout_at(self) -> datetime | None:
        """When its present run has lasted as long as it may."""
        if self.session is None or self.session.attend is None or self.session.attend.timeout is None:
            return None
        return self.run.live_at + self.session.attend.timeout if self.run and self.run.live_at else None

    @property
    def _limited(self) -> bool:
        """Whether a session that is run to its end was held up by a usage limit: it goes on after it."""
        attend = self.session.attend if self.session else None
        return attend is not None and not attend.lasting and self.agent.limited_until is not None

    def past(self, *, resumable: bool, now: datetime) -> Past:
        """What `resume.decide` needs to know. `resumable` is the provider's word on the session."""
        agent = self.agent
        return Past(
            dead=agent.life is Life.DEAD,
            wanted=agent.desired is Desired.RUNNING,
            auto_resume=(agent.auto_resume and agent.restart is not Restart.NEVER) or self._limited,
            resumable=resumable and self.session is not None,
            attempts=agent.attempts,
            last_attempt=agent.last_attempt,
            lived=self.run.lived(now=now) if self.run else timedelta(0),
            limited_until=agent.limited_until,
        )
