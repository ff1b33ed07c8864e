"""Samples for the tests of what runs use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from genie.domain.usage import Sample

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=20)


def sample(run: UUID, at: datetime, cpu: float = 1.0, rss: int = 100, processes: int = 1) -> Sample:
    return Sample(run=run, at=at, cpu=cpu, rss=rss, processes=processes)


def looks(run: UUID, *, minutes: float, start: datetime = NOON, every: float = 5.0) -> list[Sample]:
    """One each `every` seconds, each of another use."""
    count = int(minutes * 60 / every)
    return [
        sample(
            run, start + timedelta(seconds=every * n), cpu=n % 97 * 1.5, rss=1000 + 7 * (n % 41), processes=1 + n % 5
        )
        for n in range(count)
    ]
