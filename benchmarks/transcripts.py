"""What programs write of their conversations, into events: how many lines a second, and how soon a line is at its
followers; and what it costs to listen to sessions that say nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from benchmarks.figures import Figure, Sample, main
from benchmarks.following import following
from benchmarks.harness import TEAM, Meter, Own, own, until
from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.recordings import FileRecordings
from genie.adapters.records import Listener
from genie.adapters.transcripts import read
from genie.domain.tape import Tape

LINES = 100_000
APPENDED = 200
PAUSE = 0.005
"""Seconds between two lines: a program that says something says more."""
FOLLOWERS = (1, 10, 100)
SESSIONS = 50
IDLE = 10.0
LIMIT = 20.0


def measure() -> list[Figure]:
    with _claude() as genie:
        registry = PostgresRegistry(genie.dsn(), 2)
        try:
            figures = _taken_in(genie, registry)
            path = _transcript(genie, "listened")
            before = registry.last_event()
            _append(path, _line("begun"))
            until(lambda: registry.last_event() > before)
            figures += [_followed(genie, path, count) for count in FOLLOWERS]
            figures.append(_idle(genie))
        finally:
            registry.close()
    return figures


# ---- a program that says nothing by itself --------------------------------------------------


@contextmanager
def _claude() -> Iterator[Own]:
    """A genie whose claude only sleeps: what stands in its transcripts is written here."""
    with own(started=False) as genie:
        program = genie.directory / "claude"
        program.write_text("#!/bin/sh\nexec sleep 100000\n")
        program.chmod(0o700)
        os.environ |= {"GENIE_CLAUDE__BINARY": str(program), "CLAUDE_CONFIG_DIR": str(genie.directory / "config")}
        os.environ["GENIE_MAX_RUNNING"] = "1000"
        genie.launch()
        genie.genie.create_team(TEAM)
        yield genie


def _transcript(genie: Own, name: str) -> Path:
    """Where the transcript of a new agent belongs; it is not there yet."""
    row = genie.genie.spawn(name, provider="claude", role="engineer", team=TEAM, cwd="/", env=dict(os.environ))
    folder = genie.directory / "config" / "projects" / "-"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{row['session_id']}.jsonl"


def _line(text: str) -> bytes:
    content = [{"type": "text", "text": text}]
    record = {
        "type": "assistant",
        "message": {"id": str(uuid4()), "role": "assistant", "model": "fake", "content": content},
        "uuid": str(uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "cwd": "/",
        "version": "2.1.328",
        "isSidechain": False,
    }
    return json.dumps(record).encode() + b"\n"


def _append(path: Path, content: bytes) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(content)


# ---- how much -------------------------------------------------------------------------------


def _taken_in(genie: Own, registry: PostgresRegistry) -> list[Figure]:
    """From the first event to the last, as the daemon finds a whole file; beside, reading and understanding alone."""
    path = _transcript(genie, "large")
    whole = genie.directory / "large.jsonl"
    with whole.open("wb") as file:
        file.writelines(_line(f"{number}: {'word ' * 20}") for number in range(LINES))
    parsed = _parsed(genie, whole)
    before, meter = registry.last_event(), Meter(genie)
    whole.rename(path)
    until(lambda: registry.last_event() > before, pause=0.01)
    began = time.perf_counter()
    until(lambda: registry.last_event() >= before + LINES, within=600, pause=0.05)
    took, used = time.perf_counter() - began, meter.used()
    size = path.stat().st_size / 2**20
    cpu = ", ".join(f"{name} {used[name] / 1000:.1f} s" for name in ("daemon", "PostgreSQL"))
    what = f"transcript of {LINES:,} lines ({size:.0f} MiB) → events"
    rate = f"{LINES / took:,.0f} lines/s ({took:.1f} s; CPU: {cpu})"
    return [Figure(what, rate, f"reading and understanding alone: {LINES / parsed:,.0f} lines/s", took / parsed)]


def _parsed(genie: Own, path: Path) -> float:
    """Seconds."""
    recordings = FileRecordings(home=genie.home, read=read, listen=Listener, now=lambda: datetime.now(UTC))
    tape, more, began = Tape(session=uuid4(), provider="claude", path=str(path), form="transcript"), True, time.time()
    while more:
        heard = recordings.hear(tape)
        tape, more = heard.tape, heard.more
    return time.time() - began


# ---- how soon -------------------------------------------------------------------------------


def _followed(genie: Own, path: Path, followers: int) -> Figure:
    """Every follower's every line is one value, from the moment before it is written."""
    took: list[float] = []
    with following(genie.home, followers) as crowd:
        for number in range(APPENDED + 1):
            text = f"{followers}-{number}"
            written = time.perf_counter()
            _append(path, _line(text))
            came = crowd.arrivals(f'"text":"{text}"')
            took += [(moment - written) * 1000 for moment in came] if number else []
            time.sleep(PAUSE)
    sample = Sample(took)
    what = f"line written → line at {followers} follower{'s' if followers > 1 else ''}"
    return Figure(what, sample.spread(), "", None, f"p99 {LIMIT:.0f} ms", sample.at(99) < LIMIT)


# ---- how quietly ----------------------------------------------------------------------------


def _idle(genie: Own) -> Figure:
    """The daemon with so many agents more that are listened to and say nothing, beside plain commands."""
    genie.fill(SESSIONS)
    plain = _cpu(genie)
    for number in range(SESSIONS):
        _append(_transcript(genie, f"quiet{number:02}"), _line("hello"))
    both = _cpu(genie)
    measured = f"{both - plain:.2f} % of a core more"
    return Figure(
        f"CPU of the daemon with {SESSIONS} quiet conversations", measured, f"{SESSIONS} plain commands: {plain:.2f} %"
    )


def _cpu(genie: Own) -> float:
    """Percent of a core, once it is quiet."""
    time.sleep(5)
    meter = Meter(genie)
    time.sleep(IDLE)
    return meter.used()["daemon"] / IDLE / 10


if __name__ == "__main__":
    main(measure)
