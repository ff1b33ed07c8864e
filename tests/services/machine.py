"""A host in memory: its processes, its tmux servers with their panes, the files that wait for runners.

It outlives the daemon. A pane starts with the runner of its run in it, which becomes the provider when
its launch file is there and gives up after ten seconds. Ids and pids are handed out again where a real
host would: a server that was restarted numbers its panes from %0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from threading import RLock
from typing import Any, TypeVar
from uuid import UUID

from genie.domain.errors import Foreign, GenieError, TerminalAway
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity
from genie.ports import Face, Onlooker
from tests.services.chance import HandClock

RUNNER_PATIENCE = timedelta(seconds=10)
HOME = "/home/u/.genie"
DEFAULT_SOCKET = "/tmp/tmux-1000/default"


@dataclass(eq=False)
class Process:
    """`run` is GENIE_RUN_ID in its environment; `polite` says that SIGTERM ends it, `lasting` that not
    even SIGKILL does; `argv` is None as long as it is the runner."""

    pid: int
    started: str
    born: datetime
    run: UUID | None = None
    parent: int = 1
    argv: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    alive: bool = True
    polite: bool = True
    lasting: bool = False
    memory: int = 10 * 2**20
    ended_at: datetime | None = None


@dataclass(eq=False)
class Pane:
    """`blank` hides how its process ended until the server is nudged, as after a respawn. `recorded` is the file
    that gets what is written in it."""

    id: str
    process: Process
    session: str
    window: str
    window_id: str
    command_run: UUID | None
    tag: UUID | None = None
    remain: bool = False
    blank: bool = False
    exit_code: int | None = None
    signal: int | None = None
    face: Face | None = None
    typed: list[str] = field(default_factory=list)
    recorded: str | None = None
    title: str = ""

    def seen(self) -> PaneSeen:
        known = not self.process.alive and not self.blank
        return PaneSeen(
            pane=self.id,
            pid=self.process.pid,
            tag=self.tag,
            command_run=self.command_run,
            dead=not self.process.alive,
            exit_code=self.exit_code if known else None,
            signal=self.signal if known else None,
            session=self.session,
            window=self.window,
            window_id=self.window_id,
            title=self.title,
        )


@dataclass(eq=False)
class Server:
    identity: ServerIdentity
    panes: dict[str, Pane] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=count)
    windows: count[int] = field(default_factory=count)
    teams: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Execution:
    """A runner became this. `at` in the host's time."""

    run: UUID
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    at: datetime


@dataclass(frozen=True)
class Launch:
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    attend: Mapping[str, object] | None = None


