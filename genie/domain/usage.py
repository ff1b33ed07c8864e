"""What the processes of a run use, and the samples that are kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the processes of one run use together: CPU time since their start in seconds, resident memory in bytes
    (what they share counts for each), how many they are."""

    cpu_seconds: float
    rss: int
    processes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The use of a run over the time before `at`: CPU in percent of one core, resident bytes, processes."""

    run: UUID
    at: datetime
    cpu: float
    rss: int
    processes: int


EVERY = timedelta(seconds=5)
"""How often a sample is taken."""


def sample(run: UUID, now: Usage, before: Usage | None, *, at: datetime, span: timedelta) -> Sample:
    """The sample between two looks, `span` apart. Processes that ended between them take their CPU time with them:
    it never counts as less than nothing."""
    used = max(now.cpu_seconds - before.cpu_seconds, 0.0) if before else 0.0
    seconds = span.total_seconds()
    cpu = 100.0 * used / seconds if seconds > 0 else 0.0
    return Sample(run=run, at=at, cpu=cpu, rss=now.rss, processes=now.processes)
