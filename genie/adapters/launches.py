"""Private files of runs and sessions: launch files, environments, long prompts.

JSON is written in ASCII, so that a byte which is no UTF-8 (a lone surrogate in Python) comes back as it was.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from uuid import UUID

from genie.domain.errors import Failed
from genie.paths import Home

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OURS = re.compile(rf"(?:\.)?({_UUID})\.(?:json|md)(?:\.[a-z0-9_]+\.tmp)?")


class FileLaunches:
    """Implements `genie.ports.Launches`. Raises Failed when a file cannot be written or read."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def keep_environment(self, session: UUID, env: Mapping[str, str]) -> None:
        _write(self._home.environments / f"{session}.json", json.dumps(dict(env)).encode())

    def environment(self, session: UUID) -> dict[str, str]:
        path = self._home.environments / f"{session}.json"
        try:
            env: dict[str, str] = json.loads(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Failed(f"cannot read {path}: {error}") from error
        return env

    def prompt_path(self, session: UUID) -> str:
        return str(self._home.prompts / f"{session}.md")

    def keep_prompt(self, session: UUID, prompt: str) -> str:
        path = Path(self.prompt_path(session))
        _write(path, prompt.encode("utf-8", "surrogateescape"))
        return str(path)

    def release(self, run: UUID, *, argv: Sequence[str], env: Mapping[str, str], cwd: str) -> None:
        launch = {"argv": list(argv), "env": dict(env), "cwd": cwd}
        _write(self._home.launch / f"{run}.json", json.dumps(launch).encode())

    def withdraw(self, run: UUID) -> None:
        (self._home.launch / f"{run}.json").unlink(missing_ok=True)

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        _sweep(self._home.launch, keep=runs)
        _sweep(self._home.environments, keep=sessions)
        _sweep(self._home.prompts, keep=sessions)


def _write(path: Path, content: bytes) -> None:
    """Put the file there at once and whole, for its owner only."""
    hidden = ""
    try:
        descriptor, hidden = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(hidden).rename(path)
    except OSError as error:
        if hidden:
            Path(hidden).unlink(missing_ok=True)
        raise Failed(f"cannot write {path}: {error.strerror}", hint="genie doctor") from error


def _sweep(directory: Path, *, keep: frozenset[UUID]) -> None:
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        ours = _OURS.fullmatch(path.name)
        if ours and UUID(ours[1]) not in keep:
            path.unlink(missing_ok=True)
