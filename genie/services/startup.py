"""Answering the dialogs of an agent's start that its user has allowed genie to answer with yes, and no others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from genie.domain.errors import Foreign, NotAllowed
from genie.domain.events import Kind, event
from genie.domain.session import PaneIdentity, Run
from genie.domain.startup import Dialog
from genie.ports.signs import Signs
from genie.services.activity import Watched
from genie.services.world import World

STEP = timedelta(milliseconds=300)
"""Time between two looks at its screen, so that a key has been taken before the next."""
MOVES = 4
"""Keys that may be pressed to get to a yes."""


def accept(
    world: World, signs: Signs, watched: Watched, allowed: Collection[str], patience: timedelta
) -> tuple[Watched, datetime | None]:
    """One step towards the yes of a dialog in which a program stands; and when to take the next, None for no more.

    A step is taken only where all of it fits: nobody has heard of the program within `patience`, its configuration
    leads to that dialog, which is `allowed`, the process is the program and in its own pane, and that dialog is on the
    screen. Each is answered once. Raises RegistryAway, TerminalAway."""
    now, pane = world.clock.now(), watched.run.pane
    if pane is None or not allowed or not watched.known.silent:
        return watched, None
    due = watched.known.started + patience
    if now < due:
        return watched, due
    watched = _looked(signs, watched)
    dialog = watched.dialog
    if dialog is None or dialog.name not in allowed or dialog.name in watched.accepted or watched.moves > MOVES:
        return watched, None
    if world.processes.waits_for_launch(pane.pid, watched.run.id):
        return watched, now + STEP
    try:
        seen = _step(world, signs, watched, pane, dialog)
    except (Foreign, NotAllowed):  # it is not that pane any more, or somebody reads in it
        seen = watched
    return seen, now + (patience if seen is watched else STEP)


def _looked(signs: Signs, watched: Watched) -> Watched:
    """With the dialog that comes after one that was answered."""
    if not watched.accepted:
        return watched
    dialog = signs.dialog(watched.provider, env=watched.env, cwd=watched.cwd, argv=watched.argv)
    return replace(watched, dialog=dialog, known=replace(watched.known, dialog=dialog.text if dialog else ""))


def _step(world: World, signs: Signs, watched: Watched, pane: PaneIdentity, dialog: Dialog) -> Watched:
    shown = signs.shown(watched.provider, world.terminal.capture(pane, lines=None))
    if shown is None or shown.name != dialog.name:
        return watched
    if shown.move:
        world.terminal.type_text(pane, shown.move)
        return replace(watched, moves=watched.moves + 1)
    world.terminal.press_enter(pane)
    _record(world, watched.run, dialog)
    return replace(watched, accepted=watched.accepted | {dialog.name}, moves=0)


def _record(world: World, run: Run, dialog: Dialog) -> None:
    with world.registry.begin() as tx:
        found = tx.standing_of(run.agent)
        if found is not None:
            tx.record(event(Kind.DIALOG_ACCEPTED, found.agent, run, at=world.clock.now(), dialog=dialog.name))
