"""The port Processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from uuid import UUID

import psutil

from genie.adapters.processes.census import Census
from genie.adapters.processes.cgroup import OFF, Absent, Cell, Cgroups
from genie.adapters.processes.marks import Marks, read_marks
from genie.adapters.processes.table import (
    Process,
    ancestors,
    burden,
    held,
    look,
    of_this_boot,
    readable,
    send,
    share,
)
from genie.adapters.processes.tree import Hunt, end
from genie.domain.usage import Usage
from genie.ports import Lineage, Rooted

_BY_SEARCH = "process search"
_BY_SHARE = "memory by proportional set size (/proc)" if sys.platform == "linux" else "memory by unique set size"


class SystemProcesses:
    """Implements `genie.ports.Processes`. `spared` gives pids that no end of a tree ever touches, nor anything
    below them: tmux servers, the database. `kill_within` is in seconds: what outlives SIGKILL longer is a survivor.
    `cgroups` hold the runs, where there are any."""

    def __init__(
        self,
        spared: Callable[[], Collection[int]] = frozenset,
        *,
        kill_within: float = 5.0,
        cgroups: Cgroups | Absent = OFF,
    ) -> None:
        self._spared = spared
        self._kill_within = kill_within
        self._marks = Marks()
        self._census = Census(self._marks)
        self._cgroups = cgroups if isinstance(cgroups, Cgroups) else None
        self._without = cgroups.reason if isinstance(cgroups, Absent) else ""

    # ---- one process ----

    def started(self, pid: int) -> str | None:
        process = look(pid) if pid > 0 else None
        return process.started if process else None

    def alive(self, pid: int, started: str) -> bool:
        return self.started(pid) == started

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        try:
            words = psutil.Process(pid).cmdline()
        except (psutil.Error, ValueError):
            return False
        return str(run) in words and any(word.endswith("/runner.py") for word in words)

    def terminate(self, pid: int, started: str) -> None:
        send(pid, started, signal.SIGTERM)

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        with held(pid, started) as descriptor:
            if descriptor is None:
                return True
            return readable(descriptor, within.total_seconds())

    def ancestors(self, pid: int) -> list[int]:
        return ancestors(pid)

    def lineage(self, pid: int) -> Lineage:
        """After the run ids of the environments comes that of the cgroup, which nothing gets out of."""
        line = _line(pid, {0, 1, *self._spared()})
        if not line:
            return Lineage()
        runs = [run for process in line for run in read_marks(process) or ()]
        around = self._cgroups.run_around(pid) if self._cgroups else None
        if around is not None and self._enclosed(around):
            runs.append(around)
        return Lineage(pids=tuple(each.pid for each in line), session=line[0].session, runs=tuple(dict.fromkeys(runs)))

    # ---- a run ----

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        spared = frozenset(self._spared())
        hunt = Hunt(run, pid, started, spared=spared, marks=self._marks, cell=self._cell(run))
        end(hunt, grace=grace.total_seconds(), kill_within=self._kill_within)
        if self._cgroups is not None:
            self._cgroups.remove(run)

    def enclose(self, run: UUID, pid: int, *, memory: int | None = None) -> None:
        if self._cgroups is not None:
            self._cgroups.enclose(run, pid, memory)

    def starved(self, run: UUID) -> bool:
        cell = self._cell(run)
        return cell is not None and cell.starved()

    def of_this_boot(self, started: str) -> bool:
        return of_this_boot(started)

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        found = {}
        for run, members in self._members(roots).items():
            burdens = [burden(member) for member in members]
            cpu, rss = sum(cpu for cpu, _ in burdens), sum(rss for _, rss in burdens)
            found[run] = Usage(cpu_seconds=cpu, rss=rss, processes=len(members))
        return found

    def memory(self, roots: Sequence[Rooted]) -> dict[UUID, int]:
        """Of a cgroup without the page cache that can be dropped at once, which is no use of memory."""
        counted = {root.run: size for root in roots if (size := self._counted(root.run)) is not None}
        if len(counted) == len(roots):
            return counted
        members = self._members(roots)
        return {run: sum(map(share, processes)) for run, processes in members.items()} | counted

    # ---- the machine ----

    def confinement(self) -> str:
        if self._cgroups is None:
            return f"{_BY_SEARCH}; {_BY_SHARE}; {self._without}"
        try:
            powers = self._cgroups.powers()
        except OSError as error:
            return f"{_BY_SEARCH}; {_BY_SHARE}; cgroup {self._cgroups.base}: {error.strerror}"
        line = f"cgroup v2 at {self._cgroups.base} ({', '.join(powers)})"
        line += "" if "memory" in powers else f"; {_BY_SHARE}"
        return line + (f"; the last run could not be put in: {self._cgroups.failure}" if self._cgroups.failure else "")

    # ---- within ----

    def _members(self, roots: Sequence[Rooted]) -> dict[UUID, list[Process]]:
        spared = frozenset(self._spared())  # one look for all of them
        enclosed = {pid: root.run for root in roots for pid in self._enclosed(root.run, spared)}
        return self._census.take(roots, spared=spared, enclosed=enclosed)

    def _counted(self, run: UUID) -> int | None:
        cell = self._cell(run)
        return cell.memory() if cell is not None and self._enclosed(run) else None

    def _cell(self, run: UUID) -> Cell | None:
        return self._cgroups.cell(run) if self._cgroups is not None else None

    def _enclosed(self, run: UUID, spared: Collection[int] | None = None) -> frozenset[int]:
        """Who is in the cgroup of a run. It says nothing, and gives nobody, where this process or a spared one is in
        it, too: a run may have started a tmux server, or the daemon."""
        cell = self._cell(run)
        inside = cell.pids() if cell is not None else frozenset()
        if not inside:
            return inside
        spared = self._spared() if spared is None else spared
        return frozenset() if inside & {os.getpid(), *spared} else inside


def _line(pid: int, ends: Collection[int]) -> list[Process]:
    """A process and its ancestors, nearest first, down to the first of `ends`."""
    line: dict[int, Process] = {}
    while pid not in ends and pid not in line and (process := look(pid)) is not None:
        line[pid] = process
        pid = process.parent
    return list(line.values())
