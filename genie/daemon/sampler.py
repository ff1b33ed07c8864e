"""The daemon's look at what its runs use: one every few seconds, rolled up every minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from genie.domain import usage
from genie.domain.errors import GenieError
from genie.services.sampling import Looked, take_samples
from genie.services.world import World

log = structlog.get_logger("genie.sampler")

ROLL_UP = timedelta(minutes=1)


class Sampler:
    """Its jobs never end the scheduler, whatever happens. A trouble that lasts is told once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._looked: Looked | None = None
        self._troubles: dict[str, str] = {}

    def schedule(self, scheduler: BackgroundScheduler) -> None:
        every = IntervalTrigger(seconds=usage.EVERY.total_seconds())
        scheduler.add_job(self.look, every, id="samples")
        scheduler.add_job(self.roll_up, IntervalTrigger(seconds=ROLL_UP.total_seconds()), id="roll-up")

    def look(self) -> None:
        self._do("sampling_failed", self._take)

    def roll_up(self) -> None:
        self._do("roll_up_failed", lambda: self._world.registry.roll_up(self._world.clock.now()))

    def _take(self) -> None:
        self._looked = take_samples(self._world, self._looked)

    def _do(self, trouble: str, work: Callable[[], None]) -> None:
        try:
            work()
            self._troubles.pop(trouble, None)
        except GenieError as error:
            if self._troubles.get(trouble) != error.message:
                log.warning(trouble, error=error.message)
            self._troubles[trouble] = error.message
        except Exception:
            log.exception(trouble)
