"""Directories of this machine, and what is changed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from genie.domain.errors import BadInput

MOST_LINES = 20
LONGEST_LINE = 200


class LocalPlaces:
    """`genie.ports.Places` on the local file system. `patience` is how long git may take to answer, in seconds."""

    def __init__(self, *, patience: float = 2.0) -> None:
        self._patience = patience

    def directory(self, path: str, *, base: str) -> str:
        found = Path(base) / Path(path).expanduser()
        try:
            there = found.is_dir()
        except OSError as error:
            raise BadInput(f"cannot look at directory '{path}': {error.strerror}") from error
        if not there:
            kind = "is no directory" if found.exists() else "is not there"
            raise BadInput(f"directory '{path}' {kind}", hint=f"seen from {base}; give an existing one with --cwd")
        return str(found.absolute() if ".." not in found.parts else found.resolve())

    def changes(self, directory: str, *, env: Mapping[str, str]) -> Sequence[str] | None:
        git = shutil.which("git", path=env.get("PATH", os.defpath))
        if git is None or not Path(git).is_absolute():
            return None
        filters = self._git(git, directory, env, "config", "-z", "--name-only", "--get-regexp", r"^filter\.")
        settings = ["core.fsmonitor=false", "core.hooksPath=/dev/null", *_without(filters or "")]
        words = [word for setting in settings for word in ("-c", setting)]
        said = self._git(git, directory, env, *words, "status", "--short", "--ignore-submodules=dirty")
        return None if said is None else _first(said.splitlines())

    def _git(self, git: str, directory: str, env: Mapping[str, str], *words: str) -> str | None:
        """What git says; None where it fails, or takes too long."""
        own = {name: env[name] for name in ("PATH", "HOME", "XDG_CONFIG_HOME") if name in env}
        try:
            done = subprocess.run(  # noqa: S603 (git, with words of ours)
                [git, "--no-optional-locks", *words],
                cwd=directory,
                env=own | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._patience,
                check=True,
            )
        except (OSError, ValueError, subprocess.SubprocessError):
            return None
        return os.fsdecode(done.stdout)


def _without(filters: str) -> list[str]:
    """Settings that take the programs away which the repository has for changed files."""
    ends = {".clean": "", ".smudge": "", ".process": "", ".required": "false"}
    return [f"{name}={value}" for name in filters.split("\0") for end, value in ends.items() if name.endswith(end)]


def _first(lines: Sequence[str]) -> list[str]:
    shown = [line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…" for line in lines[:MOST_LINES]]
    left = len(lines) - len(shown)
    return [*shown, f"… and {left} more"] if left else shown
