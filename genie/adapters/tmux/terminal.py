"""The port Terminal: what the use cases ask of tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

from genie.adapters.tmux import clients
from genie.adapters.tmux.listing import FORMAT, Row, look, read, read_all
from genie.adapters.tmux.places import Maker, reflow, tmux_name
from genie.adapters.tmux.server import Call, Denied, NoServer, Server, literal, quoted
from genie.domain.agent import Placement
from genie.domain.errors import Foreign, MissingProgram, NotAllowed, TerminalAway
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity, Snapshot
from genie.ports import Face, Onlooker, Processes

_YES = "genie: it is that pane"
_MARKS = ("GENIE_RUN_ID", "GENIE_AGENT_TOKEN")
"""Variables by which a process is known to be of a run."""


class Tmux:
    """Implements `genie.ports.Terminal`.

    `run_command` gives the argv a pane runs for a run, `hook_command` what is run when its process ends, `log_command`
    what copies the output of a pane, whose process has that pid, from stdin into a file. `environment` is that of the
    tmux servers started here; `timeout` is in seconds, for each call. `servers` is filled with the pid of the server
    on each socket: whoever started one, it is no part of an agent. Safe to use from many threads.
    """

    def __init__(
        self,
        *,
        run_command: Callable[[UUID], Sequence[str]],
        hook_command: Callable[[UUID], Sequence[str]] | None,
        log_command: Callable[[str, int], Sequence[str]] | None = None,
        environment: Mapping[str, str],
        processes: Processes,
        width: int = 200,
        height: int = 50,
        timeout: float = 5.0,
        servers: dict[str, int] | None = None,
    ) -> None:
        self._run_command = run_command
        self._hook_command = hook_command
        self._log_command = log_command
        self._environment = {name: value for name, value in environment.items() if not _of_a_pane(name)}
        self._processes = processes
        self._size = (width, height)
        self._timeout = timeout
        self._seen = {} if servers is None else servers
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    # ---- looking ----

    def panes(self, socket: str) -> Snapshot:
        pid, rows = look(self._server(socket))
        started = self._processes.started(pid) if pid is not None else None
        if pid is None or started is None:
            self._seen.pop(socket, None)
            return Snapshot(server=None)
        self._seen[socket] = pid
        return Snapshot(server=ServerIdentity(socket, pid, started), panes=tuple(row.seen for row in rows))

    def session_exists(self, socket: str, session: str) -> bool:
        return any(row.seen.session == tmux_name(session) for row in self._rows(socket))

    def session_of_pane(self, socket: str, pane: str) -> str | None:
        return next((row.seen.session for row in self._rows(socket) if row.seen.pane == pane), None)

    def default_socket(self) -> str:
        return self.socket_path("default")

    def socket_path(self, name_or_path: str) -> str:
        if "/" in name_or_path:
            return str(Path(name_or_path).expanduser().absolute())
        base = Path(self._environment.get("TMUX_TMPDIR") or "/tmp").resolve()  # noqa: S108 - tmux's own rule
        return str(base / f"tmux-{os.getuid()}" / name_or_path)

    def version(self) -> str:
        call = Call([self._program(), "-V"], environment=self._environment, timeout=self._timeout)
        return " ".join(call.stdout).removeprefix("tmux ").strip()

    # ---- making and closing ----

    def create(self, placement: Placement, *, team: str, run: UUID, cwd: str) -> tuple[ServerIdentity, PaneSeen]:
        server = self._server(placement.socket)
        maker = Maker(server, team=team, cwd=cwd, argv=self._run_command(run), size=self._size)
        with self._locks[placement.socket]:
            row = maker.make(placement)
        started = self._processes.started(row.server_pid)
        if started is None:
            raise TerminalAway(f"the tmux server on {placement.socket} ended while it made a pane")
        return ServerIdentity(placement.socket, row.server_pid, started), row.seen

    def respawn(self, pane: PaneIdentity, *, run: UUID, cwd: str) -> PaneSeen:
        if self._processes.alive(pane.pid, pane.started):
            raise Foreign(f"pane {pane.pane} still runs its process {pane.pid}", pane=pane.pane)
        start = () if "#" in cwd else ("-c", cwd)
        with self._locks[pane.server.socket]:
            lines = self._act(
                pane,
                ("respawn-pane", "-k", "-t", pane.pane, *start, *self._run_command(run)),
                ("display-message", "-p", "-t", pane.pane, FORMAT),
            )
        return read(lines[0]).seen

    def dress(self, pane: PaneIdentity, face: Face) -> None:
        options = {
            "@genie_run": str(pane.run),
            "@genie_name": face.name,
            "@genie_role": face.role,
            "@genie_state": face.state,
            "@genie_resumes": face.resumes,
            "@genie_color": face.color,
            "remain-on-exit": "on",
        }
        commands: list[Sequence[str]]
        commands = [("set-option", "-p", "-t", pane.pane, name, value) for name, value in options.items()]
        if self._hook_command is not None:
            commands.append(("set-hook", "-p", "-t", pane.pane, "pane-died", _hook(self._hook_command(pane.run))))
        commands.append(("select-pane", "-t", pane.pane, "-T", "#{@genie_name}"))
        self._act(pane, *commands)

    def close(self, pane: PaneIdentity) -> None:
        if not self._processes.alive(pane.server.pid, pane.server.started):
            return
        with self._locks[pane.server.socket]:
            window = self._window_of(pane)
            own = next((row for row in window if row.seen.pane == pane.pane), None)
            if own is None:
                return
            arrange = reflow(own) if len(window) > 1 else []
            try:
                self._act(pane, ("kill-pane", "-t", pane.pane), *arrange)
            except Foreign:
                if self._window_of(pane):  # else it went away by itself between the look and the act
                    raise

    def close_session(self, socket: str, session: str) -> bool:
        with self._locks[socket]:
            inside = [row for row in self._rows(socket) if row.seen.session == tmux_name(session)]
            if not inside or not all(row.session_team and row.keeper for row in inside):
                return False
            self._server(socket).do(("kill-session", "-t", inside[0].session_id))
            return True

    # ---- in a pane ----

    def capture(self, pane: PaneIdentity, *, lines: int | None, styled: bool = False) -> str:
        history = () if lines is None else ("-S", f"-{lines}")
        styles = ("-e",) if styled else ()
        text = self._act(pane, ("capture-pane", "-p", *styles, "-t", pane.pane, *history))
        while text and not text[-1].strip():
            text.pop()
        return "\n".join(text if lines is None else text[-lines:])

    def record(self, pane: PaneIdentity, path: str) -> None:
        if self._log_command is not None:
            self._act(pane, ("pipe-pane", "-O", "-t", pane.pane, _piped(self._log_command(path, pane.pid))))

    def type_line(self, pane: PaneIdentity, text: str) -> None:
        # Synchronised panes would all get the line: for this moment the pane stands apart.
        apart = ("if-shell", "-F", "-t", pane.pane, "#{pane_synchronized}")
        option = ("set-option", "-p", "-t", pane.pane, "@genie_apart", "1")
        alone = ("set-option", "-p", "-t", pane.pane, "synchronize-panes", "off")
        again = [("set-option", "-p", "-u", "-t", pane.pane, name) for name in ("synchronize-panes", "@genie_apart")]
        self._act(
            pane,
            ("copy-mode", "-q", "-t", pane.pane),
            (*apart, f"{quoted(option)} ; {quoted(alone)}"),
            ("send-keys", "-t", pane.pane, "-l", "--", text),
            ("send-keys", "-t", pane.pane, "Enter"),
            ("if-shell", "-F", "-t", pane.pane, "#{@genie_apart}", " ; ".join(quoted(words) for words in again)),
            alive=True,
        )

    def type_text(self, pane: PaneIdentity, text: str) -> None:
        self._put(pane, text)

    def paste(self, pane: PaneIdentity, text: str) -> None:
        self._put(pane, text, "-p")

    def press_enter(self, pane: PaneIdentity) -> None:
        self._put(pane, "\r")

    def in_mode(self, pane: PaneIdentity) -> bool:
        said = self._act(pane, ("display-message", "-p", "-t", pane.pane, "#{?pane_in_mode,yes,no}"))
        return said == ["yes"]

    def _put(self, pane: PaneIdentity, text: str, *how: str) -> None:
        """By a buffer, which goes to this pane alone, also where panes are synchronised, and stands on no command
        line."""
        buffer = f"genie-{uuid4().hex}"
        with tempfile.NamedTemporaryFile(prefix="genie-", buffering=0) as file:
            file.write(text.encode("utf-8", "replace"))
            try:
                self._act(
                    pane,
                    ("load-buffer", "-b", buffer, file.name),
                    ("paste-buffer", "-d", "-r", *how, "-b", buffer, "-t", pane.pane),
                    alive=True,
                    free=True,
                )
            except Foreign as error:
                if self.in_mode(pane):
                    raise NotAllowed(f"somebody reads in pane {pane.pane}: it is in copy mode") from error
                raise

    # ---- to people ----

    def onlookers(self, socket: str) -> list[Onlooker]:
        return clients.onlookers(self._server(socket))

    def announce(self, socket: str, client: str, text: str, *, lasting: timedelta) -> None:
        clients.announce(self._server(socket), client, text, lasting=lasting)

    def ring(self, pane: PaneIdentity) -> bool:
        try:
            lines = self._act(pane, ("list-panes", "-t", pane.pane, "-F", clients.PANES))
            tty = clients.bell(pane.pane, lines)
            if tty is not None:
                return clients.ring(tty)
            self._act(pane, *clients.flag(clients.window(lines)))
        except Foreign:
            return False
        return True

    def nudge(self, server: ServerIdentity) -> None:
        if self._processes.alive(server.pid, server.started):
            os.kill(server.pid, signal.SIGCHLD)

    # ---- how it is done ----

    def _program(self) -> str:
        program = shutil.which("tmux", path=self._environment.get("PATH")) or shutil.which("tmux")
        if program is None:
            raise MissingProgram("tmux is not installed", hint="apt install tmux, or brew install tmux", program="tmux")
        return program

    def _server(self, socket: str) -> Server:
        return Server(socket, program=self._program(), environment=self._environment, timeout=self._timeout)

    def _rows(self, socket: str) -> list[Row]:
        return look(self._server(socket))[1]

    def _window_of(self, pane: PaneIdentity) -> list[Row]:
        """All panes of that pane's window; none when it is gone."""
        try:
            return read_all(self._server(pane.server.socket).do(("list-panes", "-t", pane.pane, "-F", FORMAT)))
        except (Denied, NoServer):
            return []

    def _act(self, pane: PaneIdentity, *commands: Sequence[str], alive: bool = False, free: bool = False) -> list[str]:
        """Do this with the pane if it is that very one: tmux itself compares and acts, in one step. Returns what the
        commands printed. Raises Foreign, Denied, TerminalAway."""
        if not self._processes.alive(pane.server.pid, pane.server.started):
            raise _foreign(pane)
        said_yes = quoted(("display-message", "-p", _YES))
        script = " ; ".join([said_yes, *(quoted(words) for words in commands)])
        server = self._server(pane.server.socket)
        try:
            lines = server.do(("if-shell", "-F", "-t", pane.pane, _is_that(pane, alive=alive, free=free), script))
        except NoServer as error:
            raise _foreign(pane) from error
        if not lines or lines[0] != _YES:
            raise _foreign(pane)
        return lines[1:]


