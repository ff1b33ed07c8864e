"""Draw docs/demo.svg from a real run: `genie demo` in a home and on a tmux server of its own, seen by a client of
140 × 40 after the agent that crashes has been brought back.

    .venv/bin/python -m scripts.capture docs/demo.svg

Needs tmux and the project's environment; leaves nothing behind but the picture.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from genie.adapters.postgres.embedded import data_dir, remove
from genie.domain.errors import Failed
from genie.paths import Home
from scripts.screen import svg

WIDTH, HEIGHT = 140, 40
PATIENCE = 60.0
"""Seconds to wait for the crash and the return."""
SHOWN_FOR = 3.0
"""Seconds that the agent goes on after its return before the picture is taken."""
VICTIM = "demo-engineer-3"
PRIVATE = ("GENIE_", "TMUX")


@dataclass(frozen=True)
class Studio:
    """A genie, the tmux server of its agents, and another tmux server around the client."""

    directory: Path
    env: dict[str, str]

    def genie(self, *words: str) -> str:
        return self._run([sys.executable, "-m", "genie", *words])

    def outer(self, *words: str) -> str:
        return self._run(["tmux", "-u", "-f", os.devnull, "-S", str(self.directory / "outer"), *words])

    def inner(self, *words: str) -> str:
        return self._run(["tmux", "-u", "-f", os.devnull, "-S", str(self.directory / "tmux"), *words])

    def _run(self, argv: Sequence[str]) -> str:
        return subprocess.run(argv, env=self.env, check=True, stdout=subprocess.PIPE, text=True).stdout

    def row(self) -> dict[str, object]:
        rows: list[dict[str, object]] = json.loads(self.genie("ls", "--json"))
        return next(row for row in rows if row["name"] == VICTIM)

    def came_back(self) -> bool:
        row = self.row()
        return row["state"] == "running" and row["resume_attempts"] == 1


@contextmanager
def studio() -> Iterator[Studio]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(PRIVATE)}
    with tempfile.TemporaryDirectory(prefix="genie-capture-", dir="/tmp") as name:
        directory = Path(name)
        own = {"GENIE_HOME": f"{name}/genie", "GENIE_TMUX_SOCKET": f"{name}/tmux", "LANG": "C.UTF-8"}
        found = Studio(directory, kept | own | {"TERM": "tmux-256color", "COLORTERM": "truecolor"})
        try:
            yield found
        finally:
            _clear_up(found)


def _clear_up(found: Studio) -> None:
    for server in (found.outer, found.inner):
        with suppress(subprocess.CalledProcessError):  # it may have ended with its last session
            server("kill-server")
    found.genie("daemon", "stop")
    until(lambda: _removed(data_dir(Home(found.directory / "genie"))), what="end of PostgreSQL")


def _removed(data: Path) -> bool:
    try:
        remove(data)
    except Failed:
        return False
    return True


def until(condition: Callable[[], bool], *, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"no {what} within {PATIENCE:g} s")
        time.sleep(0.2)


def picture() -> str:
    """The client's screen with its colours, as tmux prints it."""
    with studio() as there:
        there.genie("demo")
        client = ["env", "-u", "TMUX", sys.executable, "-m", "genie", "attach", "--team", "demo"]
        size = ("-x", str(WIDTH), "-y", str(HEIGHT))
        there.outer("new-session", "-d", *size, *client, ";", "set-option", "status", "off")
        until(there.came_back, what=f"return of {VICTIM}")
        time.sleep(SHOWN_FOR)
        screen = there.outer("capture-pane", "-e", "-p")
        there.genie("demo", "--stop")
    return screen


def main() -> None:
    Path(sys.argv[1]).write_text(svg(picture(), width=WIDTH, height=HEIGHT))


if __name__ == "__main__":
    main()
