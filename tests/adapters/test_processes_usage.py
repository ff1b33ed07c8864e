"""Where processes come from, whose they are, and what they use."""

from __future__ import annotations

import builtins
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
import pytest

from genie.adapters.processes import SystemProcesses
from genie.ports import Lineage, Rooted
from tests.adapters import processes_kit
from tests.adapters.processes_kit import Start, comm, started_of, state
from tests.fixtures.tmux import until

start = processes_kit.start
MIB = 2**20
RUN = "GENIE_RUN_ID"


@pytest.fixture
def processes() -> SystemProcesses:
    """Spares the test itself: what a run has started it in is not asked."""
    return SystemProcesses(lambda: {os.getpid()})


@pytest.fixture
def escaped() -> Iterator[list[int]]:
    """Pids of processes that no group of a test holds; ended after it, with all in the sessions that they led."""
    pids: list[int] = []
    yield pids
    for pid in psutil.pids():
        with suppress(ProcessLookupError, PermissionError):
            if pid in pids or os.getsid(pid) in pids:
                os.kill(pid, signal.SIGKILL)


def numbers(process: subprocess.Popen[bytes], count: int) -> list[int]:
    """The pids that it prints."""
    assert process.stdout is not None
    return [int(process.stdout.readline()) for _ in range(count)]


def root_of(run: UUID, process: subprocess.Popen[bytes], processes: SystemProcesses) -> Rooted:
    return Rooted(run, process.pid, started_of(processes, process.pid))


def counts(processes: SystemProcesses, *roots: Rooted) -> dict[UUID, int]:
    return {run: usage.processes for run, usage in processes.usage(roots).items()}


def members(processes: SystemProcesses, *roots: Rooted) -> dict[UUID, set[int]]:
    found = processes._members(roots)
    return {run: {process.pid for process in each} for run, each in found.items()}


# ---- lineage ----


def test_a_lineage_goes_up_to_what_is_spared(processes: SystemProcesses, start: Start) -> None:
    inner, outer = uuid4(), uuid4()
    script = f"{RUN}={inner} sh -c 'sh -c \"echo \\$\\$; sleep 100; :\"; :'; :"
    top = start("sh", "-c", script, env={RUN: str(outer)})
    (lowest,) = numbers(top, 1)
    middle = psutil.Process(lowest).ppid()
    assert processes.lineage(lowest) == Lineage(
        pids=(lowest, middle, top.pid), session=top.pid, runs=(inner, outer)
    )  # and the inner one once only, though two carry it
    shortened = SystemProcesses(lambda: {middle})
    assert shortened.lineage(lowest) == Lineage(pids=(lowest,), session=top.pid, runs=(inner,))


def test_a_lineage_ends_below_init(start: Start) -> None:
    process = start("sleep", "100")
    pids = SystemProcesses().lineage(process.pid).pids
    assert pids[:3] == (process.pid, os.getpid(), os.getppid())
    assert 1 not in pids


def test_a_lineage_of_one_that_left_its_parents(processes: SystemProcesses, start: Start, escaped: list[int]) -> None:
    run = uuid4()
    top = start("sh", "-c", "(sleep 100 & echo $!); sleep 100; :", env={RUN: str(run)})
    escaped += numbers(top, 1)
    until(lambda: top.pid not in processes.lineage(escaped[0]).pids, what="its leaving")
    until(lambda: comm(escaped[0]) == b"sleep", what="its program")
    found = processes.lineage(escaped[0])
    assert (found.pids[0], found.session, found.runs) == (escaped[0], top.pid, (run,))


@pytest.mark.parametrize("value", ["", "7", "x" * 36, "{run}0", " {run}", "{{{run}}}", "urn:uuid:{run}"])
def test_what_is_no_run_id_is_none(processes: SystemProcesses, start: Start, value: str) -> None:
    process = start("sleep", "100", env={RUN: value.format(run=uuid4())})
    assert processes.lineage(process.pid).runs == ()


