"""What the tests of `genie run` share: one genie for many tests, and a look at the processes of a run."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genie.client import Daemon
from genie.paths import Home
from tests.fixtures.daemon import FAKES, Genie, belonging, environ, environment
from tests.fixtures.postgres import TEMPLATE, ask, database
from tests.fixtures.quick import Quick, quick
from tests.fixtures.tmux import Tmuxes, until

Row = dict[str, Any]
ARTS = 8
"""Processes that artists.py makes of itself, the first included."""


@contextmanager
def one_for_all(server: str, **env: str) -> Iterator[Quick]:
    """A genie with its daemon, tmux server and database, for all the tests of a module."""
    directory = Path(tempfile.mkdtemp(prefix="gt-", dir="/tmp"))
    tmux = Tmuxes(str(directory / "s"), directory / "home")
    try:
        with database(server, template=TEMPLATE) as dsn:
            for name in ("home", "user", "project"):
                (directory / name).mkdir()
            fault = {"GENIE_FAULT_POINT": f"@{directory}/fault"}
            genie = quick(Genie(directory, tmux, environment(directory, tmux, dsn) | fault | env))
            try:
                yield genie
            finally:
                genie.end()
    finally:
        tmux.end()
        shutil.rmtree(directory)


def typed(genie: Genie, *words: str, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    """The command with something on its stdin."""
    argv = [sys.executable, "-m", "genie", *words]
    return subprocess.run(
        argv, env=genie.env, cwd=genie.project, input=stdin, capture_output=True, timeout=60, check=False
    )


def run(genie: Genie, *words: str) -> Row:
    """`genie run --json`, at once."""
    row: Row = genie.json("run", *words)
    return row


def asked(genie: Genie, name: str, command: Sequence[str], **said: object) -> Row:
    """The same without a command of genie's own: many can be asked for at the same time."""
    body = {"name": name, "command": list(command), "caller": {"cwd": str(genie.project), "env": genie.env}, **said}
    row: Row = Daemon(Home(genie.home), start=False).request("POST", "/v1/sessions", body, timeout=120)
    return row


def artists(genie: Genie, name: str, *words: str) -> tuple[Row, Path]:
    """A session whose processes try to outlive it; all of them are there."""
    file = genie.directory / f"{name}.arts"
    row = run(genie, "--name", name, *words, "--", sys.executable, str(FAKES / "artists.py"), str(file))
    until(lambda: file.exists() and len(file.read_text().splitlines()) == ARTS, what=f"the processes of {name}")
    return row, file


def alive(file: Path) -> list[str]:
    """Those of the processes that a file of artists names which are alive, by pid and start time."""
    found = []
    for line in file.read_text().splitlines():
        art, pid, started = line.split()
        with suppress(OSError):
            state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[18] == started and state != "Z":
                found.append(art)
    return found


def of_run(genie: Genie, run: str) -> list[int]:
    """The processes that carry a run's id."""
    mark, found = f"GENIE_RUN_ID={run}".encode(), []
    for process in belonging(genie.home):
        with suppress(OSError):
            if mark in environ(process.pid):
                found.append(process.pid)
    return found


def pane_of(genie: Genie, run: str) -> str | None:
    """The pane of a run: its id, while there is one."""
    return next((pane for pane, of, _ in genie.panes() if of == run), None)


def marker(genie: Genie, row: Row, what: str) -> Row | None:
    path = genie.home / "sessions" / str(row["session_id"]) / what
    told: Row | None = json.loads(path.read_text()) if path.exists() else None
    return told


def heard(genie: Genie, session: str) -> list[str]:
    """What the fake claude was told in that session."""
    return [str(record["heard"]) for record in genie.starts() if record.get("session") == session]


def edges(genie: Genie, name: str) -> list[tuple[object, ...]]:
    """Of which sessions an agent's has been told, by the names of their agents, and why."""
    statement = (
        "select n.name, e.bond from edges e join agents a on a.session_id = e.session_id"
        " join sessions s on s.id = e.source_id join agents n on n.id = s.agent_id where a.name = '{}' order by n.name"
    )
    return ask(genie.env["GENIE_DATABASE_URL"], statement.format(name))


def events_of(genie: Genie, tag: str) -> Counter[str]:
    """How many events of each kind the sessions with that tag have."""
    statement = "select e.kind from events e join agents a on a.id = e.agent_id where '{}' = any(a.tags)"
    return Counter(str(kind) for (kind,) in ask(genie.env["GENIE_DATABASE_URL"], statement.format(tag)))
