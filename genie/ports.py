"""What the use cases need of the world, in the domain's own words.

Every port says which errors of `genie.domain.errors` it raises; adapters let no other out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from genie.domain.agent import Agent, Life, Placement
from genie.domain.errors import BadTemplate
from genie.domain.events import Event, Kind
from genie.domain.selecting import Match, Selection
from genie.domain.session import Launch, PaneIdentity, PaneSeen, Run, ServerIdentity, Session, Snapshot, Standing
from genie.domain.team import ClaudeTeam, Team
from genie.domain.template import Template
from genie.domain.tree import Branch, Pace
from genie.domain.usage import Sample, Usage
from genie.domain.words import PermissionMode

# ---- time and chance ------------------------------------------------------------------------


class Clock(Protocol):
    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class Ids(Protocol):
    def new(self) -> UUID:
        """A fresh random UUID (version 4: providers accept no other)."""
        ...


class Secrets(Protocol):
    def token(self) -> str:
        """A fresh secret of 32 random bytes, as text without spaces."""
        ...

    def digest(self, token: str) -> str:
        """What is kept of a token: it cannot be found from that again."""
        ...


class Fault(Protocol):
    def __call__(self, point: str) -> None:
        """Pass a named point. Does nothing, except where a test wants the daemon killed there."""
        ...


# ---- the registry ---------------------------------------------------------------------------


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


class Tx(Protocol):
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

    def team(self, name: str) -> Team | None: ...

    def add_team(self, team: Team) -> None:
        """Does nothing when a team of that name is there."""
        ...

    def keep_template(self, template: Template) -> None:
        """Keep `agent_templates` in step with the file the spawn has read."""
        ...

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


class Registry(Vitals, Protocol):
    """PostgreSQL. Every method raises RegistryAway when it does not answer."""

    def begin(self) -> AbstractContextManager[Tx]:
        """A transaction: committed when the block ends, rolled back when it raises."""
        ...

    def beat(self, host: str, *, at: datetime) -> list[Standing]:
        """The heartbeat's one query: note that the host lives, and return every agent of the host
        that the daemon has work with: not suspended, done, failed or terminated, or whose latest run has
        not ended, or that is wanted gone and is not yet."""
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

    def teams(self) -> list[Team]: ...

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
        """The sessions that can still be resumed (those of agents that are not terminated), and the
        runs that have not ended."""
        ...


# ---- tmux -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What a pane shows of its agent in title and border line."""

    name: str
    role: str
    state: str
    resumes: str
    color: str


class Terminal(Protocol):
    """tmux. Every method raises TerminalAway when a server is there but does not answer, and
    methods that act on a PaneIdentity raise Foreign when the pane is not that one any more."""

    def panes(self, socket: str) -> Snapshot:
        """All panes of the server, by one tmux call."""
        ...

    def create(self, placement: Placement, *, team: str, run: UUID, cwd: str) -> tuple[ServerIdentity, PaneSeen]:
        """Make the pane with the runner waiting in it; session, window and keeper too where they are
        missing. The run id stands on the pane's command line from the first instant."""
        ...

    def respawn(self, pane: PaneIdentity, *, run: UUID, cwd: str) -> PaneSeen:
        """Start the runner of another run in that dead pane: same pane id, same place."""
        ...

    def dress(self, pane: PaneIdentity, face: Face) -> None:
        """Tag it, keep it after death, give it its hook, title and border line."""
        ...

    def close(self, pane: PaneIdentity) -> None:
        """Close the pane, if it is there, and re-flow its window where that is genie's."""
        ...

    def capture(self, pane: PaneIdentity, *, lines: int | None) -> str:
        """The pane's text: the visible screen, or the last `lines` with its history."""
        ...

    def record(self, pane: PaneIdentity, path: str) -> None:
        """Copy all that the pane's program writes from now on into that file, until the pane ends; a second call
        for the same pane takes the place of the first."""
        ...

    def type_line(self, pane: PaneIdentity, text: str) -> None:
        """Type a short line and Enter, after leaving copy mode."""
        ...

    def nudge(self, server: ServerIdentity) -> None:
        """Make the server look after its ended children (SIGCHLD), its identity checked first."""
        ...

    def session_exists(self, socket: str, session: str) -> bool: ...

    def session_of_pane(self, socket: str, pane: str) -> str | None:
        """The name of the tmux session that holds a caller's pane."""
        ...

    def close_session(self, socket: str, session: str) -> bool:
        """Close a tmux session that genie made and in which nothing but its keeper is left, and only
        such a one; whether there was one to close."""
        ...

    def default_socket(self) -> str:
        """The absolute path of the user's default tmux server."""
        ...

    def socket_path(self, name_or_path: str) -> str:
        """The absolute path of a server named as `tmux -L` (a name) or `tmux -S` (a path) takes it."""
        ...

    def version(self) -> str:
        """Raises MissingProgram where tmux is not installed."""
        ...


