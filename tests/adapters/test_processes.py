"""Processes that are really started, really escape and are really ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from genie.adapters.processes import SystemProcesses
from genie.domain.errors import Survivors
from genie.domain.session import PaneIdentity
from tests.adapters import processes_kit as kit
from tests.adapters.processes_kit import AT_ONCE, LONG, SOON, Start, carriers, comm, end_all, left_of, started_of, state
from tests.fixtures.tmux import Stage, until

processes, start = kit.processes, kit.start

ESCAPES = {
    "child": "sleep 300 &",
    "nohup": "nohup sleep 300 >/dev/null 2>&1 &",
    "setsid": "setsid sleep 300 &",
    "double fork": "(setsid sh -c 'sleep 300 & exec sleep 300' &) ",
    "ignores HUP": "sh -c 'trap \"\" HUP; while :; do sleep 300; done' &",
    "ignores TERM": "sh -c 'trap \"\" TERM; while :; do sleep 300; done' &",
    "stopped": "sh -c 'kill -STOP $$; sleep 300' &",
    "stopped and ignores TERM": "sh -c 'trap \"\" TERM; kill -STOP $$; sleep 300' &",
    "clean environment": "env -i /bin/sh -c 'sleep 300; :' &",
    "clean environment, own session": "setsid env -i /bin/sh -c 'sleep 300; :' &",
}

# ---- one process ----


def test_a_start_time_names_one_process(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    started = started_of(processes, process.pid)
    assert started == started_of(processes, process.pid)
    assert processes.alive(process.pid, started)
    assert not processes.alive(process.pid, started + "1")
    assert not processes.alive(os.getpid(), started)


def test_a_start_time_is_unique_over_reboots(processes: SystemProcesses) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    ticks = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    started = started_of(processes, os.getpid())
    assert started == f"{boot}-{ticks}"
    assert processes.of_this_boot(started)
    assert not processes.of_this_boot(f"{boot[::-1]}x-{ticks}")


def test_a_zombie_does_not_live(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    started = started_of(processes, process.pid)
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: state(process.pid) == "Z", what="the zombie")
    assert processes.started(process.pid) is None
    assert not processes.alive(process.pid, started)
    assert processes.gone(process.pid, started, within=AT_ONCE)


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 5])
def test_no_process_at_all(processes: SystemProcesses, pid: int) -> None:
    assert processes.started(pid) is None
    assert not processes.alive(pid, "x")
    assert not processes.waits_for_launch(pid, uuid4())
    processes.terminate(pid, "x")


def test_a_name_with_brackets_and_blanks(processes: SystemProcesses, start: Start, tmp_path: Path) -> None:
    program = tmp_path / "a) Z (b"
    program.symlink_to("/bin/sleep")
    process = start(str(program), "100")
    assert processes.alive(process.pid, started_of(processes, process.pid))


def test_waiting_for_an_end(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    started = started_of(processes, process.pid)
    assert not processes.gone(process.pid, started, within=timedelta(milliseconds=50))
    threading.Timer(0.1, process.kill).start()
    begun = time.monotonic()
    assert processes.gone(process.pid, started, within=LONG)
    assert time.monotonic() - begun < 10
    assert processes.gone(process.pid, "another", within=AT_ONCE)


def test_a_term_goes_to_that_process_only(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    started = started_of(processes, process.pid)
    processes.terminate(process.pid, "another")
    assert not processes.gone(process.pid, started, within=timedelta(milliseconds=50))
    processes.terminate(process.pid, started)
    assert process.wait(10) == -signal.SIGTERM


def test_ancestors(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    line = processes.ancestors(process.pid)
    assert line[:2] == [os.getpid(), os.getppid()]
    assert line[-1] == 1
    assert processes.ancestors(2**22 + 5) == []


def test_a_runner_waits_and_a_provider_does_not(processes: SystemProcesses, stage: Stage) -> None:
    pane, _ = stage.create()
    until(lambda: processes.waits_for_launch(pane.pid, pane.run), what="the runner")
    assert not processes.waits_for_launch(pane.pid, uuid4())
    stage.release(pane.run, "sleep", "100")
    until(lambda: not processes.waits_for_launch(pane.pid, pane.run), what="the provider")


# ---- a tree ----


@dataclass(frozen=True)
class Tree:
    """A pane and all that it has started, found without the code under test."""

    pane: PaneIdentity
    pids: frozenset[int]

    @property
    def left(self) -> set[int]:
        return left_of(self.pids, self.pane.run)


def members(pane: PaneIdentity) -> set[int]:
    return {child.pid for child in psutil.Process(pane.pid).children(recursive=True)} | carriers(pane.run)


def resting(pids: set[int]) -> int:
    """How many of them have come to what they are for: they sleep, or are stopped."""
    return sum(state(pid) == "T" or comm(pid) == b"sleep" for pid in pids)


Grow = Callable[..., Tree]


@pytest.fixture
def grow(stage: Stage) -> Iterator[Grow]:
    """Starts a pane whose shell has started all of these escapes; nothing of it outlives the test."""
    trees: list[Tree] = []

    def begin(*escapes: str) -> Tree:
        mark = f"ready {len(escapes)}"
        script = "".join(f"{ESCAPES[name]}\n" for name in escapes) + f"echo {mark}; while :; do sleep 300; done"
        pane = stage.spawn("sh", "-c", script)
        until(lambda: mark in stage.terminal.capture(pane, lines=None), what="the tree")
        until(lambda: resting(members(pane)) > len(escapes), what="every part of the tree")
        trees.append(Tree(pane, frozenset(members(pane))))
        return trees[-1]

    yield begin
    for tree in trees:
        end_all(tree.left)


def end_tree(stage: Stage, pane: PaneIdentity, grace: timedelta = SOON) -> None:
    stage.processes.end_tree(run=pane.run, pid=pane.pid, started=pane.started, grace=grace)


def test_no_escape_artist_outlives_the_end(stage: Stage, grow: Grow) -> None:
    tree = grow(*ESCAPES)
    assert len(tree.left) > len(ESCAPES)
    end_tree(stage, tree.pane)
    assert tree.left == set()


@pytest.mark.parametrize("escape", ESCAPES)
def test_each_of_them_is_gone_at_once_without_grace(stage: Stage, grow: Grow, escape: str) -> None:
    tree = grow(escape)
    end_tree(stage, tree.pane, AT_ONCE)
    assert tree.left == set()


@pytest.mark.parametrize("escape", ["nohup", "setsid", "double fork", "ignores HUP", "stopped"])
def test_what_a_dead_root_left_behind_is_found_by_its_run(stage: Stage, grow: Grow, escape: str) -> None:
    tree = grow(escape)
    pane = tree.pane
    os.kill(pane.pid, signal.SIGKILL)
    until(lambda: stage.processes.started(pane.pid) is None, what="the end of the root")
    if escape != "stopped":
        assert tree.left  # its end alone would not have been enough
    stage.processes.end_tree(run=pane.run, pid=None, started=None, grace=SOON)
    assert tree.left == set()


def test_the_tmux_server_and_the_others_live_on(stage: Stage, grow: Grow) -> None:
    pane = grow("setsid").pane
    other = stage.spawn("sleep", "100")
    end_tree(stage, pane, AT_ONCE)
    assert stage.processes.alive(pane.server.pid, pane.server.started)
    assert stage.processes.alive(other.pid, other.started)


def test_a_recycled_pid_is_not_the_root(stage: Stage, grow: Grow) -> None:
    tree = grow("setsid")
    stage.processes.end_tree(run=uuid4(), pid=tree.pane.pid, started="another", grace=AT_ONCE)
    assert tree.left == tree.pids | {tree.pane.pid}


def test_politeness_comes_first(processes: SystemProcesses, start: Start, tmp_path: Path) -> None:
    note = tmp_path / "note"
    process = start("sh", "-c", f'trap "echo bye > {note}; exit 0" TERM; echo up; while :; do sleep 0.05; done')
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    begun = time.monotonic()
    started = started_of(processes, process.pid)
    processes.end_tree(run=uuid4(), pid=process.pid, started=started, grace=LONG)
    assert note.read_text() == "bye\n"
    assert time.monotonic() - begun < 10


def test_a_stopped_process_hears_the_term(processes: SystemProcesses, start: Start) -> None:
    process = start("sleep", "100")
    started = started_of(processes, process.pid)
    process.send_signal(signal.SIGSTOP)
    until(lambda: state(process.pid) == "T", what="its stop")
    begun = time.monotonic()
    processes.end_tree(run=uuid4(), pid=process.pid, started=started, grace=LONG)
    assert process.wait(10) == -signal.SIGTERM
    assert time.monotonic() - begun < 10


def test_what_is_born_while_it_ends_is_ended_too(processes: SystemProcesses, start: Start) -> None:
    run = uuid4()
    script = 'trap "setsid sleep 300 & exit" TERM; echo up; while :; do sleep 0.05; done'
    process = start("sh", "-c", script, env={"GENIE_RUN_ID": str(run)})
    assert process.stdout is not None
    process.stdout.readline()
    started = started_of(processes, process.pid)
    processes.end_tree(run=run, pid=process.pid, started=started, grace=LONG)
    assert carriers(run) == set()


def test_what_is_born_without_a_trace_while_it_ends_is_ended_too(processes: SystemProcesses, start: Start) -> None:
    """Neither a parent nor an environment tells: only the session, whose leader has gone."""
    script = 'trap "env -i sleep 300 & echo \\$!; exit" TERM; echo up; while :; do sleep 0.05; done'
    process = start("sh", "-c", script)
    assert process.stdout is not None
    process.stdout.readline()
    started = started_of(processes, process.pid)
    processes.end_tree(run=uuid4(), pid=process.pid, started=started, grace=LONG)
    assert state(int(process.stdout.readline())) in ("", "Z")


BOMB = """
import os, signal, time
print("up", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    if os.fork():
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        signal.pause()
    os.setsid()
"""
"""Each that has a child dies of its alarm a hundredth of a second later."""


def test_what_forks_all_the_time_is_caught(processes: SystemProcesses, start: Start) -> None:
    run = uuid4()
    process = start(sys.executable, "-c", BOMB, env={"GENIE_RUN_ID": str(run)})
    assert process.stdout is not None
    process.stdout.readline()
    processes.end_tree(run=run, pid=None, started=None, grace=AT_ONCE)
    assert not any(carriers(run) for _ in range(20))


def test_nobody_else_is_touched(processes: SystemProcesses, start: Start) -> None:
    run = uuid4()
    near = [f"{run}0", str(run)[:-1], f"x{run}"]
    others = [start("sleep", "100", env={"GENIE_RUN_ID": value}) for value in near]
    others.append(start("sleep", "100", env={"NOT_GENIE_RUN_ID": str(run)}))
    others.append(start("sh", "-c", "sleep 100; :", f"GENIE_RUN_ID={run}"))
    mine = start("sleep", "100", env={"GENIE_RUN_ID": str(run)})
    processes.end_tree(run=run, pid=None, started=None, grace=AT_ONCE)
    assert mine.wait(10) == -signal.SIGKILL
    assert [other.poll() for other in others] == [None] * len(others)


def test_this_process_and_those_above_it_are_spared(start: Start) -> None:
    run = uuid4()
    script = (
        "import os; from datetime import timedelta; from uuid import UUID\n"
        "from genie.adapters.processes import SystemProcesses\n"
        f"SystemProcesses().end_tree(run=UUID('{run}'), pid=None, started=None, grace=timedelta(0))\n"
        "print('alive')"
    )
    shell = '"$1" -c "$2"; echo "shell too"'
    process = start("sh", "-c", shell, "x", sys.executable, script, env={"GENIE_RUN_ID": str(run)})
    output, _ = process.communicate(timeout=60)
    assert output == b"alive\nshell too\n"


def test_what_is_spared_is_spared_with_all_below_it(start: Start) -> None:
    run = uuid4()
    kept = start(
        "sh", "-c", "env -u GENIE_RUN_ID sh -c 'echo $$; exec sleep 100' & wait", env={"GENIE_RUN_ID": str(run)}
    )
    assert kept.stdout is not None
    below = int(kept.stdout.readline())
    SystemProcesses(spared=lambda: {kept.pid}).end_tree(run=run, pid=None, started=None, grace=AT_ONCE)
    assert kept.poll() is None
    assert state(below) != ""
    os.kill(below, signal.SIGKILL)


def test_survivors_are_told_by_their_pids(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    run = uuid4()
    process = start("sleep", "100", env={"GENIE_RUN_ID": str(run)})
    # Nothing outlives SIGKILL in a test: the kernel is made to deliver nothing.
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda descriptor, number: None)
    processes = SystemProcesses(kill_within=0.2)
    with pytest.raises(Survivors, match=str(process.pid)) as caught:
        processes.end_tree(run=run, pid=None, started=None, grace=AT_ONCE)
    assert caught.value.details["pids"] == [process.pid]


def test_an_end_of_nothing_is_quick(processes: SystemProcesses) -> None:
    begun = time.monotonic()
    processes.end_tree(run=uuid4(), pid=None, started=None, grace=LONG)
    assert time.monotonic() - begun < 5


def test_a_closed_pane_alone_would_not_have_been_enough(stage: Stage, grow: Grow) -> None:
    tree = grow("nohup", "setsid", "double fork", "ignores HUP")
    stage.terminal.close(tree.pane)
    until(lambda: stage.processes.started(tree.pane.pid) is None, what="the end of the root")
    assert len(tree.left) >= 4
    end_tree(stage, tree.pane, AT_ONCE)
    assert tree.left == set()
