"""Being told of the end of processes that are nobody's children."""

from __future__ import annotations

import os
import queue
import signal
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from genie.adapters.processes import SystemProcesses, Watcher
from tests.adapters import processes_kit as kit
from tests.adapters.processes_kit import Start, started_of, state
from tests.fixtures.tmux import Stage, until

processes, start = kit.processes, kit.start


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    made = Watcher()
    yield made
    made.close()


def test_an_end_is_told_once(watcher: Watcher, processes: SystemProcesses, start: Start) -> None:
    told: queue.Queue[UUID] = queue.Queue()
    process, key = start("sleep", "100"), uuid4()
    watcher.watch(key, process.pid, started_of(processes, process.pid), told.put)
    with pytest.raises(queue.Empty):
        told.get(timeout=0.05)
    process.kill()
    assert told.get(timeout=10) == key
    with pytest.raises(queue.Empty):
        told.get(timeout=0.05)


def test_the_end_of_one_that_is_nobodys_child(watcher: Watcher, stage: Stage) -> None:
    told: queue.Queue[UUID] = queue.Queue()
    pane = stage.spawn("sleep", "100")
    watcher.watch(pane.run, pane.pid, pane.started, told.put)
    os.kill(pane.pid, signal.SIGKILL)
    assert told.get(timeout=10) == pane.run


def test_one_that_ended_before_is_told_at_once(watcher: Watcher, processes: SystemProcesses, start: Start) -> None:
    told: queue.Queue[UUID] = queue.Queue()
    zombie, living, keys = start("true"), start("sleep", "100"), [uuid4() for _ in range(3)]
    until(lambda: state(zombie.pid) == "Z", what="the zombie")
    watcher.watch(keys[0], zombie.pid, "whatever", told.put)
    watcher.watch(keys[1], 2**22 + 5, "whatever", told.put)
    watcher.watch(keys[2], living.pid, "another", told.put)
    assert {told.get(timeout=10) for _ in range(3)} == set(keys)


def test_a_forgotten_one_is_not_told(watcher: Watcher, processes: SystemProcesses, start: Start) -> None:
    told: queue.Queue[UUID] = queue.Queue()
    first, second, key, other = start("sleep", "100"), start("sleep", "100"), uuid4(), uuid4()
    watcher.watch(key, first.pid, started_of(processes, first.pid), told.put)
    watcher.forget(key)
    watcher.forget(key)
    watcher.watch(other, second.pid, started_of(processes, second.pid), told.put)
    first.kill()
    second.kill()
    assert told.get(timeout=10) == other
    assert told.empty()


def test_a_second_watch_takes_the_place_of_the_first(
    watcher: Watcher, processes: SystemProcesses, start: Start
) -> None:
    told: queue.Queue[str] = queue.Queue()
    first, second, key = start("sleep", "100"), start("sleep", "100"), uuid4()
    watcher.watch(key, first.pid, started_of(processes, first.pid), lambda _: told.put("first"))
    watcher.watch(key, second.pid, started_of(processes, second.pid), lambda _: told.put("second"))
    first.kill()
    first.wait(10)
    second.kill()
    assert told.get(timeout=10) == "second"
    assert told.empty()


def test_a_callback_may_watch_again(watcher: Watcher, processes: SystemProcesses, start: Start) -> None:
    told: queue.Queue[int] = queue.Queue()
    first, second = start("sleep", "100"), start("sleep", "100")
    started = started_of(processes, second.pid)

    def next_one(key: UUID) -> None:
        told.put(first.pid)
        watcher.watch(key, second.pid, started, lambda _: told.put(second.pid))

    watcher.watch(uuid4(), first.pid, started_of(processes, first.pid), next_one)
    first.kill()
    assert told.get(timeout=10) == first.pid
    second.kill()
    assert told.get(timeout=10) == second.pid


def test_many_at_once(watcher: Watcher, processes: SystemProcesses, start: Start) -> None:
    told: queue.Queue[UUID] = queue.Queue()
    keys = {uuid4(): start("sleep", "100") for _ in range(50)}
    for key, process in keys.items():
        watcher.watch(key, process.pid, started_of(processes, process.pid), told.put)
    for process in keys.values():
        process.kill()
    assert {told.get(timeout=10) for _ in keys} == set(keys)


def test_a_closed_watcher_leaves_no_descriptor(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    before = sorted(Path("/proc/self/fd").iterdir())
    made = Watcher()
    for _ in range(5):
        made.watch(uuid4(), process.pid, started_of(processes, process.pid), lambda _: None)
    made.close()
    made.close()
    made.watch(uuid4(), process.pid, started_of(processes, process.pid), lambda _: None)
    made.forget(uuid4())
    assert sorted(Path("/proc/self/fd").iterdir()) == before
