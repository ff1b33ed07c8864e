"""The daemon's herald: it tells a human when one is needed, once, and not more often than they like."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition, Thread
from time import monotonic
from uuid import UUID

import structlog

from genie.domain.agent import Activity
from genie.domain.errors import GenieError
from genie.domain.events import Event, Kind
from genie.domain.notice import Ledger, Tell, Wishes, over, weigh
from genie.ports import Feed, Memory, Subscription
from genie.services.ledgers import read_ledger, write_ledger
from genie.services.notify import Needed, Outlets, looked_at, needs_of, tell, waiting
from genie.services.world import World

log = structlog.get_logger("genie.herald")

AGAIN = 2.0
"""Seconds after which what failed is tried again."""
AT_ONCE = 2
MOST = 100
"""So many that are to be told wait at most; one more is left out, with a line in the log."""
MANY = 200
"""Of so many something is remembered before it is looked at whether it must be."""
PATIENCE = 2.0
"""Seconds that what is being told may take once the daemon ends."""
_NEWS = frozenset({Kind.EXHAUSTED, Kind.DONE, Kind.USAGE_LIMIT_HIT})
_ASKING = frozenset({Activity.PERMISSION.value, Activity.QUESTION.value, Activity.LIMITED.value})


class Herald:
    """One thread, which is pushed by what is committed and wakes when what was held back is due; a few more tell. What
    it remembers is written before anything is told: a daemon that is killed tells nothing twice."""

    def __init__(self, world: World, feed: Feed, outlets: Outlets, wishes: Wishes, memory: Memory) -> None:
        self._world = world
        self._feed = feed
        self._outlets = outlets
        self._wishes = wishes
        self._memory = memory
        self._some = Condition()
        self._news = False
        self._told: list[UUID] = []
        self._stopping = False
        self._ledger = Ledger()
        self._saved = Ledger()
        self._many = MANY
        self._running = 0
        self._waiting = 0
        self._not_before = 0.0
        self._subscription: Subscription | None = None
        self._tellers = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tell")
        self._thread = Thread(target=self._run, name="herald", daemon=True)

    def start(self) -> None:
        """Begin with what came while nobody was there. Raises RegistryAway."""
        if not self._wishes.anything:
            self._forget()
            return
        self._ledger = self._remembered()
        self._subscription = self._feed.subscribe(after=self._ledger.cursor, wake=self._ring)
        self._thread.start()

    def stop(self) -> None:
        """What is being told has a moment to be told to its end."""
        with self._some:
            self._stopping = True
            self._some.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self._tellers.shutdown(wait=False, cancel_futures=True)
        with self._some:
            self._some.wait_for(lambda: not self._running, timeout=PATIENCE)
        self._outlets.programs.close()
        self._tellers.shutdown(wait=True)
        if self._subscription:
            self._subscription.close()
            self._note_told()
            self._save()

    def _ring(self) -> None:
        with self._some:
            self._news = True
            self._some.notify_all()

    # ---- what is remembered ----

    def _forget(self) -> None:
        """Who begins to be told again is told of what stands then, and not of all that has been."""
        try:
            self._memory.forget()
        except GenieError as error:
            log.warning("not_forgotten", error=error.message)

    def _remembered(self) -> Ledger:
        """What is known from before, with all that wait now to be looked at: one that was told is not told again."""
        world = self._world
        now, newest = world.clock.now(), world.registry.last_event()
        said = self._memory.load()
        known = read_ledger(said) if said is not None else None
        if said is not None and known is None:
            log.warning("notices_forgotten", reason="what was remembered does not read")
        ledger = known or Ledger(cursor=newest)
        for agent, one in ledger.told.items():
            if not one.sure:
                log.warning("perhaps_not_told", agent=str(agent), notice=one.mark)
        ledger = self._without_old(ledger).concerning(waiting(world), at=now)
        return ledger.at_event(min(ledger.cursor, newest))

    def _save(self) -> None:
        """How far events were taken in is written with the rest: what is taken in again is not told again."""
        if (self._ledger.told, self._ledger.due) == (self._saved.told, self._saved.due):
            return
        try:
            self._memory.save(write_ledger(self._ledger))
        except GenieError as error:
            log.warning("notices_not_kept", error=error.message)
        self._saved = self._ledger

    def _tidy(self) -> None:
        """Forget of whom nothing need be remembered, once they are many."""
        if len(self._ledger.told) < self._many:
            return
        self._ledger = self._without_old(self._ledger)
        self._many = max(MANY, 2 * len(self._ledger.told))

    def _without_old(self, ledger: Ledger) -> Ledger:
        needs = {agent: one.need for agent, one in needs_of(self._world, list(ledger.told)).items()}
        return ledger.without(over(ledger, needs, self._wishes, now=self._world.clock.now()))

    # ---- the thread ----

    def _run(self) -> None:
        while self._wait():
            try:
                self._round()
            except GenieError as error:
                log.info("notices_wait", error=error.message)
                self._again()
            except Exception:
                log.exception("herald_failed")
                self._again()

    def _again(self) -> None:
        """What was not come to is done in a moment."""
        self._not_before = monotonic() + AGAIN
        with self._some:
            self._news = True

    def _wait(self) -> bool:
        """Until there is something to do; False when this is to end."""
        with self._some:
            while not self._stopping:
                pause = self._not_before - monotonic()
                if pause <= 0:
                    if self._news or self._told:
                        break
                    due = self._ledger.next
                    pause = (due - self._world.clock.now()).total_seconds() if due else -1.0
                    if due and pause <= 0:
                        break
                self._some.wait(pause if pause > 0 else None)
            return not self._stopping

    def _round(self) -> None:
        with self._some:
            self._news = False
        self._note_told()
        self._save()
        self._tidy()
        self._take_in()
        now = self._world.clock.now()
        ready = self._ledger.ready(now=now)
        found = needs_of(self._world, ready)
        tells: list[Needed] = []
        try:
            for agent in ready:
                tells += self._weigh(agent, found.get(agent))
        finally:
            self._save()  # once for all of them, and before any is told
            for one in tells:
                self._begin(one)

    def _note_told(self) -> None:
        with self._some:
            told, self._told = self._told, []
        for agent in told:
            self._ledger = self._ledger.done(agent)

    def _take_in(self) -> None:
        if self._subscription is None or self._subscription.closed:
            self._subscription = self._feed.subscribe(after=self._ledger.cursor, wake=self._ring)
        events = self._subscription.take()
        concerned = self._concerned(events)
        if events:
            self._ledger = self._ledger.at_event(events[-1].id or self._ledger.cursor)
        self._ledger = self._ledger.concerning(concerned, at=self._world.clock.now())

    def _concerned(self, events: Sequence[Event]) -> list[UUID]:
        return list(dict.fromkeys(event.agent for event in events if event.agent and _is_news(event)))

    def _weigh(self, agent: UUID, one: Needed | None) -> list[Needed]:
        """It, if somebody is to be told of it now."""
        now = self._world.clock.now()
        verdict = weigh(one.need if one else None, self._ledger.told.get(agent), self._wishes, now=now)
        seen = isinstance(verdict, Tell) and one is not None and looked_at(self._world, one)
        self._ledger = self._ledger.settled(agent, verdict, one.need if one else None, now=now, seen=seen)
        return [one] if isinstance(verdict, Tell) and one and not seen else []

    def _begin(self, one: Needed) -> None:
        with self._some:
            if self._waiting >= MOST:
                log.warning("not_told", agent=one.standing.agent.name, notice=one.need.mark, reason="too many at once")
                return
            self._waiting += 1
        self._tellers.submit(self._tell, one.standing.agent.id, one)

    def _tell(self, agent: UUID, one: Needed) -> None:
        name, occasion = one.standing.agent.name, one.need.occasion.value
        with self._some:
            self._running += 1
        try:
            troubles = tell(self._world, self._outlets, self._wishes, one)
            for medium, error in troubles.items():
                log.warning("not_told", agent=name, notice=occasion, medium=medium.value, error=error.message)
            log.info("told", agent=name, notice=occasion)
        except Exception:
            log.exception("not_told", agent=name, notice=occasion)
        with self._some:
            self._waiting -= 1
            self._running -= 1
            self._told.append(agent)
            self._some.notify_all()


def _is_news(event: Event) -> bool:
    """Whether a human may have to be told of its agent."""
    return event.kind in _NEWS or (event.kind is Kind.ACTIVITY and event.payload.get("activity") in _ASKING)
