"""Which processes belong to which run, for all runs by one look at the process table."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from genie.adapters.processes.marks import Marks
from genie.adapters.processes.table import Process, look, pids
from genie.ports import Rooted

Table = Mapping[int, Process]


class Census:
    """Counts each process once: for the run whose first process it is, whose id it carries, in whose cgroup it is; else
    for that of its parent, of the leader of its session or group; else for the one it last belonged to. A run id that
    nobody asks for says nothing: what carries one that it made up still belongs where it comes from."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._last: dict[tuple[int, str], UUID] = {}
        self._lock = threading.Lock()

    def take(
        self, roots: Sequence[Rooted], *, spared: Collection[int], enclosed: Mapping[int, UUID]
    ) -> dict[UUID, list[Process]]:
        """The living processes of each run; runs without any are absent. `spared` are nobody's, and pass nothing on;
        `enclosed` says by pid who is in the cgroup of a run."""
        with self._lock:
            table = {process.pid: process for process in map(look, pids()) if process}
            owners = self._certain(roots, table, enclosed)
            closed = {0, 1, os.getpid(), *spared}
            for pid in closed & owners.keys():
                del owners[pid]
            self._spread(owners, table, closed)
            self._remember(owners, table)
        members: dict[UUID, list[Process]] = {root.run: [] for root in roots}
        for pid, run in owners.items():
            if run in members:  # it may last have belonged to one that nobody asks for
                members[run].append(table[pid])
        return {run: found for run, found in members.items() if found}

    def _certain(self, roots: Sequence[Rooted], table: Table, enclosed: Mapping[int, UUID]) -> dict[int, UUID]:
        """Whose run is known without looking at others."""
        wanted = {root.run for root in roots}
        owners = {pid: run for pid, run in enclosed.items() if pid in table}
        for process in table.values():
            if os.geteuid() in (0, process.uid):
                carried = next((run for run in self._marks.of(process) if run in wanted), None)
                owners |= {process.pid: carried} if carried else {}
        # Last: the runner of a run still has the environment of its tmux server, which may be that of another run.
        first = {root.pid: root for root in roots if root.pid in table}
        owners.update({pid: root.run for pid, root in first.items() if table[pid].started == root.started})
        return owners

    def _spread(self, owners: dict[int, UUID], table: Table, closed: Collection[int]) -> None:
        """Give the others the run of their parent, or else of their leader, until nobody gets one any more."""
        while True:
            _inherit(owners, table, closed)
            found = {
                process.pid: run
                for process in table.values()
                if process.pid not in owners
                and process.pid not in closed
                and (run := self._adopted(process, owners, table, closed))
            }
            if not found:
                return
            owners.update(found)

    def _adopted(
        self, process: Process, owners: Mapping[int, UUID], table: Table, closed: Collection[int]
    ) -> UUID | None:
        led = owners.get(process.session) or owners.get(process.group)
        last = self._last.get((process.pid, process.started))
        return led or (None if last is None or _hangs_below(process, table, closed) else last)

    def _remember(self, owners: Mapping[int, UUID], table: Table) -> None:
        names = {pid: (pid, process.started) for pid, process in table.items()}
        kept = {name: self._last[name] for name in names.values() if name in self._last}
        self._last = kept | {names[pid]: run for pid, run in owners.items()}
        self._marks.keep(table.values())


def _hangs_below(process: Process, table: Table, closed: Collection[int]) -> bool:
    """Whether somebody spared is above it: a tmux server that was not known as one when the process was last seen."""
    seen: set[int] = set()
    above = process.parent
    while above in table and above > 1 and above not in closed and above not in seen:
        seen.add(above)
        above = table[above].parent
    return above > 1 and above in closed


def _inherit(owners: dict[int, UUID], table: Table, closed: Collection[int]) -> None:
    nobodys: set[int] = set(closed)
    for start in table:
        line: list[int] = []
        pid = start
        while pid in table and pid not in owners and pid not in nobodys:
            nobodys.add(pid)
            line.append(pid)
            pid = table[pid].parent
        if pid in owners:
            owners.update(dict.fromkeys(line, owners[pid]))
            nobodys.difference_update(line)
