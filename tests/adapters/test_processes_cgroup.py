"""Runs in real cgroups, where a cgroup2 mount can be written to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from genie.adapters.processes import SystemProcesses, open_cgroups
from genie.adapters.processes.cgroup import Cell
from genie.ports import Rooted
from tests.adapters import cgroup_kit, processes_kit
from tests.adapters.cgroup_kit import inside
from tests.adapters.processes_kit import AT_ONCE, LONG, SOON, Start, carriers, comm, started_of, state
from tests.fixtures.tmux import until

cgroup, start = cgroup_kit.cgroup, processes_kit.start
SLEEP = shutil.which("sleep")


@dataclass
class Held:
    """A run in a cgroup: its first process waits at a gate, as a runner does, and then does what it is for."""

    run: UUID
    process: subprocess.Popen[bytes]
    processes: SystemProcesses
    gate: Path
    started: str = field(init=False)

    def __post_init__(self) -> None:
        self.started = started_of(self.processes, self.process.pid)

    @property
    def root(self) -> Rooted:
        return Rooted(self.run, self.process.pid, self.started)

    def go(self, lines: int = 0) -> list[int]:
        """Let it go on; the numbers that it prints then."""
        self.gate.write_text("go\n")
        assert self.process.stdout is not None
        return [int(self.process.stdout.readline()) for _ in range(lines)]

    def end(self, grace: timedelta = AT_ONCE, *, by: SystemProcesses | None = None) -> None:
        ender = by or self.processes
        ender.end_tree(run=self.run, pid=self.process.pid, started=self.started, grace=grace)


Hold = Callable[..., Held]


@pytest.fixture
def processes(cgroup: Path) -> SystemProcesses:
    return SystemProcesses(cgroups=open_cgroups(str(cgroup), owner="me"))


@pytest.fixture
def hold(processes: SystemProcesses, start: Start, tmp_path: Path) -> Hold:
    def begin(script: str, *, by: SystemProcesses | None = None) -> Held:
        run, gate = uuid4(), tmp_path / uuid4().hex
        os.mkfifo(gate)
        process = start("sh", "-c", f"read x < {gate}\n{script}", env={"GENIE_RUN_ID": str(run)})
        held = Held(run, process, by or processes, gate)
        held.processes.enclose(run, process.pid)
        return held

    return begin


TRACELESS = f"""
for i in 1 2 3; do
    setsid env -i /bin/sh -c '(setsid /bin/sh -c "echo \\$\\$; exec {SLEEP} 300" &)'
done
exec {SLEEP} 300
"""
"""Each has no parent of the run, no environment, and a session of its own, whose maker has gone."""


def living(pids: list[int]) -> list[int]:
    return [pid for pid in pids if state(pid) not in ("", "Z")]


def until_alone(cgroup: Path, pids: list[int], *others: int) -> None:
    """Wait until each runs its program, and those that have made them have ended."""
    until(lambda: all(comm(pid) == b"sleep" for pid in pids), what="their programs")
    until(lambda: inside(cgroup) == {*pids, *others}, what="the end of those between")


def test_what_leaves_no_trace_is_killed_with_its_cgroup(cgroup: Path, hold: Hold) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
    until_alone(cgroup, pids, held.process.pid)
    held.end(by=SystemProcesses())
    assert living(pids) == pids  # the search alone does not know them
    held.end()
    assert living(pids) == []
    assert list(cgroup.glob("*/")) == []


def test_the_kernel_kills_them_as_one(hold: Hold, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the grace is over: no signal reaches any of them singly here."""
    held = hold(TRACELESS)
    pids = held.go(3)
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda descriptor, number: None)
    begun = time.monotonic()
    held.end(SOON)
    assert time.monotonic() - begun >= SOON.total_seconds()
    assert living([held.process.pid, *pids]) == []