def _is_that(pane: PaneIdentity, *, alive: bool, free: bool = False) -> str:
    """A tmux format that is 1 for exactly this pane on exactly this server, 0 for any other. The run is read from
    the command line it was started with, which no option can change."""
    tests = [
        f"#{{==:#{{pid}} #{{pane_id}} #{{pane_pid}},{pane.server.pid} {pane.pane} {pane.pid}}}",
        f"#{{m:*{pane.run}*,#{{pane_start_command}}}}",
    ]
    if alive:
        tests.append("#{?pane_dead,0,1}")
    if free:
        tests.append("#{?pane_in_mode,0,1}")
    both = tests.pop()
    for test in tests:
        both = f"#{{&&:{test},{both}}}"
    return both


def _foreign(pane: PaneIdentity) -> Foreign:
    return Foreign(f"pane {pane.pane} is not that of run {pane.run} any more", pane=pane.pane, run=str(pane.run))


def _hook(argv: Sequence[str]) -> str:
    """The tmux command that runs `argv`."""
    return quoted(("run-shell", "-b", _for_shell(argv)))


def _piped(argv: Sequence[str]) -> str:
    """What the shell is given that `pipe-pane` starts: tmux puts the time in place of %H and the like. The logger is
    a child of the server, whose environment can be that of a run which started it: it must not be taken for a part of
    that. It ends with the pane and not by a signal to the server's group."""
    command = f"trap '' HUP INT; unset {' '.join(_MARKS)}; exec {_for_shell(argv)}"
    return command.replace("%", "%%")


def _for_shell(argv: Sequence[str]) -> str:
    """As a shell reads it, once tmux has expanded its formats. After shlex a # stands within single quotes, where
    "#[" can be broken up: tmux would take it for a style and leave it doubled."""
    return literal(shlex.join(argv).replace("#[", "#''["))


def _of_a_pane(name: str) -> bool:
    return name.startswith("GENIE_") or name in ("TMUX", "TMUX_PANE")