# ---- processes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rooted:
    """A run by its first process: pid and start time."""

    run: UUID
    pid: int
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a process comes from: itself and its ancestors up to a tmux server or init, nearest first; the leader of
    its session; and the run ids that stand in the environments of those processes, nearest first."""

    pids: tuple[int, ...] = ()
    session: int = 0
    runs: tuple[UUID, ...] = ()


class Processes(Protocol):
    def started(self, pid: int) -> str | None:
        """The start time of a living process, opaque, unique over reboots; None for none or a zombie."""
        ...

    def alive(self, pid: int, started: str) -> bool: ...

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        """Whether that process is still the runner of that run, not yet the provider."""
        ...

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        """End a run's whole tree: TERM, grace, KILL, until none is left. Takes in children, session
        and process group of `pid` (if it is still that process) and every process whose environment
        carries the run id. Raises Survivors."""
        ...

    def terminate(self, pid: int, started: str) -> None:
        """SIGTERM to that process, if it is still that one."""
        ...

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        """Wait, without polling, until that process has ended, or the time is over."""
        ...

    def ancestors(self, pid: int) -> list[int]:
        """Parent, grandparent … of a process."""
        ...

    def lineage(self, pid: int) -> Lineage:
        """By the kernel's word, where that process comes from; empty when it is gone."""
        ...

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        """What each of these runs uses, by one look at the process table; runs without a process are absent."""
        ...

    def memory(self, roots: Sequence[Rooted]) -> dict[UUID, int]:
        """The memory of each of these runs in bytes: of its cgroup where it has one, else the proportional set size
        of its processes (what they share with others counts by its share)."""
        ...

    def enclose(self, run: UUID, pid: int, *, memory: int | None = None) -> None:
        """Put the waiting runner of a run into a cgroup of its own, where one is delegated to genie; else nothing.
        What it starts later is in it, too. `memory` is the most it may use, in bytes."""
        ...

    def confinement(self) -> str:
        """What holds runs and measures their memory on this machine, in one line for people."""
        ...


# ---- providers ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a spawn wants of a provider. `prompt_file` is where a prompt lies that is too long for
    a command line; `skill` is run before the prompt, `skills` are told about."""

    session: UUID
    name: str
    team: str
    role_prompt: str
    replace_system_prompt: bool
    prompt: str | None
    prompt_file: str | None
    command: tuple[str, ...]
    cwd: str
    model: str | None
    effort: str | None
    permission_mode: PermissionMode | None
    skill: str | None
    skills: tuple[str, ...]
    tools: tuple[str, ...]
    disallowed_tools: tuple[str, ...]
    mcp: tuple[str, ...]
    add_dirs: tuple[str, ...]
    extra_args: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """A provider's answer: argv and the index of the first prompt in it, what to add to the
    environment, and the session id that the provider will use (None: it chooses one itself)."""

    argv: tuple[str, ...]
    prompt: int | None
    env: tuple[tuple[str, str], ...]
    provider_session: str | None


class Provider(Protocol):
    """One kind of agent program."""

    @property
    def name(self) -> str: ...

    @property
    def conversational(self) -> bool:
        """Whether it keeps a conversation that it can continue. A plain command does not: bringing
        it back is running it again."""
        ...

    @property
    def strip_env(self) -> tuple[str, ...]:
        """Variables of a caller's own session of this provider, which a child must not inherit."""
        ...

    @property
    def prompt_limit(self) -> int:
        """Bytes of a prompt that fit on its command line; longer ones go by file."""
        ...

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram (which, how to install), BadInput for what it cannot honour."""
        ...

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """The argv that goes on with the session: that of the spawn but for the session flag and the
        first prompt. Where the provider has nothing to go on with (no message was ever kept), the argv
        of a fresh start with the same id. Raises NotAllowed when it cannot be continued at all."""
        ...

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """The argv of a resume with something new to do. A first prompt that is still in it stays."""
        ...

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool: ...

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        """The id that a provider gave to a session of its own choice, once that can be told."""
        ...

    def version(self) -> str | None:
        """What `--version` prints; None when the program is not installed."""
        ...


class Providers(Protocol):
    def names(self) -> Sequence[str]: ...

    def get(self, name: str) -> Provider:
        """Raises BadInput for an unknown one, with the nearest name."""
        ...


# ---- files ----------------------------------------------------------------------------------


class Templates(Protocol):
    def find(self, name: str, *, cwd: str) -> Template | None:
        """The nearest template of that name. Raises BadTemplate with file, line and field."""
        ...

    def all(self, *, cwd: str) -> list[Template]:
        """Every template that reads, the nearest of each name; unreadable ones are left out."""
        ...

    def problems(self, *, cwd: str) -> list[BadTemplate]:
        """What is wrong with those that do not read."""
        ...


class TeamFiles(Protocol):
    """Claude Code's own files, read only."""

    def teams(self, *, env: Mapping[str, str]) -> tuple[tuple[ClaudeTeam, ...], tuple[str, ...]]:
        """Its teams, and a warning for each file that could not be read."""
        ...

    def newest_session(self, cwd: str, *, env: Mapping[str, str]) -> str | None:
        """The session id of the newest transcript of that directory."""
        ...


