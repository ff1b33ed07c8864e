"""A host in memory: its processes, its tmux servers with their panes, the files that wait for runners.

It outlives the daemon. A pane starts with the runner of its run in it, which becomes the provider when
its launch file is there and gives up after ten seconds. Ids and pids are handed out again where a real
host would: a server that was restarted numbers its panes from %0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import wraps
from itertools import count
from threading import RLock
from typing import Any, TypeVar
from uuid import UUID

from genie.domain.agent import Placement
from genie.domain.errors import BadInput, Foreign, GenieError, Survivors, TerminalAway
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity, Snapshot
from genie.domain.usage import Usage
from genie.ports import Face, Lineage, LogPiece, Rooted
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
        self.tokens: dict[UUID, str] = {}
        self.logs: dict[UUID, str] = {}
        self.executions: list[Execution] = []
        self.killed: list[Process] = []
        self.graces: dict[UUID, timedelta] = {}
        self.enclosed: dict[UUID, int | None] = {}
        self.away: set[str] = set()
        self.fails: dict[str, GenieError] = {}
        self.calls: list[str] = []
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


@one_at_a_time
class MemoryTerminal:
    """`genie.ports.Terminal`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def panes(self, socket: str) -> Snapshot:
        self._machine.ask("panes", socket)
        server = self._machine.servers.get(socket)
        if server is None:
            return Snapshot(server=None)
        return Snapshot(server=server.identity, panes=tuple(pane.seen() for pane in server.panes.values()))

    def create(self, placement: Placement, *, team: str, run: UUID, cwd: str) -> tuple[ServerIdentity, PaneSeen]:
        machine = self._machine
        machine.ask("create", placement.socket)
        server = machine.server(placement.socket)
        beside = server.panes.get(placement.beside or "") if not placement.own_window else None
        session, window = placement.session, placement.window
        if beside:
            session, window = beside.session, beside.window
        elif not any(pane.session == session for pane in server.panes.values()):
            machine.open(session, "genie", socket=placement.socket)
            server.teams[session] = team
        pane = machine.open(session, window, socket=placement.socket, run=run)
        return server.identity, pane.seen()

    def respawn(self, pane: PaneIdentity, *, run: UUID, cwd: str) -> PaneSeen:
        self._machine.ask("respawn", pane.server.socket)
        there = self._machine.pane(pane)
        if there.process.alive:
            raise Foreign(f"pane {pane.pane} still runs its process {pane.pid}")
        there.process, there.command_run, there.blank = self._machine.begin(run=run), run, True
        there.exit_code = there.signal = None
        return there.seen()

    def dress(self, pane: PaneIdentity, face: Face) -> None:
        self._machine.ask("dress", pane.server.socket)
        there = self._machine.pane(pane)
        there.tag, there.remain, there.face = pane.run, True, face

    def close(self, pane: PaneIdentity) -> None:
        self._machine.ask("close", pane.server.socket)
        server = self._machine.servers.get(pane.server.socket)
        if server is None or server.identity != pane.server or pane.pane not in server.panes:
            return
        self._machine.remove(server, self._machine.pane(pane))

    def capture(self, pane: PaneIdentity, *, lines: int | None) -> str:
        self._machine.ask("capture", pane.server.socket)
        return f"{self._machine.pane(pane).id}: {lines or 'screen'}"

    def record(self, pane: PaneIdentity, path: str) -> None:
        self._machine.ask("record", pane.server.socket)
        self._machine.pane(pane).recorded = path

    def type_line(self, pane: PaneIdentity, text: str) -> None:
        self._machine.ask("type_line", pane.server.socket)
        self._machine.pane(pane).typed.append(text)

    def nudge(self, server: ServerIdentity) -> None:
        self._machine.ask("nudge", server.socket)
        there = self._machine.servers.get(server.socket)
        for pane in there.panes.values() if there and there.identity == server else ():
            pane.blank = False

    def session_exists(self, socket: str, session: str) -> bool:
        return any(pane.session == session for pane in self.panes(socket).panes)

    def session_of_pane(self, socket: str, pane: str) -> str | None:
        seen = self.panes(socket).pane(pane)
        return seen.session if seen else None

    def close_session(self, socket: str, session: str) -> bool:
        self._machine.ask("close_session", socket)
        server = self._machine.servers.get(socket)
        inside = [pane for pane in server.panes.values() if pane.session == session] if server else []
        if server is None or session not in server.teams or len(inside) != 1:
            return False
        self._machine.remove(server, inside[0])
        return True

    def default_socket(self) -> str:
        return DEFAULT_SOCKET

    def socket_path(self, name_or_path: str) -> str:
        return name_or_path if "/" in name_or_path else f"/tmp/tmux-1000/{name_or_path}"

    def version(self) -> str:
        return "3.3a"


