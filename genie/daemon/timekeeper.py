"""Starts what schedules have due: the alarms say when to look, the use cases what to do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Thread
from uuid import UUID

import structlog

from genie import bootstrap
from genie.domain.errors import GenieError, RegistryAway, Unreachable
from genie.domain.schedule import Fire, FireKey, What
from genie.ports import Alarms
from genie.services.firing import claim_due, give_up, keep_ringing, look_over, start_fire
from genie.services.run import rehearse_run, run
from genie.services.schedules import by_hand, run_now
from genie.services.spawn import rehearse, spawn
from genie.services.timetable import Starter, Timetable
from genie.services.world import World

log = structlog.get_logger("genie.timekeeper")

LOOK = 60.0
"""Seconds between two looks at everything, should an alarm be lost."""
AGAIN = 2.0
"""Seconds until what could not be done is tried again."""
AT_ONCE = 4


STARTERS = {
    What.SPAWN: Starter(start=spawn, rehearse=rehearse),
    What.RUN: Starter(start=run, rehearse=rehearse_run),
}
"""How each kind of schedule starts: the very functions that the API calls."""


def timetable(world: World, alarms: Alarms) -> Timetable:
    return Timetable(world=world, calendar=bootstrap.calendar(), alarms=alarms, starters=STARTERS)


class Timekeeper:
    """One thread claims what is due, a pool starts it. Nothing that goes wrong ends it."""

    def __init__(self, table: Timetable) -> None:
        self.table = table
        self._wanted = Condition()
        self._everything = True
        self._some: set[UUID] = set()
        self._trouble = False
        self._stopping = False
        self._under_way: set[FireKey] = set()
        self._starts = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fire")
        self._thread = Thread(target=self._run, name="timekeeper", daemon=True)

    def start(self) -> None:
        """Begin with what was due while nobody was there."""
        self.table.alarms.start(self._ring)
        self._thread.start()

    def stop(self) -> None:
        """What is being started is finished first."""
        self.table.alarms.stop()
        with self._wanted:
            self._stopping = True
            self._wanted.notify_all()
        self._thread.join(timeout=10)
        self._starts.shutdown(wait=True, cancel_futures=True)

    def look(self) -> None:
        """Ask for a look at everything, now: something was changed."""
        with self._wanted:
            self._everything = True
            self._wanted.notify_all()

    def _ring(self, schedule: UUID) -> None:
        with self._wanted:
            self._some.add(schedule)
            self._wanted.notify_all()

    def run_now(self, name: str) -> Fire:
        """Start it by hand; what it has come to. Raises as `genie.services.schedules.run_now`."""
        fire = by_hand(self.table, name)
        with self._wanted:
            self._under_way.add(fire.key)
        try:
            return run_now(self.table, fire)
        finally:
            self._land(fire)

    def _run(self) -> None:
        while True:
            with self._wanted:
                self._wait()
                if self._stopping:
                    return
                everything, some = self._everything, self._some
                self._everything, self._some, self._trouble = False, set(), False
            self._turn(everything=everything, some=some)

    def _wait(self) -> None:
        self._wanted.wait_for(lambda: self._asked() or self._trouble, LOOK)
        if self._asked():
            return
        if self._trouble:
            self._wanted.wait_for(self._asked, AGAIN)
        self._everything = True

    def _asked(self) -> bool:
        return bool(self._stopping or self._everything or self._some)

    def _turn(self, *, everything: bool, some: set[UUID]) -> None:
        try:
            for one in self._tended() if everything else some:
                self._claim(one)
            for fire in self.table.world.registry.open_fires(self.table.world.host):
                self._send(fire)
        except GenieError as error:
            self._later("schedules_not_looked_at", error)
        except Exception:
            log.exception("schedules_not_looked_at")

    def _tended(self) -> list[UUID]:
        """The schedules that may be due, with their alarms set."""
        running = look_over(self.table)
        for one, error in keep_ringing(self.table, running):
            log.warning("alarm_not_set", schedule=one.name, error=error.message)
        return [one.id for one in running]

    def _claim(self, schedule: UUID) -> None:
        try:
            claim_due(self.table, schedule)
        except RegistryAway:
            raise
        except GenieError as error:
            log.warning("not_claimed", schedule=str(schedule), error=error.message)

    def _send(self, fire: Fire) -> None:
        with self._wanted:
            if fire.key in self._under_way or self._stopping:
                return
            self._under_way.add(fire.key)
        self._starts.submit(self._start, fire)

    def _land(self, fire: Fire) -> None:
        with self._wanted:
            self._under_way.discard(fire.key)

    def _start(self, fire: Fire) -> None:
        try:
            start_fire(self.table, fire)
            log.info("fired", schedule=str(fire.schedule), due=fire.due.isoformat())
        except Unreachable as error:
            self._later("not_fired", error)
        except GenieError as error:
            log.warning("not_fired", schedule=str(fire.schedule), error=error.message)
        except Exception as error:
            log.exception("not_fired", schedule=str(fire.schedule))
            self._give_up(fire, f"a bug of genie's: {error}")
        finally:
            self._land(fire)

    def _give_up(self, fire: Fire, why: str) -> None:
        try:
            give_up(self.table, fire, why)
        except GenieError as error:
            self._later("not_noted", error)

    def _later(self, what: str, error: GenieError) -> None:
        log.warning(what, error=error.message)
        with self._wanted:
            self._trouble = True
            self._wanted.notify_all()
