"""Run ids that processes carry in their environment."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from genie.adapters.processes.table import Process, environment

_MARK = re.compile(rb"(?:^|\0)GENIE_RUN_ID=([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?=\0|\Z)")


def read_marks(process: Process) -> tuple[UUID, ...] | None:
    """The run ids in its environment, hardly ever more than one; None where that cannot be read."""
    given = environment(process)
    if given is None or b"GENIE_RUN_ID=" not in given:
        return None if given is None else ()
    return tuple(dict.fromkeys(UUID(found.decode()) for found in _MARK.findall(given)))


class Marks:
    """Run ids by process, read again only when it runs another program: between fork and exec a process shows the
    environment of its parent, and in the middle of an exec none."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[bytes, tuple[UUID, ...]]] = {}

    def of(self, process: Process) -> tuple[UUID, ...]:
        name = (process.pid, process.started)
        known = self._known.get(name)
        if known is not None and process.image and known[0] == process.image:
            return known[1]
        read = read_marks(process)
        if read is not None:
            self._known[name] = (process.image, read)
        return read or ()

    def keep(self, living: Iterable[Process]) -> None:
        """Forget all others."""
        names = {(process.pid, process.started) for process in living}
        self._known = {name: known for name, known in self._known.items() if name in names}
