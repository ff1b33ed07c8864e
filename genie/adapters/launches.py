"""Private files of runs and sessions: launch files, environments, long prompts.

JSON is written in ASCII, so that a byte which is no UTF-8 (a lone surrogate in Python) comes back as it was.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from genie.domain.errors import Failed
from genie.paths import Home

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_OURS = re.compile(rf"(?:\.)?({_UUID})\.(?:json|md|told|token)(?:\.[a-z0-9_]+\.tmp)?")
_BARE = re.compile(f"({_UUID})")


class FileLaunches:
    """Implements `genie.ports.Launches`. Files younger than `young` are swept by nobody: they are written
    before the registry knows what they belong to.
    Raises Failed when a file cannot be written or read."""

    def __init__(self, home: Home, *, young: timedelta = timedelta(0)) -> None:
        self._home = home
        self._young = young

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

    def prompt_path(self, of: UUID) -> str:
        return str(self._home.prompts / f"{of}.md")

    def keep_prompt(self, of: UUID, prompt: str) -> str:
        path = Path(self.prompt_path(of))
        _write(path, prompt.encode("utf-8", "surrogateescape"))
        return str(path)

    def prompt(self, of: UUID) -> str | None:
        if self._told(of).exists():
            return None
        try:
            return Path(self.prompt_path(of)).read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"cannot read {self.prompt_path(of)}: {error.strerror}") from error

    def told(self, of: UUID) -> None:
        if Path(self.prompt_path(of)).exists():
            _write(self._told(of), b"")

    def was_told(self, of: UUID) -> bool:
        return self._told(of).exists()

    def untold(self, of: UUID) -> None:
        self._told(of).unlink(missing_ok=True)

    def _told(self, of: UUID) -> Path:
        return self._home.prompts / f"{of}.told"

    def keep_token(self, run: UUID, token: str) -> None:
        _write(self._token(run), token.encode())

    def token(self, run: UUID) -> str | None:
        try:
            return self._token(run).read_text()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Failed(f"cannot read {self._token(run)}: {error.strerror}") from error

    def forget_token(self, run: UUID) -> None:
        self._token(run).unlink(missing_ok=True)

    def _token(self, run: UUID) -> Path:
        return self._home.launch / f"{run}.token"

    def release(
        self,
        run: UUID,
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        attend: Mapping[str, object] | None = None,
    ) -> None:
        launch: dict[str, object] = {"argv": list(argv), "env": dict(env), "cwd": cwd}
        if attend is not None:
            launch["attend"] = dict(attend)
        _write(self._home.launch / f"{run}.json", json.dumps(launch).encode())

    def mark(self, session: UUID, what: str, said: Mapping[str, object]) -> None:
        folder = self._home.sessions / str(session)
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Failed(f"cannot make {folder}: {error.strerror}", hint="genie doctor") from error
        _write(folder / what, json.dumps(dict(said)).encode() + b"\n")

    def marked(self, session: UUID, what: str) -> bool:
        return (self._home.sessions / str(session) / what).exists()

    def unended(self) -> list[UUID]:
        try:
            names = [path.name for path in self._home.sessions.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Failed(f"cannot read {self._home.sessions}: {error.strerror}", hint="genie doctor") from error
        ours = [UUID(name) for name in names if _BARE.fullmatch(name)]
        return [session for session in ours if not self.marked(session, "ended")]

    def withdraw(self, run: UUID) -> None:
        (self._home.launch / f"{run}.json").unlink(missing_ok=True)
        self.forget_token(run)

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        _sweep(self._home.launch, keep=runs, young=self._young)
        _sweep(self._home.environments, keep=sessions, young=self._young)
        _sweep(self._home.prompts, keep=sessions | runs, young=self._young)
        _sweep(self._home.status, keep=runs, young=self._young, named=_BARE)


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


def _sweep(directory: Path, *, keep: frozenset[UUID], young: timedelta, named: re.Pattern[str] = _OURS) -> None:
    if not directory.is_dir():
        return
    for path in directory.iterdir():
        ours = named.fullmatch(path.name)
        if ours and UUID(ours[1]) not in keep and _age(path) >= young:
            path.unlink(missing_ok=True)


def _age(path: Path) -> timedelta:
    try:
        return timedelta(seconds=max(time.time() - path.stat().st_mtime, 0))
    except FileNotFoundError:
        return timedelta(0)
