"""Running a command under the attendant, as a pane's runner does, without a pane."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fixtures.tmux import RUNNER, until


def plan(log: Path | str, **changes: object) -> dict[str, object]:
    """The "attend" of a launch file."""
    usual = {
        "log": str(log),
        "form": "ndjson",
        "stdin": None,
        "fifo": None,
        "keep_open": False,
        "markers": None,
        "max_log": 64 << 20,
        "keep_logs": 3,
        "timeout": None,
    }
    assert changes.keys() <= usual.keys()
    return usual | changes


@dataclass
class Session:
    """One attended command."""

    process: subprocess.Popen[bytes]
    log: Path
    fifo: Path
    output: Path

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self) -> int:
        return self.process.wait(30)

    def raw(self) -> bytes:
        """What the terminal has got so far."""
        return self.output.read_bytes()

    def shown(self) -> str:
        return self.raw().decode()

    def shown_so_far(self) -> str:
        return self.raw().decode(errors="replace")

    def say(self, data: bytes) -> None:
        """Write into the FIFO, as somebody who opens it for that."""
        with self.fifo.open("wb", buffering=0) as pipe:
            view = memoryview(data)
            while view:
                view = view[pipe.write(view) :]

    def logs(self) -> list[Path]:
        """All of them, the oldest first."""
        return sorted(self.log.parent.glob("log*"), key=lambda path: path.suffix, reverse=True)

    def records(self, kind: str) -> list[dict[str, Any]]:
        """The attendant's own records of that kind."""
        lines = self.log.read_bytes().split(b"\n")[:-1] if self.log.exists() else []
        found = [json.loads(line) for line in lines if line.startswith(b'{"genie": ')]
        return [record for record in found if record["genie"] == kind]

    def sources(self) -> list[str]:
        """The pipes that the attendant still reads from its provider: all but that of its own signals and the feed."""
        directory = Path(f"/proc/{self.process.pid}/fd")
        targets = [_target(entry) for entry in directory.iterdir()]
        single = {target for target in targets if target.startswith("pipe:") and targets.count(target) == 1}
        return sorted(single)[1:]  # one is the write end of the provider's stdin


def _target(entry: Path) -> str:
    """What an open file of a process is; nothing when it was closed meanwhile."""
    try:
        return str(entry.readlink())
    except OSError:
        return ""


class Sessions:
    """The attended commands of one test, in its directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._started: list[Session] = []
        self._files = 0

    def file(self, data: bytes) -> Path:
        self._files += 1
        path = self.directory / f"file-{self._files}"
        path.write_bytes(data)
        return path

    def start(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        pane: Mapping[str, str] | None = None,
        cwd: str = "/",
        run: str = "a-run",
        fifo: bool = False,
        awaited: bool = True,
        piped: bool = False,
        **changes: object,
    ) -> Session:
        """Run it. `pane` is the environment of the runner; with `fifo` it is waited for."""
        count = len(self._started)
        log = Path(str(changes.pop("log", self.directory / "log")))
        session_fifo, output = self.directory / "fifo", self.directory / f"shown-{count}"
        attend = plan(log, **changes, fifo=str(session_fifo) if fifo else None)
        launch = {"argv": list(argv), "env": dict(env or {"PATH": os.environ["PATH"]}), "cwd": cwd, "attend": attend}
        path = self.directory / f"launch-{count}.json"
        path.write_text(json.dumps(launch), encoding="ascii")
        words = [sys.executable, "-I", "-S", str(RUNNER), run, str(path)]
        with output.open("wb") as shown:
            out = subprocess.PIPE if piped else shown
            error = subprocess.STDOUT
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=error, env=dict(pane or {}))
        session = Session(process, log, session_fifo, output)
        self._started.append(session)
        if fifo and awaited:
            until(session_fifo.exists, what="the FIFO")
        return session

    def kill(self, pid: int) -> None:
        """End a process that a command has left behind."""
        os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        for session in self._started:
            if session.running:
                session.process.kill()
                session.wait()
            if session.process.stdout:
                session.process.stdout.close()
