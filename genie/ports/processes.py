"""Processes: who lives, what they use, and their end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from genie.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class Rooted:
    """A run by its first process: pid and start time."""

    run: UUID
    pid: int
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where a process comes from: itself and its ancestors up to a tmux server or init, nearest first; the leader of
    its session; and the run ids that stand in the environments of those processes, nearest first."""

    pids: tuple[int, ...] = ()
    session: int = 0
    runs: tuple[UUID, ...] = ()


class Processes(Protocol):
    def started(self, pid: int) -> str | None:
        """The start time of a living process, opaque, unique over reboots; None for none or a zombie."""
        ...

    def alive(self, pid: int, started: str) -> bool: ...

    def waits_for_launch(self, pid: int, run: UUID) -> bool:
        """Whether that process is still the runner of that run, not yet the provider."""
        ...

    def end_tree(self, *, run: UUID, pid: int | None, started: str | None, grace: timedelta) -> None:
        """End a run's whole tree: TERM, grace, KILL, until none is left. Takes in children, session
        and process group of `pid` (if it is still that process) and every process whose environment
        carries the run id. Raises Survivors."""
        ...

    def terminate(self, pid: int, started: str) -> None:
        """SIGTERM to that process, if it is still that one."""
        ...

    def gone(self, pid: int, started: str, *, within: timedelta) -> bool:
        """Wait, without polling, until that process has ended, or the time is over."""
        ...

    def ancestors(self, pid: int) -> list[int]:
        """Parent, grandparent … of a process."""
        ...

    def lineage(self, pid: int) -> Lineage:
        """By the kernel's word, where that process comes from; empty when it is gone."""
        ...

    def usage(self, roots: Sequence[Rooted]) -> dict[UUID, Usage]:
        """What each of these runs uses, by one look at the process table; runs without a process are absent."""
        ...

    def memory(self, roots: Sequence[Rooted]) -> dict[UUID, int]:
        """The memory of each of these runs in bytes: of its cgroup where it has one, else the proportional set size
        of its processes (what they share with others counts by its share)."""
        ...

    def enclose(self, run: UUID, pid: int, *, memory: int | None = None) -> None:
        """Put the waiting runner of a run into a cgroup of its own, where one is delegated to genie; else nothing.
        What it starts later is in it, too. `memory` is the most it may use, in bytes."""
        ...

    def starved(self, run: UUID) -> bool:
        """Whether the kernel has killed something of a run since it had no memory left: known as long as the cgroup of
        the run is there."""
        ...

    def of_this_boot(self, started: str) -> bool:
        """Whether a start time is of the present boot of the host."""
        ...

    def confinement(self) -> str:
        """What holds runs and measures their memory on this machine, in one line for people."""
        ...


class Watcher(Protocol):
    """Who ends, pushed by the kernel."""

    def watch(self, key: UUID, pid: int, started: str, callback: Callable[[UUID], None]) -> None:
        """Call back once when that process ends; at once when it has. Watching a key twice is nothing."""
        ...

    def close(self) -> None: ...
