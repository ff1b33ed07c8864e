"""A genie of a benchmark's own: home, database, tmux server, daemon; and tmux without genie to compare with."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from genie.adapters.postgres.embedded import Embedded, data_dir, remove
from genie.client import Daemon, Genie, Row
from genie.domain.errors import GenieError
from genie.paths import Home

ROOT = Path(__file__).parents[1]
SLEEP = ("sleep", "100000")
TEAM = "bench"

T = TypeVar("T")


def until(look: Callable[[], T], *, within: float = 60.0, pause: float = 0.001) -> T:
    """What `look` gives, once it is true. Raises TimeoutError after `within` seconds."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within:g} s")
        time.sleep(pause)
    return found


# ---- a program that says when it starts -----------------------------------------------------


@dataclass(frozen=True)
class Stamp:
    """A program for a pane, which notes the time of each of its starts and then sleeps."""

    path: Path

    @property
    def argv(self) -> tuple[str, ...]:
        script = 'date +%s%N >> "$0"; exec sleep 100000'
        return ("sh", "-c", script, str(self.path))

    def starts(self) -> list[int]:
        """Nanoseconds since the epoch."""
        with suppress(FileNotFoundError):
            return [int(line) for line in self.path.read_text().splitlines() if len(line) == 19]
        return []

    def start(self, number: int) -> int:
        """When it was started for the so-manieth time (from 1); waits for it."""
        return until(lambda: self.starts()[number - 1 : number])[0]


def born(pid: int) -> float:
    """When a process was started: seconds on CLOCK_BOOTTIME, in steps of 10 ms, taken in the middle of the step."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return (ticks + 0.5) / os.sysconf("SC_CLK_TCK")


def boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# ---- tmux alone -----------------------------------------------------------------------------


@dataclass(frozen=True)
class PlainTmux:
    """tmux without genie, on a server of its own, with the same size of windows."""

    socket: str

    def __call__(self, *words: str) -> str:
        argv = ["tmux", "-u", "-S", self.socket, *words]
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def start(self) -> None:
        self("new-session", "-d", "-s", "plain", "-x", "200", "-y", "50", *SLEEP)

    def split(self, *argv: str) -> tuple[str, int]:
        """A new pane and the pid of its process."""
        words = ("split-window", "-d", "-P", "-F", "#{pane_id} #{pane_pid}", "-t", "plain:", "-c", "/")
        pane, pid = self(*words, *argv).split()
        return pane, int(pid)

    def end(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self("kill-server")


# ---- genie ----------------------------------------------------------------------------------


@dataclass
class Own:
    """One genie with nothing of the machine's own. Its environment is that of this process."""

    directory: Path
    home: Home
    socket: str
    plain: PlainTmux
    genie: Genie
    process: subprocess.Popen[bytes] | None = None

    # ---- the daemon ----

    def launch(self) -> float:
        """Start the daemon; milliseconds until it is ready."""
        began = time.perf_counter()
        with (self.directory / "daemon.out").open("ab") as out:
            argv = [sys.executable, "-P", "-m", "genie.daemon", "run"]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/")
        until(lambda: self.health() == "ready" or self.process is None or self.process.poll() is not None)
        if self.process.poll() is not None:
            raise RuntimeError(f"the daemon ended: {(self.directory / 'daemon.out').read_text()}")
        return (time.perf_counter() - began) * 1000

    def health(self) -> str | None:
        with suppress(GenieError):
            return str(Daemon(self.home, start=False).request("GET", "/v1/health", timeout=5.0)["state"])
        return None

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def stop(self) -> None:
        """As `genie daemon stop` does: the embedded PostgreSQL goes too, panes stay."""
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def kill(self) -> None:
        """SIGKILL to the daemon."""
        if self.process:
            self.process.kill()
            self.process.wait(timeout=60)
            self.process = None

    # ---- agents ----

    def stamp(self, name: str) -> Stamp:
        return Stamp(self.directory / f"{name}.started")

    def spawn(self, name: str, *argv: str, team: str = TEAM) -> Row:
        return self.genie.spawn(name, command=argv, team=team, cwd="/")

    def fill(self, count: int, *, teams: int = 1, argv: Sequence[str] = SLEEP) -> Sequence[Row]:
        """So many running agents `a000`, `a001` …"""
        for number in range(teams):
            self.genie.create_team(f"{TEAM}{number}")
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(self.spawn, f"a{n:03}", *argv, team=f"{TEAM}{n % teams}") for n in range(count)]
            return [job.result() for job in jobs]

    def running(self) -> Sequence[Row]:
        return self.genie.ls(states=["running"])

    def tmux(self) -> PlainTmux:
        """genie's own server, by hand."""
        return PlainTmux(self.socket)

    def tmux_pid(self) -> int:
        return int(self.tmux()("display-message", "-p", "#{pid}"))

    # ---- the database ----

    def dsn(self) -> str:
        return str(self.genie.database()["dsn"])

    def postgres_pid(self) -> int:
        """The process id of the embedded server."""
        return Embedded(data_dir(self.home)).pid or 0

    def end(self) -> None:
        """Stop everything that was started, and remove everything that was made."""
        with suppress(subprocess.TimeoutExpired):
            self.stop()
        self.kill()
        self._end_other()
        for server in (self.tmux(), self.plain):
            server.end()
        data = data_dir(self.home)
        Embedded(data).stop()
        remove(data)
        shutil.rmtree(self.directory)

    def _end_other(self) -> None:
        """A daemon that tmux's hook has started while there was none."""
        with suppress(OSError, ValueError, psutil.Error):
            other = psutil.Process(int(self.home.daemon_lock.read_text()))
            if other.environ().get("GENIE_HOME") == str(self.home.root):
                other.terminate()
                other.wait(timeout=60)


