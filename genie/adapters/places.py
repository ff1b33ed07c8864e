"""Directories of this machine."""

from __future__ import annotations

from pathlib import Path

from genie.domain.errors import BadInput


class LocalPlaces:
    """`genie.ports.Places` on the local file system."""

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
