"""The beat of the daemon: passes over the agents, errands apart from them, second looks in time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Condition, Thread
from time import perf_counter
from uuid import UUID

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from genie.daemon.librarian import Librarian
from genie.daemon.sampler import Sampler
from genie.domain.errors import GenieError, RegistryAway, Stale
from genie.domain.session import Standing
from genie.domain.settle import Learn
from genie.services.leave import catch_up, leave
from genie.services.orphans import close_orphans
from genie.services.quota import enforce_quotas
from genie.services.reconcile import Errand, Pass, reconcile
from genie.services.world import World

log = structlog.get_logger("genie.pacemaker")

SWEEP = timedelta(seconds=60)
COUNTED = timedelta(days=1)
"""How long the spawns of a tree are counted when nobody of it is left."""
WEIGH = timedelta(seconds=2)
REST, LONGEST_REST = 2.0, 0.2
"""How long the next pass waits after one, as a multiple of that one's time, and in seconds at most."""


class Pacemaker:
    """One thread makes the passes; a pool does the errands; APScheduler says when.

    `registry_away` is told when a pass finds no registry, `registry_back` when one finds it again; `titles` is told
    those of the panes at each pass.
    """

    def __init__(
        self,
        world: World,
        *,
        heartbeat: timedelta,
        second_look: timedelta,
        max_in_flight: int,
        away_since: datetime | None,
        registry_away: Callable[[GenieError], None],
        registry_back: Callable[[], None],
        titles: Callable[[Mapping[UUID, str]], None] = lambda _: None,
    ) -> None:
        self._world = world
        self._heartbeat = heartbeat
        self._second_look = second_look
        self._away_since = away_since
        self._registry_away = registry_away
        self._registry_back = registry_back
        self._titles = titles
        self._wanted = Condition()
        self._everything = False
        self._some: set[UUID] = set()
        self._stopping = False
        self._judged: set[UUID] = set()
        self._second_looks: dict[UUID, datetime] = {}
        self._errands = ThreadPoolExecutor(max_in_flight, thread_name_prefix="errand")
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        self._thread = Thread(target=self._run, name="pacemaker", daemon=True)
        self._quotas = False
        self._deadline: datetime | None = None
        self.passes = 0
        self.last_pass: datetime | None = None
        self.last_ms = 0.0

    def start(self) -> None:
        """Begin with a sweep over everything, then beat."""
        self._thread.start()
        self._scheduler.add_job(self.look, IntervalTrigger(seconds=self._heartbeat.total_seconds()), id="heartbeat")
        self._scheduler.add_job(self._sweep, IntervalTrigger(seconds=SWEEP.total_seconds()), id="sweep")
        self._scheduler.add_job(self._weigh, IntervalTrigger(seconds=WEIGH.total_seconds()), id="quotas")
        Sampler(self._world).schedule(self._scheduler)
        Librarian(self._world).schedule(self._scheduler)
        self._scheduler.start()
        self.look()

    def stop(self) -> None:
        """End the beat; errands that are under way are finished first."""
        self._scheduler.shutdown(wait=False)
        with self._wanted:
            self._stopping = True
            self._wanted.notify_all()
        self._thread.join(timeout=10)
        self._errands.shutdown(wait=True, cancel_futures=True)

    def look(self) -> None:
        """Ask for a pass over everything."""
        with self._wanted:
            self._everything = True
            self._wanted.notify_all()

    def look_at(self, agent: UUID) -> None:
        """Ask for a pass over one agent, now: something was pushed about it."""
        with self._wanted:
            self._some.add(agent)
            self._wanted.notify_all()

    def _run(self) -> None:
        rested = 0.0
        while True:
            with self._wanted:
                self._wanted.wait_for(lambda: self._stopping or self._everything or self._some)
                # A pass reads every row, whomever it is about: what is pushed in a storm is looked at together.
                self._wanted.wait_for(lambda: self._stopping, timeout=max(rested - perf_counter(), 0.0))
                if self._stopping:
                    return
                only = None if self._everything else frozenset(self._some)
                self._everything, self._some = False, set()
            began = perf_counter()
            self._pass(only)
            rested = perf_counter() + min((perf_counter() - began) * REST, LONGEST_REST)

    def _pass(self, only: frozenset[UUID] | None) -> None:
        began = perf_counter()
        try:
            done = reconcile(self._world, only=only, skip=self._early(), away_since=self._away_since)
            self._follow_up(done)
            self._registry_back()
        except RegistryAway as error:
            self._registry_away(error)
        except Exception:
            log.exception("pass_failed")
        if only is None:
            self.passes += 1
            self.last_pass = self._world.clock.now()
            self.last_ms = (perf_counter() - began) * 1000

    def _follow_up(self, done: Pass) -> None:
        for name, error in done.errors.items():
            log.warning("agent_not_settled", agent=name, error=error.message)
        for run in done.live:
            if not self.passes:  # the daemon before may have died right after its start
                self._world.launches.forget_token(run.id)
            self._world.watch(run)
        self._titles(done.titles)
        for ended in done.left:
            # Not in the agent's flight: what is left is this run's, which nobody else has.
            self._errands.submit(self._leave, ended)
        for errand in done.errands:
            self._send(errand)
        self._quotas = done.quotas
        self._when_next(done)
        if done.strangers:
            for trouble in close_orphans(self._world, done.strangers, self._judged):
                log.warning("orphan_not_closed", error=trouble.message)
        if not self.passes:
            catch_up(self._world, done.live)

    def _when_next(self, done: Pass) -> None:
        if done.look_again:
            self._look_later(done.look_again)
        elif self.passes:
            self._away_since = None
        if done.look_at_all:
            self.look()
        if done.wake_at:
            self._look_by(done.wake_at)

    def _look_by(self, when: datetime) -> None:
        """A pass at that time. One that is due sooner stays: what it is for may not be among what was looked at now."""
        due = self._deadline
        if due is None or when < due or due <= self._world.clock.now():
            self._deadline = when
            self._at(when, "deadline", self.look)

    def _look_later(self, agents: set[UUID]) -> None:
        """The second look comes `second_look` after the first and no sooner, whatever is pushed meanwhile."""
        due = self._world.clock.now() + self._second_look
        self._second_looks.update(dict.fromkeys(agents, due))
        self._at(due, f"second-look-{self.passes}-{perf_counter()}", self._look_again, list(agents))

    def _early(self) -> frozenset[UUID]:
        """Agents whose second look is not due yet."""
        now = self._world.clock.now()
        self._second_looks = {agent: due for agent, due in self._second_looks.items() if now < due}
        return frozenset(self._second_looks)

    def _look_again(self, agents: list[UUID]) -> None:
        with self._wanted:
            self._some.update(agents)
            self._wanted.notify_all()

    def _at(self, when: datetime, job: str, work: Callable[..., object], *args: object) -> None:
        if not self._stopping:
            self._scheduler.add_job(work, DateTrigger(when), args=args, id=job, replace_existing=True)

    def _send(self, errand: Errand) -> None:
        if self._world.flights.board(errand.agent):
            level = log.debug if isinstance(errand.step, Learn) else log.info
            level("errand", agent=errand.name, step=type(errand.step).__name__.lower(), reason=errand.step.reason)
            self._errands.submit(self._do, errand)

    def _do(self, errand: Errand) -> None:
        try:
            errand.work()
        except Stale:
            log.info("errand_overtaken", agent=errand.name)
        except GenieError as error:
            log.warning("errand_failed", agent=errand.name, error=error.message)
        except Exception:
            log.exception("errand_failed", agent=errand.name)
        finally:
            self._world.flights.land(errand.agent)

    def _leave(self, ended: Standing) -> None:
        try:
            leave(self._world, ended)
        except Exception:
            log.exception("not_left", agent=ended.agent.name)

    def _weigh(self) -> None:
        """Hold trees to their memory quotas, where there are any."""
        if not self._quotas:
            return
        try:
            for weighed in enforce_quotas(self._world):
                if weighed.ended:
                    name, ended = weighed.agent.name, ", ".join(weighed.ended)
                    log.warning("quota_enforced", tree=name, used=weighed.used, ended=ended)
                    self.look()
        except GenieError as error:
            log.warning("not_weighed", error=error.message)
        except Exception:
            log.exception("weighing_failed")

    def _sweep(self) -> None:
        """Remove files of what cannot come back, and logs that are too old; judge every strange pane anew."""
        self._judged.clear()
        try:
            sessions, runs = self._world.registry.kept_ids()
            self._world.launches.sweep(sessions=sessions, runs=runs)
            self._world.registry.forget_spawns(before=self._world.clock.now() - COUNTED)
            self._world.run_logs.sweep(keep=runs)
        except GenieError as error:
            log.warning("sweep_failed", error=error.message)
        except Exception:
            log.exception("sweep_failed")
