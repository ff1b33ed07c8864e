"""Memory and pids of a cgroup, on plain files of the names that the kernel gives them."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from genie.adapters.processes import SystemProcesses
from genie.adapters.processes.cgroup import Cgroups
from genie.ports import Rooted
from tests.adapters import processes_kit
from tests.adapters.processes_kit import AT_ONCE, Start, started_of

start = processes_kit.start

CONTROLLERS = "cpu memory pids\n"


@dataclass(frozen=True)
class Faked:
    """A directory in which files stand where the kernel would make them."""

    cgroups: Cgroups

    def make(self, run: UUID, **more: str) -> Path:
        directory = self.cgroups.cell(run).directory
        directory.mkdir()
        fill(directory, **{"cgroup.procs": "", "cgroup.kill": "", "memory.max": "max\n", "pids.max": "max\n"} | more)
        return directory


def fill(directory: Path, **files: str) -> None:
    for name, text in files.items():
        (directory / name).write_text(text)


@pytest.fixture
def faked(tmp_path: Path) -> Faked:
    made = Cgroups(tmp_path, "me", max_processes=77)
    made.home.mkdir()
    for directory in (tmp_path, made.home):
        fill(directory, **{"cgroup.controllers": CONTROLLERS, "cgroup.subtree_control": "cpu\n"})
    fill(made.home, **dict.fromkeys(("cgroup.kill", "memory.current", "pids.max"), ""))
    return Faked(made)


def test_the_limits_are_set_before_the_process_is_in(faked: Faked) -> None:
    run = uuid4()
    directory = faked.make(run)
    SystemProcesses(cgroups=faked.cgroups).enclose(run, os.getpid(), memory=8 * 2**30)
    read = {name: (directory / name).read_text() for name in ("pids.max", "memory.max", "cgroup.procs")}
    assert read == {"pids.max": "77", "memory.max": str(8 * 2**30), "cgroup.procs": str(os.getpid())}


def test_no_memory_is_limited_unless_it_is_said(faked: Faked) -> None:
    run = uuid4()
    directory = faked.make(run)
    SystemProcesses(cgroups=faked.cgroups).enclose(run, os.getpid())
    assert (directory / "memory.max").read_text() == "max\n"


def test_a_limit_without_its_controller_is_left_out(faked: Faked) -> None:
    run = uuid4()
    directory = faked.make(run)
    for name in ("pids.max", "memory.max"):
        (directory / name).unlink()
    SystemProcesses(cgroups=faked.cgroups).enclose(run, os.getpid(), memory=1)
    assert (directory / "cgroup.procs").read_text() == str(os.getpid())
    assert {path.name for path in directory.iterdir()} == {"cgroup.procs", "cgroup.kill"}


def test_controllers_are_had_below_where_they_are_there(faked: Faked) -> None:
    base, home = faked.cgroups.base, faked.cgroups.home
    fill(home, **{"cgroup.controllers": "memory cpu\n"})
    faked.cgroups.enclose(uuid4(), 2**22 + 5, None)
    assert (base / "cgroup.subtree_control").read_text() == "+pids"  # the latest of two words; the kernel adds them
    assert (home / "cgroup.subtree_control").read_text() == "+memory"


def test_what_the_controllers_give_is_said(faked: Faked) -> None:
    processes = SystemProcesses(cgroups=faked.cgroups)
    assert processes.confinement() == f"cgroup v2 at {faked.cgroups.base} (kill, memory, pids)"
    (faked.cgroups.home / "memory.current").unlink()
    line = f"cgroup v2 at {faked.cgroups.base} (kill, pids); memory by proportional set size (/proc)"
    assert processes.confinement() == line


def test_the_cache_that_can_be_dropped_is_no_use_of_memory(faked: Faked, start: Start) -> None:
    counted, small, searched = uuid4(), uuid4(), start("sleep", "100")
    pid = str(start("sleep", "100").pid)
    more = {"memory.current": "1000000\n", "memory.stat": "anon 1\ninactive_file 300000\nactive_file 5\n"}
    faked.make(counted, **more | {"cgroup.procs": pid})
    faked.make(small, **more | {"cgroup.procs": pid, "memory.current": "10\n"})
    processes = SystemProcesses(cgroups=faked.cgroups)
    other = Rooted(uuid4(), searched.pid, started_of(processes, searched.pid))
    roots = [Rooted(run, 0, "") for run in (counted, small)]
    assert processes.memory(roots) == {counted: 700_000, small: 0}
    both = processes.memory([*roots, other])
    assert both.keys() == {counted, small, other.run}
    assert both[counted] == 700_000
    assert 0 < both[other.run] < 10 * 2**20


def test_the_memory_of_a_cgroup_that_is_not_the_runs_alone_is_not_taken(faked: Faked, start: Start) -> None:
    run, server = uuid4(), start("sleep", "100")
    faked.make(run, **{"cgroup.procs": str(server.pid), "memory.current": "9", "memory.stat": ""})
    assert SystemProcesses(cgroups=faked.cgroups).memory([Rooted(run, 0, "")]) == {run: 9}
    assert SystemProcesses(lambda: {server.pid}, cgroups=faked.cgroups).memory([Rooted(run, 0, "")]) == {}


def test_a_kernel_without_the_kill_leaves_it_to_the_search(faked: Faked, start: Start) -> None:
    run, traceless = uuid4(), start("sleep", "100")
    directory = faked.make(run, **{"cgroup.procs": f"0\n{traceless.pid}\n"})
    (directory / "cgroup.kill").unlink()
    SystemProcesses(cgroups=faked.cgroups).end_tree(run=run, pid=None, started=None, grace=AT_ONCE)
    assert traceless.wait(10) == -signal.SIGKILL
