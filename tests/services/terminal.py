"""tmux in memory: the servers and panes of a `Machine`, as the port has them."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from genie.domain.agent import Placement
from genie.domain.errors import Foreign
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity, Snapshot
from genie.ports import Face, Onlooker
from tests.services.machine import DEFAULT_SOCKET, Machine, one_at_a_time


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

    def capture(self, pane: PaneIdentity, *, lines: int | None, styled: bool = False) -> str:
        self._machine.ask("capture", pane.server.socket)
        return f"{self._machine.pane(pane).id}: {lines or 'screen'}"

    def record(self, pane: PaneIdentity, path: str) -> None:
        self._machine.ask("record", pane.server.socket)
        self._machine.pane(pane).recorded = path

    def type_line(self, pane: PaneIdentity, text: str) -> None:
        self._machine.ask("type_line", pane.server.socket)
        self._machine.pane(pane).typed.append(text)

    def type_text(self, pane: PaneIdentity, text: str) -> None:
        self._machine.ask("type_text", pane.server.socket)
        self._machine.pane(pane).typed.append(text)

    def paste(self, pane: PaneIdentity, text: str) -> None:
        self.type_text(pane, text)

    def press_enter(self, pane: PaneIdentity) -> None:
        self.type_text(pane, "\r")

    def in_mode(self, pane: PaneIdentity) -> bool:
        self._machine.ask("in_mode", pane.server.socket)
        return False

    def onlookers(self, socket: str) -> list[Onlooker]:
        self._machine.ask("onlookers", socket)
        return list(self._machine.onlookers)

    def announce(self, socket: str, client: str, text: str, *, lasting: timedelta) -> None:
        self._machine.ask("announce", socket)
        self._machine.announced.append((client, text))

    def ring(self, pane: PaneIdentity) -> bool:
        self._machine.ask("ring", pane.server.socket)
        self._machine.rung.append(pane.pane)
        return True

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