def test_what_leaves_no_trace_is_asked_first(hold: Hold, tmp_path: Path) -> None:
    note = tmp_path / "note"
    asked = f'trap "echo bye > {note}; exit" TERM; echo $$; while :; do {SLEEP} 0.05; done'
    held = hold(f"(setsid env -i /bin/sh -c '(setsid /bin/sh -c \"$0\" &)' '{asked}')\nexec {SLEEP} 300")
    pids = held.go(1)
    held.end(LONG)
    assert note.read_text() == "bye\n"
    assert living(pids) == []


BOMB = """
import os, time
print(0, flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork():
        os._exit(0)
    os.setsid()
"""


def test_a_run_that_had_memory_enough_was_not_starved(hold: Hold) -> None:
    held = hold("sleep 100")
    assert not held.processes.starved(held.run)
    assert not held.processes.starved(uuid4())
    assert not SystemProcesses().starved(held.run)


@pytest.mark.parametrize(
    ("told", "starved"), [("low 0\noom 1\noom_kill 0\n", False), ("oom 1\noom_kill 2\n", True), ("torn", False)]
)
def test_the_kernel_tells_of_what_it_killed_for_want_of_memory(tmp_path: Path, told: str, *, starved: bool) -> None:
    """By a file that only the kernel can write where it counts."""
    (tmp_path / "memory.events").write_text(told)
    assert Cell(tmp_path).starved() is starved


def test_no_fork_gets_away(cgroup: Path, hold: Hold) -> None:
    """One that forks without a pause, and carries nothing."""
    held = hold(f"env -i {sys.executable} -c '{BOMB}'; exec {SLEEP} 300")
    held.go(1)
    held.end(SOON)
    assert inside(cgroup) == set()
    assert list(cgroup.glob("*/")) == []


def test_others_live_on(cgroup: Path, hold: Hold, processes: SystemProcesses, start: Start) -> None:
    first, second, stranger = hold(TRACELESS), hold(TRACELESS), start("sleep", "100")
    (cgroup / "theirs").mkdir()
    (cgroup / "theirs" / "cgroup.procs").write_text(str(stranger.pid))
    ended, kept = first.go(3), second.go(3)
    first.end()
    assert living(ended) == []
    assert living(kept) == kept
    assert second.process.poll() is None
    assert stranger.poll() is None
    until_alone(cgroup, kept, second.process.pid, stranger.pid)


def test_cgroups_below_are_of_the_run_too(cgroup: Path, hold: Hold, processes: SystemProcesses) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
    until_alone(cgroup, pids, held.process.pid)
    below = next(cgroup.glob("genie-*/run-*")) / "its own"
    below.mkdir()
    (below / "cgroup.procs").write_text(str(pids[0]))
    assert processes.usage([held.root])[held.run].processes == 4
    held.end()
    assert living(pids) == []
    assert below.is_dir()  # no directory is removed that was made by somebody else


def test_a_cgroup_is_removed_only_by_who_made_it(cgroup: Path, hold: Hold) -> None:
    held = hold(TRACELESS)
    (mine,) = cgroup.glob("genie-*/")
    for name in ("notes", "run-1"):
        (mine / name).mkdir()
    pids = held.go(3)
    held.end()
    assert living(pids) == []
    assert {path.name for path in mine.glob("*/")} == {"notes", "run-1"}


def test_what_ended_by_itself_is_swept_by_the_next(cgroup: Path, hold: Hold) -> None:
    first = hold("exit 0")
    first.go()
    first.process.wait(10)
    until(lambda: inside(cgroup) == set(), what="its leaving")
    second = hold(f"exec {SLEEP} 300")
    assert [path.name for path in cgroup.glob("genie-*/run-*")] == [f"run-{second.run}"]


def test_two_owners_have_directories_of_their_own(cgroup: Path, hold: Hold) -> None:
    other = SystemProcesses(cgroups=open_cgroups(str(cgroup), owner="another"))
    first, second = hold("exit 0"), hold("exit 0", by=other)
    assert len(list(cgroup.glob("genie-*/"))) == 2
    first.end()
    assert inside(cgroup) == {second.process.pid}


