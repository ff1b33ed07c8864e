"""Processes for tests: started in sessions of their own, looked at without the code under test."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from genie.adapters.processes import SystemProcesses
from tests.fixtures.tmux import until

SOON = timedelta(milliseconds=300)
AT_ONCE = timedelta(0)
LONG = timedelta(seconds=20)

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def processes() -> SystemProcesses:
    return SystemProcesses()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a program in a session of its own; ended and reaped after the test."""
    with ExitStack() as stack:

        def begin(*argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
            full = {**os.environ, **(env or {})}
            process = subprocess.Popen(
                argv, env=full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
            )
            stack.enter_context(process)
            stack.callback(end_group, process)
            # In the middle of its exec the kernel shows no environment yet.
            until(lambda: state(process.pid) == "Z" or environ(process.pid) != b"", what="its exec")
            return process

        yield begin


def environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def end_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


def state(pid: int) -> str:
    """The state's letter; empty for no process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def carriers(run: UUID) -> set[int]:
    """Every living process that carries the run id, found without the code under test."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"GENIE_RUN_ID={run}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def left_of(pids: Iterable[int], run: UUID) -> set[int]:
    """Those that still live, and all that carry the run's id."""
    return {pid for pid in pids if state(pid) not in ("", "Z")} | carriers(run)


def end_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def started_of(processes: SystemProcesses, pid: int) -> str:
    started = processes.started(pid)
    assert started is not None
    return started


def comm(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().strip()
    except (FileNotFoundError, ProcessLookupError):
        return b""