@contextmanager
def own(*, started: bool = True, **env: str) -> Iterator[Own]:
    """A genie of one's own, its daemon started, for the length of the block. `env` are settings."""
    directory = Path(tempfile.mkdtemp(prefix="gb-", dir="/tmp"))
    home, socket = Home(directory / "home"), str(directory / "s")
    before = dict(os.environ)
    _clean_environment(home, socket, env)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    found = Own(directory, home, socket, PlainTmux(str(directory / "p")), Genie(Daemon(home, start=False)))
    try:
        if started:
            found.launch()
            found.genie.create_team(TEAM)
        yield found
    finally:
        found.end()
        os.environ.clear()
        os.environ.update(before)


def _clean_environment(home: Home, socket: str, extra: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(("GENIE_", "TMUX", "CLAUDE"))]:
        del os.environ[name]
    os.environ.update(extra | {"GENIE_HOME": str(home.root), "GENIE_TMUX_SOCKET": socket, "LANG": "C.UTF-8"})
    os.environ["PYTHONPATH"] = str(ROOT)


# ---- what it costs --------------------------------------------------------------------------


def cpu_ms(*pids: int) -> float:
    """CPU time that these processes have used by now, to the nanosecond, without that of their children."""
    total = 0.0
    for pid in pids:
        with suppress(OSError):
            total += time.clock_gettime(_cpu_clock(pid)) * 1000
    return total


def ended_children_ms(pid: int) -> float:
    """CPU time of the children of a process that have ended, in steps of 10 ms."""
    times = psutil.Process(pid).cpu_times()
    return float(times.children_user + times.children_system) * 1000


class Meter:
    """What a daemon and its neighbours use of the CPU from now on."""

    def __init__(self, genie: Own) -> None:
        self._daemon = genie.pid
        self._others = {"tmux server": [genie.tmux_pid()], "PostgreSQL": family(genie.postgres_pid())}
        self._before = self._read()

    def _read(self) -> dict[str, float]:
        return {
            "daemon": cpu_ms(self._daemon),
            **{name: cpu_ms(*pids) for name, pids in self._others.items()},
            "tmux clients": ended_children_ms(self._daemon),
        }

    def used(self) -> dict[str, float]:
        """Milliseconds of each, since the meter was made."""
        return {name: value - self._before[name] for name, value in self._read().items()}


def _cpu_clock(pid: int) -> int:
    """As clock_getcpuclockid(3) makes it on Linux."""
    return (~pid << 3) | 2


def family(pid: int) -> list[int]:
    """The process and all below it."""
    with suppress(psutil.NoSuchProcess):
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    return []
