"""The daemon makes searchable what is said, a moment after it."""

from __future__ import annotations

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from genie.domain.errors import GenieError
from genie.services.search import shelve
from genie.services.world import World

log = structlog.get_logger("genie.librarian")

EVERY = 10.0
"""Seconds. A search does what is still to be done by then: this keeps it short."""


class Librarian:
    """Its job never ends the scheduler, whatever happens. A trouble that lasts is told once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._trouble = ""

    def schedule(self, scheduler: BackgroundScheduler) -> None:
        scheduler.add_job(self.work, IntervalTrigger(seconds=EVERY), id="shelve")

    def work(self) -> None:
        try:
            shelve(self._world)
            self._trouble = ""
        except GenieError as error:
            if error.message != self._trouble:
                log.warning("shelving_failed", error=error.message)
            self._trouble = error.message
        except Exception:
            log.exception("shelving_failed")
