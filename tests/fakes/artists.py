"""Seven processes that try to outlive the one that started them.

    artists.py FILE

Each writes its art, pid and start time to FILE; then all wait for ever. Standard library only.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def note(art: str, pid: int) -> None:
    with open(sys.argv[1], "a") as file:  # noqa: PTH123
        file.write(f"{art} {pid} {start_time(pid)}\n")


def wait(art: str) -> None:
    note(art, os.getpid())
    while True:
        signal.pause()


def ignoring(number: signal.Signals) -> Callable[[], None]:
    def work() -> None:
        signal.signal(number, signal.SIG_IGN)

    return work


def forked_again() -> None:
    if os.fork():
        os._exit(0)


def detached() -> None:
    os.setsid()
    forked_again()
    os.close(0)


ARTS: dict[str, Callable[[], object]] = {
    "setsid": os.setsid,
    "double-fork": forked_again,
    "ignores-hup": ignoring(signal.SIGHUP),
    "ignores-term": ignoring(signal.SIGTERM),
    "daemon": detached,
}
WAIT = ("-c", "import signal; signal.pause()")


def perform(art: str, prepare: Callable[[], object]) -> None:
    if os.fork() == 0:
        prepare()
        wait(art)


def main() -> None:
    nohup = subprocess.Popen(["nohup", sys.executable, *WAIT], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    note("nohup", nohup.pid)
    still = subprocess.Popen([sys.executable, *WAIT])
    os.kill(still.pid, signal.SIGSTOP)
    note("stopped", still.pid)
    for art, prepare in ARTS.items():
        perform(art, prepare)
    wait("main")


if __name__ == "__main__":
    main()
