"""Seven ways out of a tree, all in one: nobody of it is left, and nobody else is touched."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import psutil
import pytest

from genie.adapters.processes import SystemProcesses
from tests.adapters import processes_kit
from tests.adapters.processes_kit import LONG, Start, comm, end_all, left_of, started_of, state
from tests.fixtures.tmux import until

processes, start = processes_kit.processes, processes_kit.start

ARTISTS = {
    "nohup": "nohup sleep 300 >/dev/null 2>&1 & echo $!",
    "setsid": "setsid sleep 300 & echo $!",
    "double fork": "(setsid sh -c 'sleep 300 & echo $!' &)",
    "ignores HUP": "sh -c 'trap \"\" HUP; echo $$; exec sleep 300' &",
    "ignores TERM": "sh -c 'trap \"\" TERM; echo $$; exec sleep 300' &",
    "stopped": "sh -c 'echo $$; kill -STOP $$; exec sleep 300' &",
    "new group": "set -m; sleep 300 & echo $!; set +m",
}
GRACE = timedelta(milliseconds=400)


@dataclass(frozen=True)
class Troupe:
    """A root with all of them."""

    run: UUID
    root: int
    started: str
    pids: frozenset[int]

    @property
    def left(self) -> set[int]:
        return left_of(self.pids, self.run)


Gather = Callable[[], Troupe]


@pytest.fixture
def gather(start: Start, processes: SystemProcesses) -> Iterator[Gather]:
    troupes: list[Troupe] = []

    def begin() -> Troupe:
        run = uuid4()
        top = start("sh", "-c", "\n".join([*ARTISTS.values(), "exec sleep 300"]), env={"GENIE_RUN_ID": str(run)})
        assert top.stdout is not None
        pids = frozenset(int(top.stdout.readline()) for _ in ARTISTS) | {top.pid}
        troupes.append(Troupe(run, top.pid, started_of(processes, top.pid), pids))
        until(lambda: all(comm(pid) == b"sleep" or state(pid) == "T" for pid in pids), what="their places")
        return troupes[-1]

    yield begin
    for troupe in troupes:
        end_all(troupe.left)


def end(processes: SystemProcesses, troupe: Troupe, grace: timedelta = GRACE) -> float:
    """How long it took, in seconds."""
    begun = time.monotonic()
    processes.end_tree(run=troupe.run, pid=troupe.root, started=troupe.started, grace=grace)
    return time.monotonic() - begun


def test_all_seven_are_gone_and_a_bystander_lives(gather: Gather, processes: SystemProcesses, start: Start) -> None:
    bystander = start("sleep", "300", env={"GENIE_RUN_ID": ""})
    troupe, other = gather(), gather()
    assert len(troupe.left) == len(ARTISTS) + 1
    took = end(processes, troupe)
    assert troupe.left == set()
    assert took >= GRACE.total_seconds()  # the one that ignores TERM had all of its time
    assert bystander.poll() is None
    assert other.left == other.pids


def test_a_killed_root_hides_none_of_them(gather: Gather, processes: SystemProcesses) -> None:
    troupe = gather()
    os.kill(troupe.root, signal.SIGKILL)
    until(lambda: not processes.alive(troupe.root, troupe.started), what="the end of the root")
    processes.end_tree(run=troupe.run, pid=None, started=None, grace=GRACE)
    assert troupe.left == set()


def test_who_hears_the_term_is_not_kept_waiting_for(gather: Gather, processes: SystemProcesses) -> None:
    """Without the one that ignores it, the end comes before the grace is over."""
    troupe = gather()
    (deaf,) = [pid for pid in troupe.pids if _ignores_term(pid)]
    os.kill(deaf, signal.SIGKILL)
    assert end(processes, troupe, LONG) < LONG.total_seconds() / 2
    assert troupe.left == set()


def _ignores_term(pid: int) -> bool:
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
        ignored = next(int(line.split()[1], 16) for line in file if line.startswith("SigIgn:"))
    return bool(ignored & 1 << signal.SIGTERM - 1)


def test_the_end_of_what_has_ended_is_quick(processes: SystemProcesses) -> None:
    """It takes two looks at every process of the host, in CPU time: others may be busy."""
    took = []
    for _ in range(9):
        begun = time.process_time()
        processes.end_tree(run=uuid4(), pid=None, started=None, grace=LONG)
        took.append(time.process_time() - begun)
    assert min(took) < max(0.03, 0.0001 * len(psutil.pids()))
