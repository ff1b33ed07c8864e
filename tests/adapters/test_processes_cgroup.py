"""Cgroups: real ones where a cgroup2 mount can be written to; memory and pids on plain files of the same names."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast
from uuid import UUID, uuid4

import pytest

from genie.adapters.processes import SystemProcesses, open_cgroups
from genie.adapters.processes.cgroup import Absent, Cgroups
from genie.adapters.processes.delegation import find_base
from genie.daemon import doctor
from genie.daemon.engine import Engine
from genie.ports import Rooted
from genie.settings import Settings
from tests.adapters import test_processes as base
from tests.adapters.test_processes import AT_ONCE, LONG, SOON, Start, carriers, comm, started_of, state
from tests.fixtures.tmux import until

start = base.start
SLEEP = shutil.which("sleep")
MARK = "user.delegate"


# ---- a real cgroup ----


def mount_point() -> Path | None:
    """Of cgroup v2, without blanks in its name."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((Path(line.split()[4]) for line in lines if " - cgroup2 " in line), None)


def inside(cgroup: Path) -> set[int]:
    """Who is in it or below it, found without the code under test."""
    return {int(word) for path in cgroup.rglob("cgroup.procs") for word in path.read_text().split()}


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """A cgroup of the test's own; with all in it it is gone after the test."""
    top = mount_point()
    if top is None:
        pytest.skip("no cgroup2 mount here: the kernel's kill of a cgroup is not tested")
    made = top / f"genie-test-{uuid4().hex[:12]}"
    try:
        made.mkdir()
    except OSError as error:
        pytest.skip(f"{top} cannot be written to ({error.strerror}): the kernel's kill of a cgroup is not tested")
    yield made
    (made / "cgroup.kill").write_text("1")
    until(lambda: "populated 0" in (made / "cgroup.events").read_text(), what="the end of all in the cgroup")
    for directory in sorted(made.rglob("*/"), reverse=True):
        directory.rmdir()
    made.rmdir()


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


def asleep(pids: list[int]) -> bool:
    return all(comm(pid) == b"sleep" for pid in pids)


def test_what_leaves_no_trace_is_killed_with_its_cgroup(cgroup: Path, hold: Hold) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
    until(lambda: asleep(pids), what="their programs")
    assert inside(cgroup) == {held.process.pid, *pids}
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
    assert inside(cgroup) == {second.process.pid, stranger.pid, *kept}


def test_cgroups_below_are_of_the_run_too(cgroup: Path, hold: Hold, processes: SystemProcesses) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
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
    assert processes.usage([held.root])[held.run].processes == 4
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


def test_the_cgroup_tells_whose_the_traceless_are(hold: Hold, processes: SystemProcesses) -> None:
    held = hold(TRACELESS)
    pids = held.go(3)
    until(lambda: asleep(pids), what="their programs")
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


# ---- where ----


@pytest.fixture
def proc(tmp_path: Path) -> Callable[[Path], Path]:
    """What /proc says of a process that is in that cgroup."""

    def made(cgroup: Path) -> Path:
        top = mount_point()
        assert top is not None
        folder = tmp_path / uuid4().hex
        folder.mkdir()
        (folder / "cgroup").write_text(f"4:memory:/elsewhere\n0::/{cgroup.relative_to(top)}\n")
        shutil.copy("/proc/self/mountinfo", folder / "mountinfo")
        return folder

    return made


Proc = Callable[[Path], Path]
NOT_DELEGATED = Absent("no cgroup v2 is delegated to genie")


def test_what_systemd_delegates_is_used(cgroup: Path, proc: Proc) -> None:
    assert find_base("auto", process=proc(cgroup)) == NOT_DELEGATED  # though root may write there
    os.setxattr(cgroup, MARK, b"0")
    assert find_base("auto", process=proc(cgroup)) == NOT_DELEGATED
    os.setxattr(cgroup, MARK, b"1")
    assert find_base("auto", process=proc(cgroup)) == cgroup


def test_the_delegated_cgroup_of_a_service_is_that_without_its_processes(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "service" / "daemon"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "service", MARK, b"1")
    assert find_base("auto", process=proc(below)) == cgroup / "service"


def test_a_users_instance_of_systemd_keeps_its_own(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "user@1000.service" / "app.slice" / "genie.service"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "user@1000.service", MARK, b"1")
    assert find_base("auto", process=proc(below)) == below


