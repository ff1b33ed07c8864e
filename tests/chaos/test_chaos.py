"""Seeded random faults, and the invariants of docs/lifecycle.md after each.

Faults: SIGKILL of agents, of the daemon, of the tmux server and of PostgreSQL's postmaster; stopped
processes; a log that cannot be written. Between them the commands of a user. `CHAOS_SEEDS=50` and
`CHAOS_STEPS=40` make it longer: `make chaos`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from genie.adapters.postgres.embedded import Embedded, remove
from tests.fixtures.daemon import Genie, belonging, environment
from tests.fixtures.postgres import place
from tests.fixtures.tmux import Tmuxes, until

SEEDS = range(1, int(os.environ.get("CHAOS_SEEDS", "1")) + 1)
STEPS = int(os.environ.get("CHAOS_STEPS", "7"))
NAMES = ("ada", "bob", "cleo", "dan")
UNREACHABLE = 7


@pytest.fixture
def genie(tmux_directory: Path, tmux_server: Tmuxes) -> Iterator[Genie]:
    """A genie on an embedded PostgreSQL of its own, whose agents may die often."""
    data = place()
    env = environment(tmux_directory, tmux_server, "") | {
        "GENIE_POSTGRES_DIR": str(data),
        "GENIE_RESUME__MAX_ATTEMPTS": "1000",
        "GENIE_RESUME__COOLDOWN": "50ms",
    }
    del env["GENIE_DATABASE_URL"]
    for name in ("user", "project"):
        (tmux_directory / name).mkdir()
    made = Genie(tmux_directory, tmux_server, env)
    yield made
    made.end()
    Embedded(data, home=made.home).stop()
    remove(data)


class Chaos:
    """The test's own idea of what should be, beside what is."""

    def __init__(self, genie: Genie, seed: int) -> None:
        self.genie = genie
        self.chance = random.Random(seed)
        self.wanted: dict[str, str] = {}
        self.sessions: dict[str, str] = {}
        self.told: list[str] = []

    # ---- what a user does ----

    def spawn(self) -> None:
        name = self.chance.choice(NAMES)
        made = self.genie.json("spawn", name, "--role", "engineer", "--team", "team", "--prompt", f"I am {name}")
        if made["decision"] == "resume":
            assert made["session_id"] == self.sessions[made["name"]], "a resume changed the session"
        self.wanted[made["name"]] = "running"
        self.sessions[made["name"]] = made["session_id"]

    def stop(self) -> None:
        if name := self._one("running"):
            self.genie("stop", name)
            self.wanted[name] = "suspended"

    def resume(self) -> None:
        if name := self._one("suspended"):
            self.genie("resume", name)
            self.wanted[name] = "running"

    def kill(self) -> None:
        if len(self.wanted) > 3 and (name := self._one("running")):
            self.genie("kill", name)
            del self.wanted[name], self.sessions[name]

    # ---- what happens ----

    def crash_agent(self) -> None:
        if name := self._one("running"):
            pid = self.genie.agent(name)["pid"]
            if pid:
                os.kill(pid, signal.SIGKILL)

    def crash_daemon(self) -> None:
        if self.genie.daemon_pid():
            self.genie.kill_daemon()

    def crash_daemon_and_agent(self) -> None:
        self.crash_agent()
        self.crash_daemon()

    def crash_tmux(self) -> None:
        self.genie.tmux.end()

    def crash_postgres(self) -> None:
        embedded = Embedded(Path(self.genie.env["GENIE_POSTGRES_DIR"]), home=self.genie.home)
        pid = embedded.pid
        if pid:
            os.kill(pid, signal.SIGKILL)

    def freeze_tmux(self) -> None:
        done = self.genie.tmux.call("display-message", "-p", "#{pid}")
        if done.returncode == 0 and done.stdout.strip():
            self._freeze(int(done.stdout), 1.0)

    def freeze_agent(self) -> None:
        if (name := self._one("running")) and (pid := self.genie.agent(name)["pid"]):
            self._freeze(pid, 0.7)

    def fill_the_log(self) -> None:
        """The log's disk is full from the next start on."""
        log = self.genie.home / "logs" / "daemon.log"
        log.unlink(missing_ok=True)
        log.symlink_to("/dev/full")
        self.crash_daemon()

    def _freeze(self, pid: int, seconds: float) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            threading.Event().wait(seconds)
            os.kill(pid, signal.SIGCONT)

    def _one(self, state: str) -> str | None:
        names = sorted(name for name, wanted in self.wanted.items() if wanted == state)
        return self.chance.choice(names) if names else None

    # ---- the invariants ----

    def check(self) -> None:
        """What is seen may be a death that nobody has noticed yet: all of it is looked at anew until it fits."""
        amiss = "nothing was looked at"

        def fits() -> bool:
            nonlocal amiss
            amiss = self._amiss()
            return not amiss

        with suppress(AssertionError):
            until(fits, within=60)
        assert not amiss, f"after {self.told[-4:]}: {amiss}"

    def _amiss(self) -> str:
        """What is not as it should be, the first of it."""
        done = self.genie.run("ls", "--json")
        if done.returncode == UNREACHABLE:
            return done.stderr
        assert done.returncode == 0, done.stderr
        rows: dict[str, dict[str, Any]] = {row["name"]: row for row in json.loads(done.stdout)}
        states = {name: row["state"] for name, row in rows.items()}
        if states != self.wanted:
            return f"states {states}, not {self.wanted}"
        sessions = {name: row["session_id"] for name, row in rows.items()}
        if sessions != self.sessions:
            return f"sessions {sessions}, not {self.sessions}"
        running = [row for row in rows.values() if row["state"] == "running"]
        processes, alive = {row["pid"] for row in running}, self._mains()
        if alive != processes:
            return f"processes {alive}, not {processes}"
        owned, panes = {(row["pane"], row["run_id"]) for row in running}, self.genie.panes()
        if {(pane, run) for pane, run, _ in panes} != owned:
            return f"panes {panes}, not {owned}"
        launches = list((self.genie.home / "launch").glob("*.json"))
        return f"launches {launches}" if launches else ""

    def _mains(self) -> set[int]:
        """Processes of agents that are not another one's children."""
        mine = {process.pid: process for process in belonging(self.genie.home)}
        tops = set()
        for pid, process in mine.items():
            with suppress(psutil.NoSuchProcess):
                if process.ppid() not in mine:
                    tops.add(pid)
        return tops

    def step(self) -> None:
        deeds: list[Callable[[], None]] = [
            self.spawn, self.spawn, self.stop, self.resume, self.kill, self.crash_agent, self.crash_agent,
            self.crash_daemon, self.crash_daemon_and_agent, self.crash_tmux, self.crash_postgres,
            self.freeze_tmux, self.freeze_agent, self.fill_the_log,
        ]  # fmt: skip
        deed = self.chance.choice(deeds)
        self.told.append(deed.__name__)
        deed()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_everything_is_as_wanted_after_every_fault(genie: Genie, seed: int) -> None:
    chaos = Chaos(genie, seed)
    genie("team", "create", "team")
    chaos.spawn()
    chaos.spawn()
    for _ in range(STEPS):
        chaos.step()
        chaos.check()
