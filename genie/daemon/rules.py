"""The daemon's rules: it runs the commands that the user wants run when something happens."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event as Flag
from threading import Semaphore, Thread
from time import monotonic

import structlog

from genie.domain.errors import BadInput, Failed, GenieError
from genie.domain.events import Event
from genie.domain.rule import Pace, Place, Rule, Whose, as_note, as_row, as_variable, fits, keep_pace
from genie.ports import Feed, Memory, Programs, Ran, Subscription
from genie.services.ledgers import read_place, write_place
from genie.services.world import World

log = structlog.get_logger("genie.rules")

AT_ONCE = 4
PATIENCE = 30.0
"""Seconds that an event waits for its command to be started while others run; then it is left out."""
MOMENT = 2.0
"""Seconds that commands have once the daemon ends."""
FAR = 500
"""Events after which the place is written though no rule was followed."""
AGAIN = 2.0
_TURN = 0.2
"""Seconds between two looks whether the daemon ends."""


class Rulekeeper:
    """One thread that follows the events, and a few that run commands. Where it is, is written before a command begins:
    it is never begun twice for the same event, whatever becomes of the daemon. A rule that fails stops no other."""

    def __init__(self, world: World, feed: Feed, programs: Programs, rules: Sequence[Rule], memory: Memory) -> None:
        self._world = world
        self._feed = feed
        self._programs = programs
        self._rules = tuple(rules)
        self._memory = memory
        self._paces = [Pace() for _ in rules]
        self._free = Semaphore(AT_ONCE)
        self._woken = Flag()
        self._stopping = Flag()
        self._cursor = Place(0)
        self._kept = 0
        self._left_out = False
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="rule")
        self._thread = Thread(target=self._run, name="rules", daemon=True)

    def start(self) -> None:
        """Go on where the last daemon was. Without a rule nothing is followed, and the first one begins with what
        happens then. Raises RegistryAway."""
        if not self._rules:
            self._keep(None)
            return
        newest = self._world.registry.last_event()
        said = self._memory.load()
        known = read_place(said) if said is not None else None
        self._cursor = known if known and known.event <= newest else Place(newest + 1)
        if known is None:
            self._keep(self._cursor)
        self._thread.start()

    def stop(self) -> None:
        """End. Commands that run have a moment, and are ended then."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
            self._keep(self._cursor)
        self._pool.shutdown(wait=False, cancel_futures=True)
        deadline = monotonic() + MOMENT
        for _ in range(AT_ONCE):
            self._free.acquire(timeout=max(deadline - monotonic(), 0.0))
        self._programs.close()
        self._pool.shutdown(wait=True)

    def _keep(self, place: Place | None) -> None:
        try:
            if place is None:
                self._memory.forget()
            else:
                self._memory.save(write_place(place))
                self._kept, self._left_out = place.event, False
        except GenieError as error:
            log.warning("rules_place_not_kept", error=error.message)

    # ---- the thread ----

    def _run(self) -> None:
        subscription: Subscription | None = None
        while not self._stopping.is_set():
            pause = None
            try:
                if subscription is None or subscription.closed:
                    subscription = self._feed.subscribe(after=self._cursor.event - 1, wake=self._woken.set)
                self._round(subscription)
            except GenieError as error:
                log.info("rules_wait", error=error.message)
                subscription = _close(subscription)
                pause = AGAIN
            except Exception:
                log.exception("rules_failed")
                subscription = _close(subscription)
                pause = AGAIN
            if pause:
                self._stopping.wait(pause)
            else:
                self._woken.wait()
            self._woken.clear()
        _close(subscription)

    def _round(self, subscription: Subscription) -> None:
        """Raises RegistryAway; what was not come to is taken in again."""
        events = subscription.take()
        kinds = frozenset(kind for rule in self._rules for kind in rule.kinds)
        wanted = [event for event in events if event.kind in kinds]
        known = self._world.registry.badges([event.agent for event in wanted if event.agent]) if wanted else {}
        for event in wanted:
            badge = known.get(event.agent) if event.agent else None
            self._follow(event, Whose(name=badge.name, team=badge.team, tags=badge.tags) if badge else None)
        if events and events[-1].id is not None and not self._stopping.is_set():
            self._cursor = Place(events[-1].id + 1)
            if self._left_out or self._cursor.event - self._kept >= FAR:
                self._keep(self._cursor)

    def _follow(self, event: Event, whose: Whose | None) -> None:
        """All rules that an event fits. It is the place of the first that was not begun that is remembered."""
        number = event.id or 0
        for at, rule in enumerate(self._rules):
            if self._stopping.is_set() or self._cursor.begun(number, at) or not fits(rule, event, whose):
                continue
            if not self._may(at, rule, event) or not self._has_room(rule, event):
                self._left_out = True
                continue
            self._cursor = Place(number, at + 1)
            self._keep(self._cursor)
            self._pool.submit(self._obey, rule, event, whose)

    def _may(self, at: int, rule: Rule, event: Event) -> bool:
        """Whether the rule has not been followed too often of late: its own doings can set it off."""
        before = self._paces[at]
        self._paces[at], may = keep_pace(before, rule.rate, now=self._world.clock.now())
        if not may and not before.dropped:
            log.warning("rule_too_often", rule=rule.place, rate=str(rule.rate), event_id=event.id)
        if may and before.dropped:
            log.warning("rule_was_too_often", rule=rule.place, left_out=before.dropped)
        return may

    def _has_room(self, rule: Rule, event: Event) -> bool:
        """Wait until a command has ended, where as many run as may."""
        deadline = monotonic() + PATIENCE
        while not self._stopping.is_set():
            if self._free.acquire(timeout=_TURN):
                return True
            if monotonic() >= deadline:
                log.warning("rule_left_out", rule=rule.place, event_id=event.id, reason=f"{AT_ONCE} commands run")
                return False
        return False

    # ---- the commands ----

    def _obey(self, rule: Rule, event: Event, whose: Whose | None) -> None:
        try:
            self._command(rule, event, whose)
        except GenieError as error:
            if not self._stopping.is_set():
                log.warning("rule_failed", rule=rule.place, event_id=event.id, error=error.message)
        except Exception:
            log.exception("rule_failed", rule=rule.place, event_id=event.id)
        finally:
            self._free.release()

    def _command(self, rule: Rule, event: Event, whose: Whose | None) -> None:
        row = as_row(event, name=whose.name if whose else None)
        try:
            ran = self._start(rule, as_variable(row))
        except BadInput:
            ran = self._start(rule, as_note(row))
        if ran.code:
            raise Failed(f"{rule.run[0]} ended with {ran.code}: {ran.said or 'it has said nothing'}")
        log.info("rule_followed", rule=rule.place, event_id=event.id)

    def _start(self, rule: Rule, said: str) -> Ran:
        return self._programs.run(rule.run, env={"GENIE_EVENT": said}, cwd=rule.cwd, timeout=rule.timeout)


def _close(subscription: Subscription | None) -> Subscription | None:
    """None: what was not come to is taken in again by another."""
    if subscription is not None:
        subscription.close()
    return None