def test_what_is_delegated_to_somebody_else_is_not_used(cgroup: Path, proc: Proc) -> None:
    below = cgroup / "theirs" / "ours"
    below.mkdir(parents=True)
    os.setxattr(cgroup / "theirs", MARK, b"1")
    assert find_base("auto", process=proc(below)) == cgroup / "theirs"
    os.chown(cgroup / "theirs", 12345, -1)
    assert find_base("auto", process=proc(below)) == NOT_DELEGATED


def test_a_cgroup_that_is_not_seen_here_is_not_used(cgroup: Path, proc: Proc) -> None:
    folder = proc(cgroup)
    for path in ("/../elsewhere", "/gone (deleted)"):
        (folder / "cgroup").write_text(f"0::{path}\n")
        assert find_base("auto", process=folder) == NOT_DELEGATED


def test_only_a_part_of_the_hierarchy_may_be_mounted(cgroup: Path, proc: Proc) -> None:
    (cgroup / "ours").mkdir()
    os.setxattr(cgroup / "ours", MARK, b"1")
    folder = proc(cgroup)
    (folder / "cgroup").write_text("0::/docker/7/ours\n")
    (folder / "mountinfo").write_text(f"41 31 0:38 /docker/7 {cgroup} rw,relatime shared:9 - cgroup2 cgroup2 rw\n")
    assert find_base("auto", process=folder) == cgroup / "ours"
    (folder / "cgroup").write_text("0::/docker/8/ours\n")
    assert find_base("auto", process=folder) == NOT_DELEGATED


def test_a_mount_with_blanks_in_its_name(tmp_path: Path) -> None:
    mounted = tmp_path / "a b"
    mounted.mkdir()
    (mounted / "cgroup.procs").touch()
    (tmp_path / "mountinfo").write_text(f"41 31 0:38 / {tmp_path}/a\\040b rw - cgroup2 cgroup2 rw\n")
    assert find_base(str(mounted), process=tmp_path) == mounted


def test_a_system_without_cgroups(tmp_path: Path) -> None:
    assert find_base("auto", process=tmp_path / "none") == NOT_DELEGATED
    assert find_base("off", process=tmp_path / "none") == Absent("cgroups are off")


def test_a_path_that_is_no_cgroup_is_not_used(cgroup: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert find_base(str(cgroup)) == cgroup
    assert find_base(str(tmp_path)) == Absent(f"cgroup {tmp_path} is not on a cgroup2 mount")
    for path in (tmp_path / "none", tmp_path / "file"):
        assert find_base(str(path)) == Absent(f"cgroup {path} is not a directory that can be entered")


def test_one_that_is_not_writable_is_not_used(cgroup: Path, proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    os.setxattr(cgroup, MARK, b"1")
    # Root may write everywhere: the kernel is made to refuse it.
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    for wanted in ("auto", str(cgroup)):
        assert find_base(wanted, process=proc(cgroup)) == Absent(f"cgroup {cgroup} is not writable")


# ---- memory and pids, on plain files ----

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


# ---- what people are told ----


def told(processes: SystemProcesses, path: str) -> doctor.Check:
    engine = SimpleNamespace(
        world=SimpleNamespace(processes=processes), configured=Settings.model_validate({"cgroup": {"path": path}})
    )
    (check,) = doctor._memory(cast("Engine", engine), Path("/"))
    return check


def test_the_doctor_names_what_measures_memory(tmp_path: Path) -> None:
    for path in ("off", "auto"):
        check = told(SystemProcesses(), path)
        line = "process search; memory by proportional set size (/proc); cgroups are off"
        assert (check.check, check.status, check.detail, check.fix) == ("memory", doctor.Status.OK, line, "")


def test_the_doctor_warns_of_a_named_cgroup_that_cannot_be_used(cgroup: Path, tmp_path: Path) -> None:
    for path in (tmp_path, cgroup):
        check = told(SystemProcesses(cgroups=open_cgroups(str(path), owner="me")), str(path))
        assert check.status is (doctor.Status.OK if path == cgroup else doctor.Status.WARN)
        assert (f"{path} is not on a cgroup2 mount" in check.detail) == (path == tmp_path)
        assert ("set cgroup.path" in check.fix) == (path == tmp_path)


def test_a_named_cgroup_that_went_away_is_told_of(cgroup: Path) -> None:
    below = cgroup / "ours"
    below.mkdir()
    processes = SystemProcesses(cgroups=open_cgroups(str(below), owner="me"))
    below.rmdir()
    check = told(processes, str(below))
    assert check.status is doctor.Status.WARN
    assert "No such file or directory" in check.detail
