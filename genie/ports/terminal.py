"""tmux."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from genie.domain.agent import Placement
from genie.domain.session import PaneIdentity, PaneSeen, ServerIdentity, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """What a pane shows of its agent in title and border line."""

    name: str
    role: str
    state: str
    resumes: str
    color: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Onlooker:
    """A client of a tmux server: its session, the pane that is active there, and when a key was pressed last. `screen`
    is False for a program that only listens (control mode)."""

    client: str
    session: str
    pane: str
    touched: datetime
    screen: bool


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

    def capture(self, pane: PaneIdentity, *, lines: int | None, styled: bool = False) -> str:
        """The pane's text: the visible screen, or the last `lines` with its history; with `styled` with the escapes
        of its colours."""
        ...

    def record(self, pane: PaneIdentity, path: str) -> None:
        """Copy all that the pane's program writes from now on into that file, until the pane ends; a second call
        for the same pane takes the place of the first."""
        ...

    def type_line(self, pane: PaneIdentity, text: str) -> None:
        """Type a short line and Enter, after leaving copy mode."""
        ...

    def type_text(self, pane: PaneIdentity, text: str) -> None:
        """Type these characters as they are, without Enter. Raises NotAllowed while the pane is in a mode, such as copy
        mode; then nothing was typed."""
        ...

    def paste(self, pane: PaneIdentity, text: str) -> None:
        """The same as a paste, which the program can tell from typing. Raises as `type_text`."""
        ...

    def press_enter(self, pane: PaneIdentity) -> None:
        """Raises as `type_text`."""
        ...

    def in_mode(self, pane: PaneIdentity) -> bool:
        """Whether the pane is in a mode of tmux's own, which takes the keys."""
        ...

    def onlookers(self, socket: str) -> list[Onlooker]:
        """The clients of that server; none where no server runs."""
        ...

    def announce(self, socket: str, client: str, text: str, *, lasting: timedelta) -> None:
        """Show a line at the bottom of that client's screen, until it is over or a key is pressed; nothing for a client
        that has gone."""
        ...

    def ring(self, pane: PaneIdentity) -> bool:
        """Have the pane's window flagged, as its bell would, and the clients' bells rung. Nothing is typed, and no
        option of the user's is changed. False where the window has gone."""
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