class Places(Protocol):
    def directory(self, path: str, *, base: str) -> str:
        """The absolute path of an existing directory, `path` seen from `base`. Raises BadInput."""
        ...


class Launches(Protocol):
    """Private files that carry what must not stand on a command line or in the registry."""

    def keep_environment(self, session: UUID, env: Mapping[str, str]) -> None: ...

    def environment(self, session: UUID) -> dict[str, str]:
        """Empty when there is none."""
        ...

    def prompt_path(self, of: UUID) -> str:
        """Where `keep_prompt` writes; nothing need be there yet."""
        ...

    def keep_prompt(self, of: UUID, prompt: str) -> str:
        """Write a long prompt of a session, or what a run is to be told; returns the file's path."""
        ...

    def prompt(self, of: UUID) -> str | None:
        """What was kept and not told yet; None for nothing."""
        ...

    def told(self, of: UUID) -> None:
        """What was kept has been handed over: it is not given again. Its file stays to be read."""
        ...

    def keep_token(self, run: UUID, token: str) -> None:
        """Keep the token of a run until it is live: a start that another daemon goes on with gives the same."""
        ...

    def token(self, run: UUID) -> str | None:
        """None when there is none, or it was forgotten."""
        ...

    def forget_token(self, run: UUID) -> None:
        """The run is live: nobody but its processes needs it any more."""
        ...

    def release(self, run: UUID, *, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
        """Write the launch file that the runner waits for, at once and whole."""
        ...

    def withdraw(self, run: UUID) -> None:
        """Remove a launch file nobody has read."""
        ...

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        """Remove files of sessions and runs that are not among these; only genie's own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """Some bytes of a run's log: whole characters where it is UTF-8. `mark` is where to go on, `more` says that there
    is more already."""

    content: bytes
    mark: str
    more: bool


class RunLogs(Protocol):
    """What runs wrote to their panes: raw, in files of a bounded size. Raises Failed when one cannot be read or
    made."""

    def path(self, run: UUID) -> str:
        """The file of a run; nothing need be there."""
        ...

    def begin(self, run: UUID) -> str:
        """Make a run's file, empty, where it is missing; returns its path."""
        ...

    def has(self, run: UUID) -> bool: ...

    def tail(self, run: UUID, *, lines: int | None) -> LogPiece:
        """From the beginning of what is kept, or of the last `lines`."""
        ...

    def after(self, run: UUID, mark: str) -> LogPiece:
        """What came after that mark; all that is kept where the mark is of a part that is not. Raises BadInput for
        what is no mark."""
        ...

    def sweep(self, *, keep: frozenset[UUID]) -> None:
        """Remove logs that are too old or too many, only genie's own, and none of the runs in `keep`."""
        ...


class Subscription(Protocol):
    """Events in the order of their ids, each once. Safe to use from any thread."""

    @property
    def closed(self) -> bool: ...

    def take(self) -> list[Event]:
        """What is there now, without waiting."""
        ...

    def close(self) -> None: ...


class Feed(Protocol):
    """New events, pushed."""

    @property
    def connected(self) -> bool: ...

    def start(self) -> None:
        """Raises RegistryAway, and Conflict where another daemon serves this host in this registry."""
        ...

    def stop(self) -> None: ...

    def subscribe(self, *, after: int, wake: Callable[[], None]) -> Subscription:
        """The events after that id, those that are there already included; `wake` is called, in a
        thread of the feed's, when there is something new or the subscription was closed."""
        ...


class Watcher(Protocol):
    """Who ends, pushed by the kernel."""

    def watch(self, key: UUID, pid: int, started: str, callback: Callable[[UUID], None]) -> None:
        """Call back once when that process ends; at once when it has. Watching a key twice is nothing."""
        ...

    def close(self) -> None: ...
