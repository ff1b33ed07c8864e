"""How far a watch has come: a file of its own under GENIE_HOME, and a lock on it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from genie.domain.errors import BadInput, Conflict
from genie.domain.words import check_name
from genie.paths import PRIVATE, Home


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event that a watch has dealt with is kept at `path`."""

    path: Path

    def read(self) -> int | None:
        """Its id; None before the watch has first begun. Raises BadInput for what is none."""
        try:
            return int(json.loads(self.path.read_text())["after"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise BadInput(f"{self.path} does not read", hint="remove it to begin from now on") from error

    def mark(self, after: int) -> dict[str, str]:
        """What is to be written to keep that id, and where."""
        return {"path": str(self.path), "text": json.dumps({"after": after}) + "\n"}

    def write(self, after: int) -> None:
        mark = self.mark(after)
        new = Path(f"{self.path}.new")
        new.write_text(mark["text"])
        new.replace(self.path)


@contextmanager
def cursor(home: Home, name: str) -> Iterator[Cursor]:
    """The cursor of the watch of that name, held. Raises Conflict where such a watch is running, BadInput."""
    check_name("watch", name)
    folder = home.root / "watches"
    folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("a") as lock:
        os.set_inheritable(lock.fileno(), False)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"a watch of the name '{name}' is running", hint="give another --name") from error
        yield Cursor(folder / f"{name}.json")
