"""tmux's clients: who looks at what, and how they are told something."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from genie.adapters.tmux.server import Denied, NoServer, Server, literal
from genie.ports import Onlooker

_CLIENTS = "#{client_activity} #{client_control_mode} #{pane_id} #{client_name} #{session_name}"
PANES = "#{pane_dead} #{pane_pipe} #{pane_id} #{window_id} #{@genie_run} #{pane_tty}"
_QUIET = "1"
"""Seconds of silence after which tmux flags a window whose panes are all dead."""
_FORGET = "3"
"""Seconds after which it is not to look for silence any more."""


def onlookers(server: Server) -> list[Onlooker]:
    """Raises TerminalAway."""
    try:
        lines = server.do(("list-clients", "-F", _CLIENTS))
    except NoServer:
        return []
    return [_onlooker(line) for line in lines]


def _onlooker(line: str) -> Onlooker:
    touched, control, pane, client, session = line.split(" ", 4)
    return Onlooker(
        client=client,
        session=session,
        pane=pane,
        touched=datetime.fromtimestamp(int(touched), UTC),
        screen=control != "1",
    )


def announce(server: Server, client: str, text: str, *, lasting: timedelta) -> None:
    """tmux takes # for formats and % for the time: neither means anything here. Raises TerminalAway."""
    shown = literal(" ".join(text.split())).replace("%", "%%")
    try:
        server.do(("display-message", "-c", client, "-d", str(int(lasting.total_seconds() * 1000)), shown))
    except (Denied, NoServer):
        return


class _Row(NamedTuple):
    dead: bool
    logged: bool
    pane: str
    window: str
    ours: bool
    tty: str


def bell(pane: str, lines: Sequence[str]) -> str | None:
    """The terminal on which to ring for a pane, `lines` being the listing PANES of its window: its own while it lives,
    else that of another agent there. One whose output is kept in a log is left alone. None where there is none."""
    rows = [_row(line) for line in lines]
    quiet = [row for row in rows if not row.dead and not row.logged and row.tty]
    fit = sorted((row for row in quiet if row.pane == pane or row.ours), key=lambda row: row.pane != pane)
    return fit[0].tty if fit else None


def window(lines: Sequence[str]) -> str:
    return _row(lines[0]).window


def _row(line: str) -> _Row:
    dead, logged, pane, window, run, tty = line.split(" ", 5)
    return _Row(dead == "1", logged == "1", pane, window, bool(run), tty)


def ring(tty: str) -> bool:
    """Write the one character that rings: no program reads it, and nothing is shown of it. Whether that could be."""
    try:
        terminal = os.open(tty, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return os.write(terminal, b"\a") == 1
    except OSError:
        return False
    finally:
        os.close(terminal)


def flag(window: str) -> list[Sequence[str]]:
    """Commands that flag a window in which nothing writes any more: tmux does so by itself after a silence, if it is
    told to look for one, which it is for a moment."""
    back = f"set-option -w -q -u -t {window} monitor-silence"
    return [
        ("set-option", "-w", "-t", window, "monitor-silence", _QUIET),
        ("run-shell", "-b", "-d", _FORGET, "-C", back),
    ]
