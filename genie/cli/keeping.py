"""Runs one command for `genie watch`, and lets nothing of it outlive that.

    python -I -S keeping.py

Standard library only, and nothing of genie: it is started for each match. Its stdin is a line of JSON, {"argv": words,
"mark": {"path", "text"} or null}, and stays open as long as the watch lives. The mark is written before the command
begins: a watch that is killed at any instant, and started again, begins each command once. The command gets a process
group of its own; what it leaves there is ended with it, and all of it with the watch. Exit codes: the command's, or
128 + the number of its signal; 126 it cannot be executed, 127 it is not there.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
PAUSE = 0.02
NOT_EXECUTABLE, NOT_FOUND = 126, 127


def main() -> int:
    """Run what stdin tells; its exit code."""
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        return 0  # the watch was gone before it had said all
    order = json.loads(line)
    heard, told = os.pipe()
    for end in (heard, told):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(told)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if order["mark"]:
        write(order["mark"]["path"], order["mark"]["text"])
    argv = [word.encode("utf-8", "surrogateescape") for word in order["argv"]]
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 — what the user asked for
    except OSError as error:
        sys.stderr.write(f"genie: {order['argv'][0]}: {error.strerror}\n")
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
    if not ended(child, heard):
        end_group(child.pid)
        wait(child, GRACE)
    end_group(child.pid)
    code = child.wait()
    if not emptied(child.pid, GRACE):
        end_group(child.pid, signal.SIGKILL)
    return 128 - code if code < 0 else code


def write(path: str, text: str) -> None:
    """The whole file or nothing of it."""
    new = f"{path}.new"
    with open(new, "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib doubles the start-up time
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)  # noqa: PTH105


def ended(child: "subprocess.Popen[bytes]", heard: int) -> bool:
    """Wait until the command has ended, or the watch has: whether it was the command. It is not reaped: as long as it
    is there nobody else gets its number."""
    while not gone(child.pid):
        ready, _, _ = select.select([0, heard], [], [])
        if heard in ready:
            os.read(heard, 4096)
        elif not os.read(0, 4096):
            return False
    return True


def gone(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Until it has ended; it is killed after that time."""
    end = time.monotonic() + seconds
    while not gone(child.pid) and time.monotonic() < end:
        time.sleep(PAUSE)
    if not gone(child.pid):
        end_group(child.pid, signal.SIGKILL)


def emptied(group: int, seconds: float) -> bool:
    """Whether nobody is left in that group by then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return True
        time.sleep(PAUSE)
    return False


def end_group(group: int, number: int = signal.SIGTERM) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


if __name__ == "__main__":
    raise SystemExit(main())