@one_at_a_time
class MemoryProcesses:
    """`genie.ports.Processes`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def _exact(self, pid: int | None, started: str | None) -> Process | None:
        process = self._machine.processes.get(pid) if pid is not None else None
        return process if process and process.alive and process.started == started else None

    def started(self, pid: int) -> str | None:
        process = self._machine.processes.get(pid)
        return process.started if process and process.alive else None

    def alive(self, pid: int, started: str) -> bool:
        return self._exact(pid, started) is not None

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        process = self._machine.processes.get(pid)
        return process is not None and process.alive and process.run == run and process.argv is None

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        self._machine.graces[run] = grace
        root = self._exact(pid, started)
        tree = [process for process in self._machine.processes.values() if process.alive and process.run == run]
        tree += [p for p in self._below(root) if p not in tree] if root else []
        left = [process.pid for process in tree if not self._machine.kill(process)]
        if left:
            raise Survivors(f"{len(left)} processes outlived SIGKILL", pids=left)

    def _below(self, root: Process) -> list[Process]:
        children = [p for p in self._machine.processes.values() if p.parent == root.pid and p.alive]
        return [root, *(deeper for child in children for deeper in self._below(child))]

    def terminate(self, pid: int, started: str) -> None:
        process = self._exact(pid, started)
        if process and process.polite:
            self._machine.end(process, signal=15)

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        if self._exact(pid, started):
            self._machine.clock.advance(within)
        return self._exact(pid, started) is None

    def ancestors(self, pid: int) -> list[int]:
        process = self._machine.processes.get(pid)
        return [process.parent, *self.ancestors(process.parent)] if process and process.parent != 1 else []

    def lineage(self, pid: int) -> Lineage:
        pids = (pid, *self.ancestors(pid)) if pid in self._machine.processes else ()
        processes = [self._machine.processes[one] for one in pids]
        return Lineage(pids=pids, session=pid, runs=tuple(p.run for p in processes if p.run))

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        trees = {root.run: self._tree(root) for root in roots}
        return {
            run: Usage(cpu_seconds=1.0, rss=sum(process.memory for process in tree), processes=len(tree))
            for run, tree in trees.items()
            if tree
        }

    def memory(self, roots: Sequence[Rooted]) -> dict[UUID, int]:
        return {run: usage.rss for run, usage in self.usage(roots).items()}

    def _tree(self, root: Rooted) -> list[Process]:
        return [process for process in self._machine.processes.values() if process.alive and process.run == root.run]

    def enclose(self, run: UUID, pid: int, *, memory: int | None = None) -> None:
        self._machine.enclosed[run] = memory

    def confinement(self) -> str:
        return "memory"


@one_at_a_time
class MemoryLaunches:
    """`genie.ports.Launches`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def keep_environment(self, session: UUID, env: Mapping[str, str]) -> None:
        self._machine.environments[session] = dict(env)

    def environment(self, session: UUID) -> dict[str, str]:
        return dict(self._machine.environments.get(session, {}))

    def prompt_path(self, of: UUID) -> str:
        return f"{HOME}/prompts/{of}.md"

    def keep_prompt(self, of: UUID, prompt: str) -> str:
        self._machine.prompts[of] = prompt
        return self.prompt_path(of)

    def prompt(self, of: UUID) -> str | None:
        return None if of in self._machine.told else self._machine.prompts.get(of)

    def told(self, of: UUID) -> None:
        if of in self._machine.prompts:
            self._machine.told.add(of)

    def keep_token(self, run: UUID, token: str) -> None:
        self._machine.tokens[run] = token

    def token(self, run: UUID) -> str | None:
        return self._machine.tokens.get(run)

    def forget_token(self, run: UUID) -> None:
        self._machine.tokens.pop(run, None)

    def release(self, run: UUID, *, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
        if "release" in self._machine.fails:
            raise self._machine.fails["release"]
        self._machine.waiting[run] = Launch(tuple(argv), dict(env), cwd)
        self._machine.tick()

    def withdraw(self, run: UUID) -> None:
        self._machine.waiting.pop(run, None)
        self._machine.tokens.pop(run, None)

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        machine = self._machine
        machine.waiting = {run: launch for run, launch in machine.waiting.items() if run in runs}
        machine.environments = {id_: env for id_, env in machine.environments.items() if id_ in sessions}
        machine.prompts = {id_: prompt for id_, prompt in machine.prompts.items() if id_ in sessions | runs}


class MemoryRunLogs:
    """`genie.ports.RunLogs`: pieces of `piece` characters; a mark is a place in a log."""

    piece = 20

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def path(self, run: UUID) -> str:
        return f"{HOME}/logs/runs/{run}.log"

    def begin(self, run: UUID) -> str:
        if "begin" in self._machine.fails:
            raise self._machine.fails["begin"]
        self._machine.logs.setdefault(run, "")
        return self.path(run)

    def has(self, run: UUID) -> bool:
        return run in self._machine.logs

    def tail(self, run: UUID, *, lines: int | None) -> LogPiece:
        text = self._machine.logs.get(run, "")
        last = "".join(text.splitlines(keepends=True)[-lines:]) if lines else text
        return self._from(run, len(text) - len(last))

    def after(self, run: UUID, mark: str) -> LogPiece:
        if not mark.isdecimal():
            raise BadInput(f"{mark!r} is no mark in a log")
        return self._from(run, int(mark))

    def sweep(self, *, keep: frozenset[UUID]) -> None:
        self._machine.logs = {run: text for run, text in self._machine.logs.items() if run in keep}

    def _from(self, run: UUID, at: int) -> LogPiece:
        text = self._machine.logs.get(run, "")
        end = min(at + self.piece, len(text))
        return LogPiece(content=text[at:end].encode(), mark=str(end), more=end < len(text))