def test_near_names_are_no_run_id(processes: SystemProcesses, start: Start) -> None:
    text = f"{RUN}={uuid4()}"
    process = start("sleep", "100", env={"NOT_GENIE_RUN_ID": str(uuid4()), "TEXT": f"\n{text}", "MORE": f"{text}\n"})
    assert processes.lineage(process.pid).runs == ()


@pytest.mark.parametrize("pid", [-1, 0, 1, 2**22 + 5])
def test_no_process_has_no_lineage(processes: SystemProcesses, pid: int) -> None:
    assert processes.lineage(pid) == Lineage()


def test_a_zombie_has_no_lineage(processes: SystemProcesses, start: Start) -> None:
    zombie = start("true")
    until(lambda: state(zombie.pid) == "Z", what="the zombie")
    assert processes.lineage(zombie.pid) == Lineage()


# ---- whose a process is ----


def test_a_run_is_its_root_and_what_is_below(processes: SystemProcesses, start: Start) -> None:
    run = uuid4()
    top = start("sh", "-c", "sleep 100 & echo $!; sh -c 'sleep 100 & echo $!; wait' & echo $!; wait")
    below = set(numbers(top, 3))
    assert members(processes, root_of(run, top, processes)) == {run: {top.pid, *below}}


def test_the_use_is_that_of_all_of_them(processes: SystemProcesses, start: Start) -> None:
    busy = f"""
import os, subprocess, time
child = subprocess.Popen(["sleep", "100"])
big = bytearray(os.urandom(1)) * {64 * MIB}
while time.process_time() < 0.3: pass
print(child.pid, flush=True)
child.wait()
"""
    run, top = uuid4(), start(sys.executable, "-c", busy)
    (child,) = numbers(top, 1)
    used = processes.usage([root_of(run, top, processes)])[run]
    both = [psutil.Process(pid) for pid in (top.pid, child)]
    assert used.processes == 2
    assert used.rss == pytest.approx(sum(each.memory_info().rss for each in both), abs=4 * MIB)
    assert used.rss > 64 * MIB
    assert used.cpu_seconds == pytest.approx(sum(sum(each.cpu_times()[:2]) for each in both), abs=0.03)
    assert used.cpu_seconds >= 0.28


def test_runs_without_a_process_are_absent(processes: SystemProcesses, start: Start) -> None:
    top = start("sleep", "100")
    recycled = Rooted(uuid4(), top.pid, "another")
    gone = Rooted(uuid4(), 2**22 + 5, "another")
    assert processes.usage([recycled, gone]) == {}
    assert processes.memory([recycled, gone]) == {}
    assert processes.usage([]) == {}
    assert processes.memory([]) == {}


def test_the_run_id_is_nearer_than_the_parent(processes: SystemProcesses, start: Start) -> None:
    outer, inner = uuid4(), uuid4()
    script = f"{RUN}={inner} sh -c 'env -u {RUN} sleep 100 & echo $!; wait' & echo $!; wait"
    top = start("sh", "-c", script, env={RUN: str(outer)})
    other = start("sleep", "100")
    below = set(numbers(top, 2))
    roots = root_of(outer, top, processes), root_of(inner, other, processes)
    assert members(processes, *roots) == {outer: {top.pid}, inner: {other.pid, *below}}


def test_a_run_id_that_is_nobodys_frees_nobody(processes: SystemProcesses, start: Start) -> None:
    run = uuid4()
    top = start("sh", "-c", f"{RUN}={uuid4()} sleep 100 & echo $!; wait", env={RUN: str(run)})
    (child,) = numbers(top, 1)
    assert members(processes, root_of(run, top, processes)) == {run: {top.pid, child}}


def test_a_root_belongs_to_its_run_whatever_it_carries(processes: SystemProcesses, start: Start) -> None:
    """A tmux server that was started in a run gives its environment to the runners of others."""
    first, second = uuid4(), uuid4()
    one, two = (start("sleep", "100", env={RUN: str(first)}) for _ in range(2))
    roots = root_of(first, one, processes), root_of(second, two, processes)
    assert members(processes, *roots) == {first: {one.pid}, second: {two.pid}}


