"""Which worktrees are ours: their markers, and what git's own records say of them."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from genie.domain.errors import Failed
from genie.ports import Worktree


def marker(path: str) -> Path:
    """Beside the worktree: no worktree's name begins with a dot."""
    whole = Path(path)
    return whole.with_name(f".{whole.name}.json")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have the worktrees of one repository to oneself: git trips over one that another git is just making."""
    file = folder.with_name(f".{folder.name}.lock")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failed(f"cannot write {file}: {error.strerror}", hint="genie doctor") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def put(made: Worktree) -> Path:
    """A new file with what the marker says, under a name of its own beside it."""
    beside = marker(made.path)
    try:
        descriptor, hidden = tempfile.mkstemp(prefix=f"{beside.name}.", suffix=".tmp", dir=beside.parent)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(asdict(made), file)
    except OSError as error:
        raise Failed(f"cannot write {beside}: {error.strerror}", hint="genie doctor") from error
    return Path(hidden)


def claim(made: Worktree) -> bool:
    """Put the marker there, if there is none: of two that want the name one gets it."""
    hidden = put(made)
    try:
        marker(made.path).hardlink_to(hidden)
    except FileExistsError:
        return False
    finally:
        hidden.unlink()
    return True


def read(file: Path) -> Worktree | None:
    """What a marker says; None where there is none, or one that is not about what is beside it."""
    try:
        made = Worktree(**json.loads(file.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    return made if marker(made.path) == file else None


def record(made: Worktree) -> Path | None:
    """git's directory of that worktree in its repository."""
    for file in Path(made.repo).glob("worktrees/*/gitdir"):
        if _path_in(file, "") == Path(made.path) / ".git":
            return file.parent
    return None


def leads_to(path: Path, at: Path) -> bool:
    """Whether the directory is a worktree, and that one."""
    return not path.is_symlink() and _path_in(path / ".git", "gitdir: ") == at


def _path_in(file: Path, prefix: str) -> Path | None:
    """The path that a file of git's holds after that prefix, made absolute."""
    try:
        text = os.fsdecode(file.read_bytes())
    except OSError:
        return None
    if not text.startswith(prefix):
        return None
    said = text.removeprefix(prefix).removesuffix("\n")
    return Path(os.path.normpath(file.parent / said))


def holds_something(directory: Path) -> bool:
    return directory.is_dir() and any(directory.iterdir())