class Machine:
    """The host. Tests end, restart and disturb things here."""

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.lock = RLock()
        self.processes: dict[int, Process] = {}
        self.servers: dict[str, Server] = {}
        self.waiting: dict[UUID, Launch] = {}
        self.environments: dict[UUID, dict[str, str]] = {}
        self.prompts: dict[UUID, str] = {}
        self.told: set[UUID] = set()
        self.attended: dict[UUID, dict[str, object]] = {}
        self.marks: dict[tuple[UUID, str], dict[str, object]] = {}
        self.folders: set[UUID] = set()
        self.tokens: dict[UUID, str] = {}
        self.logs: dict[UUID, str] = {}
        self.executions: list[Execution] = []
        self.killed: list[Process] = []
        self.graces: dict[UUID, timedelta] = {}
        self.enclosed: dict[UUID, int | None] = {}
        self.starved: set[UUID] = set()
        self.before_boot: set[str] = set()
        self.away: set[str] = set()
        self.fails: dict[str, GenieError] = {}
        self.calls: list[str] = []
        self.onlookers: list[Onlooker] = []
        self.announced: list[tuple[str, str]] = []
        self.rung: list[str] = []
        self.runners_read = True
        self.on_exec: Callable[[Execution], None] = lambda _: None
        self._pids = count(1000)
        self._starts = count(1)
        clock.on_change = self.tick

    # ---- processes ----

    def begin(self, *, run: UUID | None = None, parent: int = 1, pid: int | None = None) -> Process:
        number = next(self._pids) if pid is None else pid
        process = Process(number, f"boot-{next(self._starts)}", self.clock.time, run=run, parent=parent)
        self.processes[number] = process
        return process

    def end(self, process: Process, *, exit_code: int | None = None, signal: int | None = None) -> None:
        if not process.alive:
            return
        process.alive, process.ended_at = False, self.clock.time
        for server in list(self.servers.values()):
            for pane in list(server.panes.values()):
                if pane.process is process:
                    pane.exit_code, pane.signal = exit_code, signal
                    if not pane.remain:
                        self.remove(server, pane)

    def kill(self, process: Process) -> bool:
        """SIGKILL; false for one that outlives it."""
        self.killed.append(process)
        if not process.lasting:
            self.end(process, signal=9)
        return not process.lasting

    def tick(self) -> None:
        """Runners read what is there for them, or lose their patience."""
        for process in list(self.processes.values()):
            if not process.alive or process.run is None or process.argv is not None or process.parent != 1:
                continue
            if process.run in self.waiting and self.runners_read:
                self._become(process, self.waiting.pop(process.run))
            elif self.clock.time - process.born > RUNNER_PATIENCE:
                self.end(process, exit_code=75)

    def _become(self, process: Process, launch: Launch) -> None:
        process.argv, process.env, process.cwd = launch.argv, launch.env, launch.cwd
        assert process.run is not None
        if launch.attend is not None:
            self.attended[process.run] = dict(launch.attend)
        execution = Execution(process.run, launch.argv, launch.env, launch.cwd, self.clock.time)
        self.executions.append(execution)
        self.on_exec(execution)

    def agents(self) -> list[Process]:
        """The living processes that have become a provider."""
        return [p for p in self.processes.values() if p.alive and p.argv is not None]

    def of_run(self, run: UUID) -> Process:
        return next(p for p in reversed(self.processes.values()) if p.run == run and p.parent == 1)

    # ---- tmux ----

    def server(self, socket: str = DEFAULT_SOCKET) -> Server:
        if socket not in self.servers:
            process = self.begin()
            self.servers[socket] = Server(ServerIdentity(socket, process.pid, process.started))
        return self.servers[socket]

    def open(
        self, session: str, window: str = "shell", *, socket: str = DEFAULT_SOCKET, run: UUID | None = None
    ) -> Pane:
        """A pane of the user's own, or (with `run`) one with a runner in it."""
        server = self.server(socket)
        there = [pane for pane in server.panes.values() if (pane.session, pane.window) == (session, window)]
        window_id = there[0].window_id if there else f"@{next(server.windows)}"
        pane = Pane(f"%{next(server.numbers)}", self.begin(run=run), session, window, window_id, run)
        server.panes[pane.id] = pane
        return pane

    def remove(self, server: Server, pane: Pane) -> None:
        server.panes.pop(pane.id, None)
        self.end(pane.process, signal=1)
        if not server.panes:
            self.end_server(server.identity.socket)

    def end_server(self, socket: str = DEFAULT_SOCKET) -> None:
        """The tmux server dies, and what was in its panes gets SIGHUP."""
        server = self.servers.pop(socket)
        self.end(self.processes[server.identity.pid])
        for pane in server.panes.values():
            self.end(pane.process, signal=1)

    def pane(self, identity: PaneIdentity) -> Pane:
        """Raises Foreign when there is no such pane any more."""
        server = self.servers.get(identity.server.socket)
        pane = server.panes.get(identity.pane) if server else None
        if server is None or pane is None or server.identity != identity.server:
            raise Foreign(f"pane {identity.pane} is gone")
        if pane.process.pid != identity.pid or pane.command_run != identity.run:
            raise Foreign(f"pane {identity.pane} is not that of run {identity.run}")
        return pane

    def pane_of(self, run: UUID) -> Pane | None:
        panes = [pane for server in self.servers.values() for pane in server.panes.values()]
        return next((pane for pane in panes if pane.command_run == run), None)

    def ask(self, call: str, socket: str) -> None:
        """A call to tmux is made."""
        self.calls.append(call)
        if socket in self.away:
            raise TerminalAway(f"tmux on {socket} does not answer")
        if call in self.fails:
            raise self.fails[call]


C = TypeVar("C")


def one_at_a_time(made: type[C]) -> type[C]:
    """The use cases ask from several threads: each call has the machine to itself."""
    for name, method in list(vars(made).items()):
        if callable(method) and not name.startswith("_"):
            setattr(made, name, _alone(method))
    return made


def _alone(method: Callable[..., object]) -> Callable[..., object]:
    @wraps(method)
    def alone(self: Any, *args: object, **kwargs: object) -> object:  # noqa: ANN401
        with self._machine.lock:
            return method(self, *args, **kwargs)

    return alone