def test_who_left_is_found_by_run_id_and_by_session(
    processes: SystemProcesses, start: Start, escaped: list[int]
) -> None:
    run = uuid4()
    script = """
        (setsid sh -c 'echo $$; exec sleep 100' &)
        (setsid sh -c 'echo $$; (env -i /bin/sh -c "echo \\$\\$; sleep 100; :" &); exec sleep 100' &)
        (env -i /bin/sh -c 'echo $$; sleep 100; :' &)
        sleep 100; :"""
    top = start("sh", "-c", script, env={RUN: str(run)})
    escaped += numbers(top, 4)
    root = root_of(run, top, processes)
    until(lambda: counts(processes, root) == {run: 8}, what="all of them")  # three shells have a child each
    assert set(escaped) <= members(processes, root)[run]


def test_who_left_without_a_trace_is_still_known(processes: SystemProcesses, start: Start, escaped: list[int]) -> None:
    """Seen once below its run, it stays its: also when parent and session are gone, and nothing is in its
    environment."""
    run = uuid4()
    leaving = f"setsid env -i {shutil.which('sleep')} 100 & echo $!; echo $$; exec sleep 100"
    top = start("sh", "-c", 'sh -c "$1" & sleep 100; :', "x", leaving, env={RUN: str(run)})
    left, parent = numbers(top, 2)
    escaped += [left, parent]
    until(lambda: comm(left) == b"sleep", what="its own program")
    root = root_of(run, top, processes)
    assert left in members(processes, root)[run]
    os.kill(parent, signal.SIGKILL)
    until(lambda: state(parent) in ("", "Z"), what="the end of its parent")
    assert left in members(processes, root)[run]
    assert left not in members(SystemProcesses(), root)[run]


def test_what_hangs_below_a_server_that_became_known_is_nobodys(start: Start, escaped: list[int]) -> None:
    run = uuid4()
    top = start("sh", "-c", "setsid sh -c 'setsid sleep 100 & echo $!; echo $$; wait' & sleep 100; :")
    pane, server = numbers(top, 2)
    escaped += [pane, server]
    spared = {os.getpid()}
    processes = SystemProcesses(lambda: spared)
    root = root_of(run, top, processes)
    assert {pane, server} < members(processes, root)[run]
    spared.add(server)
    assert members(processes, root)[run].isdisjoint({pane, server})


def test_an_exec_is_looked_at_again(processes: SystemProcesses, start: Start, tmp_path: Path) -> None:
    before, after = uuid4(), uuid4()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    top = start("sh", "-c", f"read x < {gate}; exec env {RUN}={after} sleep 100", env={RUN: str(before)})
    others = [start("sleep", "100") for _ in range(2)]
    roots = [root_of(run, other, processes) for run, other in zip((before, after), others, strict=True)]
    assert counts(processes, *roots) == {before: 2, after: 1}
    assert counts(processes, *roots) == {before: 2, after: 1}
    gate.write_text("go\n")
    until(lambda: counts(processes, *roots) == {before: 1, after: 2}, what="the other run")
    assert top.pid in members(processes, *roots)[after]


def test_a_fork_and_its_exec_are_told_apart(processes: SystemProcesses, start: Start, tmp_path: Path) -> None:
    """A child shows the environment of its parent until it runs its own program: here the same program again, with an
    environment of the same size."""
    outer, inner = uuid4(), uuid4()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"(read x < {gate}; {RUN}={inner}; exec sh -c 'echo $$; sleep 100; :') & echo $!; wait"
    top, other = start("sh", "-c", script, env={RUN: str(outer)}), start("sleep", "100")
    (child,) = numbers(top, 1)
    roots = root_of(outer, top, processes), root_of(inner, other, processes)
    assert members(processes, *roots) == {outer: {top.pid, child}, inner: {other.pid}}
    gate.write_text("go\n")
    assert numbers(top, 1) == [child]
    assert child in members(processes, *roots)[inner]


