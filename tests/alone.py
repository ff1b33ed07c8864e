"""Run a command as its own reaper, and fail when it leaves a process behind.

    python tests/alone.py pytest -n 4

Whatever the tests start and orphan becomes a child of this process (on Linux), which takes in its end:
no zombies pile up where the host's first process does not. What is still alive at the end is named,
ended, and makes the run fail.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time

import psutil

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 10.0


def main(command: list[str]) -> int:
    """The command's exit code, or 1 when it left something behind."""
    adopting = sys.platform == "linux" and ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    started = subprocess.Popen(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: started.send_signal(number))
    code = _reap_until(started.pid)
    left = _left_behind() if adopting else []
    for process in left:
        print(f"left behind: {process}", file=sys.stderr)  # noqa: T201
    return code or (1 if left else 0)


def _reap_until(main_pid: int) -> int:
    """Take in the end of every child until that one ends; its exit code."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == main_pid:
            return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def _left_behind() -> list[str]:
    """What is alive below this process after a while; it is ended."""
    deadline = time.monotonic() + PATIENCE
    while (alive := _children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [f"{process.pid} {' '.join(process.cmdline())[:200]}" for process in alive]
    for process in alive:
        process.kill()
    return left


def _children() -> list[psutil.Process]:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return []
    return psutil.Process().children(recursive=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
