"""What the tests of spawn trees share: agents that run what they are told in their panes, and a look at /proc."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from tests.fixtures.daemon import FAKES, Genie, environ
from tests.fixtures.tmux import until

Row = dict[str, Any]
SLEEP = ("--", "sleep", "1000")


@dataclass(frozen=True)
class Done:
    """What a command inside a pane came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401  JSON
        return json.loads(self.out)

    @property
    def error(self) -> Row:
        """What it was refused with. Fails where it was not."""
        assert self.code != 0, self.out
        error: Row = self.json["error"]
        return error


class Inside:
    """The pane of an agent that runs a puppet."""

    def __init__(self, genie: Genie, name: str) -> None:
        self.genie, self.name = genie, name
        self.path = genie.directory / f"{name}.puppet"

    @property
    def command(self) -> tuple[str, ...]:
        """What the agent is spawned with."""
        return ("--", sys.executable, str(FAKES / "puppet.py"), str(self.path))

    def run(self, *argv: str) -> Done:
        """Run a command there, as a child of the agent's process."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            until(lambda: self._connected(connection), what=f"the puppet of {self.name}")
            connection.sendall(json.dumps({"argv": argv}).encode() + b"\n")
            said = json.loads(connection.makefile("rb").readline())
        return Done(said["code"], said["out"], said["err"])

    def spawn(self, name: str, *words: str, by: Sequence[str] = ()) -> Row:
        """A child that sleeps, or is what `words` say. Fails when that is refused."""
        done = self.try_spawn(name, *words, by=by)
        assert done.code == 0, f"exit {done.code}: {done.err}{done.out}"
        row: Row = done.json
        return row

    def try_spawn(self, name: str, *words: str, by: Sequence[str] = ()) -> Done:
        """The same with `by` before the command, such as `env -u NAME`."""
        words = words if "--" in words else (*words, *SLEEP)
        return self.run(*by, "genie", "spawn", "--json", name, *words)

    def _connected(self, connection: socket.socket) -> bool:
        with suppress(OSError):
            connection.connect(str(self.path))
            return True
        return False


def root(genie: Genie, name: str = "a", *words: str) -> Inside:
    """An agent that nobody spawned, and its pane."""
    inside = Inside(genie, name)
    genie("spawn", name, *words, *inside.command)
    return inside


def child(above: Inside, name: str, *words: str) -> Inside:
    """A child that runs a puppet, too."""
    inside = Inside(above.genie, name)
    above.spawn(name, *words, *inside.command)
    return inside


def line(genie: Genie, *words: str, names: str = "abcd") -> list[Inside]:
    """A root with a child, with a child …; `words` are for the root."""
    made = [root(genie, names[0], *words)]
    for name in names[1:]:
        made.append(child(made[-1], name))
    return made


def rows(genie: Genie) -> dict[str, Row]:
    """All agents, the terminated ones, too, by name."""
    return {row["name"]: row for row in genie.rows()}


def states(genie: Genie, names: str = "abcd") -> list[str]:
    found = rows(genie)
    return [found[name]["state"] for name in names]


def until_states(genie: Genie, wanted: Sequence[str], names: str = "abcd", *, within: float = 30) -> None:
    until(lambda: states(genie, names) == list(wanted), within=within, what=f"{names} {wanted}")


def env_of(pid: int) -> dict[str, str]:
    """The environment of an agent's process, once its runner has become it; undecodable bytes escaped."""
    until(lambda: b"GENIE_RUN_ID=" in b"\0".join(environ(pid)), what=f"the agent's own environment in process {pid}")
    words = (word.decode(errors="surrogateescape").partition("=") for word in environ(pid) if word)
    return {key: value for key, _, value in words}


def token_of(genie: Genie, name: str) -> str:
    """That of its present run, out of its process."""
    return env_of(genie.agent(name)["pid"])["GENIE_AGENT_TOKEN"]


def of_run(run: str) -> set[int]:
    """Every process whose environment carries that run's id."""
    mark, found = f"GENIE_RUN_ID={run}".encode(), set()
    for pid in psutil.pids():
        with suppress(psutil.Error, OSError):
            if mark in environ(pid):
                found.add(pid)
    return found


def events(genie: Genie, name: str, kind: str) -> list[Row]:
    """Its events of that kind, oldest first."""
    return [event for event in genie.json("history", name) if event["kind"] == f"agent.{kind}"]


def at(iso: str) -> datetime:
    return datetime.fromisoformat(iso)


# ---- escape artists -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Artist:
    """One of a tree that tries to get away: what it does, and which process it is."""

    art: str
    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process is there, and no zombie."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return False
        return fields[19] == self.started and fields[0] not in "ZX"


def artists(file: Path, count: int = 8) -> list[Artist]:
    """All of them, the one that started the others included, once they are there."""

    def lines() -> list[str]:
        return file.read_text().splitlines() if file.exists() else []

    until(lambda: len(lines()) == count, within=20, what=f"{count} processes")
    found = [Artist(art, int(pid), started) for art, pid, started in (text.split() for text in lines())]
    assert all(artist.alive for artist in found)
    return found
