"""`genie read` and `genie attach`: an agent's pane, looked at, never touched, and the log of what was in it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from genie.domain.errors import BadInput, Foreign, NotAllowed
from genie.domain.session import PaneIdentity
from genie.services.roster import get
from genie.services.world import World


def read(world: World, name: str, *, lines: int | None) -> tuple[str, str]:
    """The pane's id and its text: the screen, or the last `lines` with its history.

    Raises NotFound, NotAllowed when it has no pane, Foreign when the pane is not its own any more.
    """
    pane = _pane(world, name)
    return pane.pane, world.terminal.capture(pane, lines=lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """Part of the log of a run. `mark` is where to go on, `more` says that there is more already."""

    run: UUID
    path: str
    text: str
    mark: str
    more: bool


def log_of(world: World, name: str, *, lines: int | None = None, after: str | None = None) -> Logged:
    """What an agent's latest run that has a log wrote: all that is kept, or the last `lines`. With `after`, the mark of
    an earlier answer, what came since, of the runs that followed too.

    Raises NotFound, NotAllowed when no run has a log, BadInput for what is no mark, Failed.
    """
    logged = [run.id for run in world.registry.runs(get(world, name).agent.id) if world.run_logs.has(run.id)]
    if not logged:
        raise NotAllowed(f"'{name}' has no log", hint=f"plain commands have one; else genie read {name}")
    if after is None:
        return _logged(world, logged[0], lines=lines)
    run, mark = _marked(after)
    at = logged.index(run) if run in logged else 0
    if run != logged[at]:  # its log was removed meanwhile
        return _logged(world, logged[0])
    found = _logged(world, run, after=mark)
    return found if found.text or at == 0 else _logged(world, logged[at - 1])


def _logged(world: World, run: UUID, *, lines: int | None = None, after: str | None = None) -> Logged:
    logs = world.run_logs
    piece = logs.tail(run, lines=lines) if after is None else logs.after(run, after)
    text = piece.content.decode(errors="replace")
    return Logged(run=run, path=logs.path(run), text=text, mark=f"{run}:{piece.mark}", more=piece.more)


def _marked(after: str) -> tuple[UUID, str]:
    run, _, mark = after.partition(":")
    try:
        return UUID(run), mark
    except ValueError as error:
        raise BadInput(f"{after!r} is no mark in a log", hint="give back the mark of an earlier answer") from error


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
