"""A home, a peer that answers for the daemon, and the command itself as a process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from genie.paths import Home
from tests.cli.peer import Peer, serving


@dataclass(frozen=True)
class Said:
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.out)


Run = Callable[..., Said]


@pytest.fixture
def home() -> Iterator[Home]:
    """A home with a path that is short enough for a socket."""
    root = Path(tempfile.mkdtemp(prefix="genie-cli-"))
    yield Home(root / "home")
    shutil.rmtree(root)


@pytest.fixture
def peer(home: Home) -> Iterator[Peer]:
    home.make()
    with serving(home.socket) as there:
        there.answers["GET /v1/health"] = {
            "pid": 1,
            "version": "0.1.0",
            "home": str(home.root),
            "state": "ready",
            "problem": None,
        }
        yield there


@pytest.fixture
def environ(home: Home) -> dict[str, str]:
    dropped = ("GENIE_", "TMUX", "CLAUDE", "NO_COLOR", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"GENIE_HOME": str(home.root), "PYTHONWARNINGS": "error"}


@pytest.fixture
def genie(home: Home, environ: dict[str, str]) -> Run:
    """Run `genie WORDS…` to its end."""

    def run(*words: str | bytes, stdin: bytes = b"", **env: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "genie", *words],
            input=stdin,
            capture_output=True,
            env=environ | env,
            cwd=Path(__file__).parents[2],
            timeout=60,
            check=False,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
