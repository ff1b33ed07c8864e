"""Showing an agent's pane in the terminal of the caller: attach, or switch the client that is there."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from genie.cli.output import flush
from genie.client import Row
from genie.domain.errors import BadInput, Conflict, MissingProgram


def argv(place: Row, environ: Mapping[str, str], *, again: str) -> list[str]:
    """The tmux command that shows `place`. `again` is the command to repeat from elsewhere. Raises Conflict
    within another tmux server, which cannot show a pane of this one."""
    socket = str(place["socket"])
    around = environ.get("TMUX", "").rsplit(",", 2)[0]
    if around and not _same(around, socket):
        raise Conflict(
            f"you are inside another tmux server ({around}); the agents are in {socket}",
            hint=f"detach first, or in another terminal: {again}",
            socket=socket,
        )
    verb = "switch-client" if around else "attach-session"
    command = ["tmux", "-S", socket, verb, "-t", f"={place['session']}"]
    if place.get("window_id"):
        command += [";", "select-window", "-t", str(place["window_id"])]
    if place.get("pane"):
        command += [";", "select-pane", "-t", str(place["pane"])]
    return command


def show(place: Row, *, again: str) -> NoReturn:
    """Become the tmux client. Raises BadInput without a terminal, MissingProgram without tmux."""
    command = argv(place, os.environ, again=again)
    program = shutil.which("tmux")
    if program is None:
        raise MissingProgram("tmux is not installed", hint="install tmux")
    if command[3] == "attach-session" and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadInput("attach needs a terminal", hint=f"genie read {place.get('name', 'NAME')}")
    flush()
    os.execv(program, command)  # noqa: S606 — an argument list, no shell


def _same(left: str, right: str) -> bool:
    return Path(left).resolve() == Path(right).resolve()
