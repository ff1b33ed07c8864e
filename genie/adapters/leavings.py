"""What sessions have left on the disk: logs and folders, known by their names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from genie.domain.errors import Failed
from genie.paths import Home
from genie.ports.garbage import Leaving, Weighed

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_RUN_LOG = re.compile(rf"({_UUID})\.log(?:\.[1-9][0-9]*)?")
_SESSION_LOG = re.compile(rf"({_UUID})\.ndjson(?:\.[1-9][0-9]*)?")
_FOLDER = re.compile(f"({_UUID})")
_MARK = ".genie"
_INSIDE = ("input", "started", "ended", _MARK)
"""What genie puts into a session's folder, the mark that it is genie's last."""


class FileLeavings:
    """Implements `genie.ports.garbage.Leavings`."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def files(self) -> list[Leaving]:
        logs = (*_ours(self._home.session_logs, _SESSION_LOG), *_ours(self._home.run_logs, _RUN_LOG))
        folders = [(path, of) for path, of in _ours(self._home.sessions, _FOLDER) if (path / _MARK).is_file()]
        return [
            *(Leaving(str(path), _size(path), of) for path, of in logs if path.is_file() and not path.is_symlink()),
            *(Leaving(str(path), _held(path), of) for path, of in folders if not path.is_symlink()),
        ]

    def remove(self, leaving: Leaving) -> None:
        path = Path(leaving.path)
        try:
            if path.parent == self._home.sessions:
                _remove_folder(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise Failed(f"cannot remove {path}: {error.strerror}", hint="genie doctor") from error

    def weigh(self, worktree: str) -> Weighed:
        path = Path(worktree)
        times = [when for file in (path, path.with_name(f".{path.name}.json")) if (when := _changed(file))]
        return Weighed(_held(path), datetime.fromtimestamp(max(times, default=0.0), UTC))


def _remove_folder(folder: Path) -> None:
    """What genie has put there. Raises Failed for one in which somebody has put more: that stays as it is."""
    with suppress(FileNotFoundError):
        more = sorted(set(os.listdir(folder)) - set(_INSIDE))  # noqa: PTH208
        if more:
            raise Failed(f"{folder} is kept: it holds {', '.join(more[:3])}", hint="remove it by hand")
        for name in _INSIDE:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def _ours(directory: Path, name: re.Pattern[str]) -> list[tuple[Path, UUID]]:
    """What has such a name, in the order of the names; nothing where the directory is not there. Raises Failed."""
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Failed(f"cannot read {directory}: {error.strerror}", hint="genie doctor") from error
    return [(directory / one, UUID(found[1])) for one in names if (found := name.fullmatch(one))]


def _held(directory: Path) -> int:
    """Bytes of all that is in a directory; no link is followed."""
    return sum(_size(path) for path in _below(directory))


def _below(directory: Path) -> Iterator[Path]:
    for folder, _, files in os.walk(directory):
        yield from (Path(folder) / file for file in files)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None
