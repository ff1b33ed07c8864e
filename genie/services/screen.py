"""`genie read` and `genie attach`: an agent's pane, looked at, never touched."""

from __future__ import annotations

from genie.domain.errors import Foreign, NotAllowed
from genie.domain.session import PaneIdentity
from genie.services.roster import get
from genie.services.world import World


def read(world: World, name: str, *, lines: int | None) -> tuple[str, str]:
    """The pane's id and its text: the screen, or the last `lines` with its history.

    Raises NotFound, NotAllowed when it has no pane, Foreign when the pane is not its own any more.
    """
    pane = _pane(world, name)
    return pane.pane, world.terminal.capture(pane, lines=lines)


def place(world: World, name: str) -> dict[str, str]:
    """Where the pane is, as tmux targets: socket, session, window, window_id, pane. Raises as `read`."""
    pane = _pane(world, name)
    snapshot = world.terminal.panes(pane.server.socket)
    seen = snapshot.pane(pane.pane) if snapshot.server == pane.server else None
    if seen is None:
        raise NotAllowed(f"the pane of '{name}' is gone", hint=f"genie explain {name}")
    if not seen.is_of(pane.run):
        raise Foreign(f"pane {pane.pane} does not belong to '{name}' any more", hint=f"genie explain {name}")
    return {
        "socket": pane.server.socket,
        "session": seen.session,
        "window": seen.window,
        "window_id": seen.window_id,
        "pane": pane.pane,
    }


def _pane(world: World, name: str) -> PaneIdentity:
    standing = get(world, name)
    if standing.run is None or standing.run.pane is None:
        raise NotAllowed(f"'{name}' is {standing.agent.life.value} and has no pane", hint=f"genie resume {name}")
    return standing.run.pane
