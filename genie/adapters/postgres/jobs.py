"""APScheduler's jobs in the registry's database: those of one host, in a table that the migrations make."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.util import utc_timestamp_to_datetime
from sqlalchemy import Engine, func, select

from genie.adapters.postgres.errors import translated

TABLE = "apscheduler_jobs"


class HostJobs(SQLAlchemyJobStore):  # type: ignore[misc]  # APScheduler has no types
    """Every method raises RegistryAway. Ids of jobs begin with `<host>/`: of several daemons on one registry each
    sees its own only, or the first would take a due job away from the others."""

    def __init__(self, engine: Engine, host: str) -> None:
        super().__init__(engine=engine, tablename=TABLE)
        self.prefix = f"{host}/"

    def start(self, scheduler: Any, alias: str) -> None:  # noqa: ANN401  APScheduler has no types
        """The table is there already."""
        self._scheduler, self._alias = scheduler, alias

    def shutdown(self) -> None:
        """The engine is the registry's."""

    def add_job(self, job: Job) -> None:
        with translated():
            super().add_job(job)

    def update_job(self, job: Job) -> None:
        with translated():
            super().update_job(job)

    def remove_job(self, job_id: str) -> None:
        with translated():
            super().remove_job(job_id)

    def lookup_job(self, job_id: str) -> Job | None:
        with translated():
            return super().lookup_job(job_id)

    def get_next_run_time(self) -> datetime | None:
        mine = self._mine()
        with translated(), self.engine.connect() as connection:
            first = connection.execute(select(func.min(self.jobs_t.c.next_run_time)).where(mine)).scalar()
        found: datetime | None = utc_timestamp_to_datetime(first)
        return found

    def _get_jobs(self, *conditions: Any) -> list[Job]:  # noqa: ANN401
        with translated():
            found: list[Job] = super()._get_jobs(self._mine(), *conditions)
        return found

    def _mine(self) -> Any:  # noqa: ANN401
        return self.jobs_t.c.id.startswith(self.prefix, autoescape=True)
