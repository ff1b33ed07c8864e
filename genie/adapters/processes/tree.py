"""The end of a run's whole tree, whatever its processes did to get out of it.

Where a cgroup holds the run, who is in it is of the tree, and the kernel kills it as one; the search is the net below.
"""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from uuid import UUID

from genie.adapters.processes.cgroup import Cell
from genie.adapters.processes.marks import Marks, read_marks
from genie.adapters.processes.table import Process, ancestors, look, pids, send, wait_for
from genie.domain.errors import Survivors

_KILL_ROUND = 0.5
"""Seconds to wait after one round of SIGKILL before looking again."""


_EMPTY_LOOKS = 2
_EMPTY_LOOKS_AFTER_FLIGHT = 12


class Hunt:
    """What one end of a tree knows: its run and root, and what it has learnt on the way."""

    def __init__(
        self,
        run: UUID,
        pid: int | None,
        started: str | None,
        *,
        spared: frozenset[int],
        marks: Marks,
        cell: Cell | None = None,
    ) -> None:
        self.run = run
        self._cell = cell
        self._marks = marks
        self._born = 0.0
        own = os.getpid()
        self._spared = {0, 1, own, *ancestors(own), *spared}
        self._asked: set[tuple[int, str]] = set()
        self._led: dict[int, float] = {}
        """Pids of members that led a session or group, with their age. Such a number is not given away while anybody
        is in it: who comes later and is in it is of the tree, even when its leader has gone."""
        self._pid, self._started = pid, started
        root = self._root()
        if root is not None:
            self._born = root.age
            self._spared.add(root.parent)  # the tmux server of its pane

    def members(self, on_sight: Callable[[Process], None]) -> list[Process]:
        """The living processes of the tree: below the root, in sessions and groups that a member leads or led, in its
        cgroup, and those that carry the run id, wherever they have gone. The youngest are looked at first and dealt
        with on sight: what forks all the time would be gone at the end of the look."""
        root = self._root()
        seeds = [root] if root else []
        table: dict[int, Process] = {}
        for pid in sorted(pids(), reverse=True):
            process = look(pid)
            if process is None:
                continue
            table[pid] = process
            if pid not in self._spared and self._knows(process):
                on_sight(process)
                seeds.append(process)
        seeds += self._enclosed(table)
        found = _closure(seeds, table, self._spared)
        self._led.update({member.pid: member.age for member in found if member.pid in (member.session, member.group)})
        return found

    def strike(self) -> None:
        """Let the kernel kill the whole cgroup."""
        if self._cell is not None and not self._cell.pids() & self._spared:
            self._cell.kill()

    def ask(self, process: Process) -> None:
        """SIGTERM, once a process; a stopped one gets it only when it goes on."""
        name = (process.pid, process.started)
        if name not in self._asked:
            self._asked.add(name)
            send(*name, signal.SIGTERM, signal.SIGCONT)

    def _enclosed(self, table: dict[int, Process]) -> list[Process]:
        """Who is in the cgroup; nobody where somebody spared is, too, such as a tmux server that the run has started:
        then it tells nothing. Read after the table: a pid that was given away meanwhile has another start there."""
        listed = self._cell.pids() if self._cell is not None else frozenset()
        born = listed - table.keys()
        if self._cell is not None and born:
            table.update({process.pid: process for process in map(look, born) if process})
            listed = self._cell.pids()
        return [] if listed & self._spared else [table[pid] for pid in listed if pid in table]

    def _root(self) -> Process | None:
        root = look(self._pid) if self._pid else None
        return root if root is not None and root.started == self._started else None

    def _knows(self, process: Process) -> bool:
        """Whether it is of the tree by itself, whatever became of its parent. What is older than the root, or belongs
        to another user, is not asked for its environment."""
        if process.age < self._born or os.geteuid() not in (0, process.uid):
            return False
        ages = [self._led[leader] for leader in (process.session, process.group) if leader in self._led]
        return any(process.age >= age for age in ages) or self._carries(process)

    def _carries(self, process: Process) -> bool:
        """What is known of it is enough to leave it alone; before it is ended its environment is read anew."""
        return self.run in self._marks.of(process) and self.run in (read_marks(process) or ())


def end(hunt: Hunt, *, grace: float, kill_within: float) -> None:
    """TERM, `grace` seconds, KILL, until looks find nobody. Raises Survivors when that takes longer than
    `kill_within` seconds after the grace.

    One empty look proves nothing: what forks and ends all the time can be between two pids just then. So it takes
    two in a row, and more once somebody was found again after a round of SIGKILL.
    """
    polite_until = time.monotonic() + grace
    empty, wanted, killed = 0, _EMPTY_LOOKS, False
    while True:
        polite = time.monotonic() < polite_until
        if not polite:
            hunt.strike()
        deal = hunt.ask if polite else _kill
        members = hunt.members(deal)
        left = polite_until - time.monotonic()
        empty = 0 if members else empty + 1
        if empty == wanted:
            return
        if not members:
            continue
        wanted, killed = _EMPTY_LOOKS_AFTER_FLIGHT if killed else wanted, killed or not polite
        if left < -kill_within:
            raise _survived(hunt.run, members)
        for process in members:
            deal(process)
        wait_for(members, left if polite else _KILL_ROUND)


def _kill(process: Process) -> None:
    send(process.pid, process.started, signal.SIGKILL)


def _closure(seeds: list[Process], table: dict[int, Process], spared: set[int]) -> list[Process]:
    """The seeds with everything below them and in the sessions and groups they lead, down to the last."""
    if not seeds:
        return []
    below: defaultdict[int, list[Process]] = defaultdict(list)
    for process in table.values():
        for leader in {process.parent, process.group, process.session} - {process.pid}:
            below[leader].append(process)
    members: dict[int, Process] = {}
    pending = seeds
    while pending:
        process = pending.pop()
        if process.pid not in members and process.pid not in spared:
            members[process.pid] = process
            pending += below[process.pid]
    return list(members.values())


def _survived(run: UUID, members: Iterable[Process]) -> Survivors:
    left = sorted(process.pid for process in members)
    return Survivors(
        f"{len(left)} processes of run {run} outlived SIGKILL: {', '.join(map(str, left))}",
        hint="they hang in the kernel, or belong to another user",
        pids=left,
    )