def test_the_spared_and_what_is_below_them_are_nobodys(start: Start) -> None:
    run = uuid4()
    script = (
        f"env -u {RUN} sh -c 'sleep 100 & echo $!; wait' & echo $!; {RUN}={run} sh -c 'echo $$; sleep 100; :' & wait"
    )
    server = start("sh", "-c", script, env={RUN: str(run)})
    numbers(server, 3)
    top = start("sh", "-c", "sleep 100; :")
    processes = SystemProcesses(lambda: {os.getpid(), server.pid})
    until(lambda: counts(processes, root_of(run, top, processes)) == {run: 4}, what="those that carry the run id")
    assert server.pid not in members(processes, root_of(run, top, processes))[run]


def test_nobody_is_counted_twice(processes: SystemProcesses, start: Start, escaped: list[int]) -> None:
    """Not one who carries one run, is below another, and in the session of a third."""
    runs = [uuid4() for _ in range(3)]
    script = f"setsid sh -c 'echo $$; {RUN}={runs[2]} sleep 100 & echo $!; wait' & wait"
    top = start("sh", "-c", script, env={RUN: str(runs[0])})
    second, lowest = numbers(top, 2)
    escaped += [second]
    third = start("sleep", "100")
    roots = [
        root_of(runs[0], top, processes),
        Rooted(runs[1], second, started_of(processes, second)),
        root_of(runs[2], third, processes),
    ]
    until(
        lambda: members(processes, *roots) == {runs[0]: {top.pid}, runs[1]: {second}, runs[2]: {third.pid, lowest}},
        what="each process once",
    )


# ---- memory ----

FAMILY = f"""
import os, sys, time
big = os.urandom(1) * {64 * MIB}
for _ in range(3):
    if not os.fork():
        time.sleep(100)
print(0, flush=True)
os.wait()
"""


def test_what_is_shared_counts_by_its_share(processes: SystemProcesses, start: Start) -> None:
    run, top = uuid4(), start(sys.executable, "-c", FAMILY)
    numbers(top, 1)
    root = root_of(run, top, processes)
    assert counts(processes, root) == {run: 4}
    shared = processes.memory([root])[run]
    assert 64 * MIB < shared < 128 * MIB
    assert processes.usage([root])[run].rss > 4 * 64 * MIB
    pids = members(processes, root)[run]
    assert shared == pytest.approx(sum(psutil.Process(pid).memory_full_info().pss for pid in pids), rel=0.05)


Refuse = Callable[[type[OSError]], None]


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Refuse:
    """Makes the kernel refuse to tell shares: root is refused nothing."""

    def begin(error: type[OSError]) -> None:
        real = builtins.open

        def opened(path: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as `open` has it
            if str(path).endswith("smaps_rollup"):
                raise error(path)
            return real(path, *rest, **more)

        monkeypatch.setattr(builtins, "open", opened)

    return begin


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError])
def test_without_shares_the_resident_size_counts(
    processes: SystemProcesses, start: Start, refuse: Refuse, error: type[OSError]
) -> None:
    run, top = uuid4(), start(sys.executable, "-c", FAMILY)
    numbers(top, 1)
    root = root_of(run, top, processes)
    refuse(error)
    measured = processes.memory([root])[run]
    assert measured > 4 * 64 * MIB
    assert measured == pytest.approx(processes.usage([root])[run].rss, rel=0.1)


def test_each_run_has_its_own(processes: SystemProcesses, start: Start) -> None:
    roots = []
    for size in (16, 48):
        script = f"import time; x = bytes([1]) * {size * MIB}; print(0, flush=True); time.sleep(100)"
        top = start(sys.executable, "-c", script)
        numbers(top, 1)
        roots.append(root_of(uuid4(), top, processes))
    measured = processes.memory(roots)
    assert measured.keys() == {root.run for root in roots}
    assert measured[roots[1].run] - measured[roots[0].run] == pytest.approx(32 * MIB, rel=0.1)
