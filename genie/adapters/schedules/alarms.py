"""Alarms that outlive the daemon: APScheduler over a job store that does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.background import BackgroundScheduler

from genie.adapters.schedules.calendar import trigger_of
from genie.domain.errors import GenieError
from genie.domain.schedule import Schedule

log = structlog.get_logger("genie.alarms")

AGAIN = 2.0
"""Seconds until a store that did not answer is asked again."""
RING = f"{__name__}:ring"
"""What a stored job calls, by its name: it outlives the process that has stored it."""

_listeners: dict[str, Callable[[UUID], None]] = {}


def ring(prefix: str, schedule: str) -> None:
    """A job is due: tell the daemon's own listener, which decides what to do."""
    listener = _listeners.get(prefix)
    if listener:
        listener(UUID(schedule))


class Store(Protocol):
    """A job store whose jobs' ids begin with `prefix`."""

    prefix: str


class _Unbroken(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """APScheduler's loop ends at the first error of a store when it writes; this one asks again."""

    def _process_jobs(self) -> float | None:
        try:
            wait: float | None = super()._process_jobs()
        except (GenieError, JobLookupError) as error:
            log.warning("alarms_not_read", error=str(error))
            return AGAIN
        except Exception:
            log.exception("alarms_failed")
            return AGAIN
        return wait


class StoredAlarms:
    """Implements `genie.ports.Alarms`."""

    def __init__(self, store: BaseJobStore, prefix: str) -> None:
        self._prefix = prefix
        self._scheduler = _Unbroken(
            timezone="UTC",
            jobstores={"default": store},
            executors={"default": ThreadPoolExecutor(1)},
            jobstore_retry_interval=AGAIN,
            job_defaults={"coalesce": True, "max_instances": 1000, "misfire_grace_time": None},
        )

    def start(self, ring: Callable[[UUID], None]) -> None:
        _listeners[self._prefix] = ring
        self._scheduler.start()

    def stop(self) -> None:
        _listeners.pop(self._prefix, None)
        with suppress(SchedulerNotRunningError):
            self._scheduler.shutdown(wait=False)

    def set(self, schedule: Schedule, first: datetime | None) -> None:
        if first is None:
            self.clear(schedule.id)
            return
        self._scheduler.add_job(
            RING,
            trigger_of(schedule.trigger, schedule.timezone),
            args=(self._prefix, str(schedule.id)),
            id=self._id(schedule.id),
            name=schedule.name,
            next_run_time=first,
            replace_existing=True,
        )

    def clear(self, schedule: UUID) -> None:
        with suppress(JobLookupError):
            self._scheduler.remove_job(self._id(schedule))

    def known(self) -> frozenset[UUID]:
        jobs: list[Job] = self._scheduler.get_jobs()
        return frozenset(UUID(job.id.removeprefix(self._prefix)) for job in jobs)

    def _id(self, schedule: UUID) -> str:
        return f"{self._prefix}{schedule}"