@pytest.mark.parametrize("spared", ["this one", "a tmux server"])
def test_a_cgroup_with_somebody_spared_in_it_tells_nothing(cgroup: Path, hold: Hold, spared: str) -> None:
    """The run has started the tmux server of others, or the daemon: neither is killed, nor counted."""
    kept: set[int] = set()
    processes = SystemProcesses(lambda: kept, cgroups=open_cgroups(str(cgroup), owner="me"))
    held = hold(TRACELESS, by=processes)
    server, *others = held.go(3)
    until_alone(cgroup, [server, *others], held.process.pid)
    if spared == "this one":
        ender = "import sys; from uuid import UUID; from datetime import timedelta as t\n"
        ender += "from genie.adapters.processes import SystemProcesses, open_cgroups\n"
        ender += f"open('{next(cgroup.glob('genie-*/run-*'))}/cgroup.procs', 'w').write('0')\n"
        ender += f"it = SystemProcesses(cgroups=open_cgroups('{cgroup}', owner='me'))\n"
        ender += f"it.end_tree(run=UUID('{held.run}'), pid=None, started=None, grace=t(0)); print('alive')"
        done = subprocess.run([sys.executable, "-c", ender], capture_output=True, timeout=60, check=True)
        assert done.stdout == b"alive\n"
    else:
        kept.add(server)
        fresh = SystemProcesses(lambda: kept, cgroups=open_cgroups(str(cgroup), owner="me"))
        assert fresh.usage([held.root])[held.run].processes == 1
        held.end()
    assert held.process.wait(10) == -signal.SIGKILL
    assert carriers(held.run) == set()
    assert living([server, *others]) == [server, *others]


def test_the_cgroup_tells_whose_the_traceless_are(cgroup: Path, hold: Hold, processes: SystemProcesses) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
    until_alone(cgroup, pids, held.process.pid)
    assert processes.usage([held.root])[held.run].processes == 4
    assert processes.memory([held.root])[held.run] > 0
    for pid in pids:
        assert processes.lineage(pid).runs == (held.run,)
        assert SystemProcesses().lineage(pid).runs == ()
    assert SystemProcesses().usage([held.root])[held.run].processes == 1


def test_a_process_that_has_ended_is_not_enclosed(cgroup: Path, processes: SystemProcesses) -> None:
    processes.enclose(uuid4(), 2**22 + 5)
    assert list(cgroup.glob("*/")) == []
    assert "could not" not in processes.confinement()


def test_what_the_cgroup_does_is_said(cgroup: Path, processes: SystemProcesses, hold: Hold) -> None:
    line = processes.confinement()
    assert line.startswith(f"cgroup v2 at {cgroup} (kill")
    assert list(cgroup.glob("*/")) == []
    held = hold(f"exec {SLEEP} 300")
    assert processes.confinement() == line
    assert inside(cgroup) == {held.process.pid}


def test_a_run_that_cannot_be_enclosed_goes_on_and_is_told_of(
    cgroup: Path, hold: Hold, processes: SystemProcesses
) -> None:
    (cgroup / "cgroup.max.descendants").write_text("0")
    held = hold(TRACELESS)
    assert inside(cgroup) == set()
    assert "Resource temporarily unavailable" in processes.confinement()
    pids = held.go(3)
    held.end()
    assert held.process.wait(10) == -signal.SIGKILL
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_the_last_failure_is_told_until_the_next_success(cgroup: Path, hold: Hold, processes: SystemProcesses) -> None:
    first = hold(f"exec {SLEEP} 300")
    (cgroup / "cgroup.max.descendants").write_text("2")
    hold(f"exec {SLEEP} 300")
    line = processes.confinement()
    assert line.startswith("cgroup v2")
    assert line.endswith("the last run could not be put in: Resource temporarily unavailable")
    assert inside(cgroup) == {first.process.pid}
    (cgroup / "cgroup.max.descendants").write_text("max")
    hold(f"exec {SLEEP} 300")
    assert "could not" not in processes.confinement()
