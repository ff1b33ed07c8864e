"""The daemon's eye on template files: the registry is in step with them a moment after a change."""

from __future__ import annotations

from threading import Condition, Thread
from time import monotonic

import structlog

from genie.domain.errors import GenieError
from genie.ports.wakes import Wakes
from genie.services.templates import Synced, sync, watched
from genie.services.world import World

log = structlog.get_logger("genie.curator")

UNTOLD = 60.0
"""Seconds between two looks at all files, of which nobody need have told."""
SETTLE = 0.2
"""Seconds for an editor, or a checkout of many files, to end with what it does."""


class Curator:
    """One thread, which sleeps until a template file has changed, or an agent works in another directory. A trouble
    that lasts is told once. What runs keeps the launch that it was spawned with."""

    def __init__(self, world: World, wakes: Wakes) -> None:
        self._world = world
        self._wakes = wakes
        self._changed = Condition()
        self._due = True
        self._stopping = False
        self._places: set[str] = set()
        self._troubles: frozenset[str] = frozenset()
        self._thread = Thread(target=self._run, name="curator", daemon=True)

    def start(self) -> None:
        """Begin with what was changed while nobody looked."""
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=10)
        self._wakes.close()

    def look(self) -> None:
        """Ask for a look, soon."""
        with self._changed:
            self._due = True
            self._changed.notify_all()

    def _run(self) -> None:
        while self._wait():
            try:
                self._work()
            except GenieError as error:
                self._tell(frozenset({error.message}))
            except Exception:
                log.exception("templates_not_synced")

    def _wait(self) -> bool:
        """Until there is something to look at and nothing has changed for a moment; False when it is to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._due or self._stopping, UNTOLD)
            until = monotonic() + 10 * SETTLE
            while not self._stopping and self._due and monotonic() < until:
                self._due = False
                self._changed.wait_for(lambda: self._due or self._stopping, SETTLE)
            self._due = False
            return not self._stopping

    def _work(self) -> None:
        cwds = watched(self._world)
        self._watch(set(self._world.templates.places(cwds)))
        done = sync(self._world, cwds=cwds)
        if done.added or done.changed or done.removed:
            log.info("templates_synced", added=done.added, changed=done.changed, removed=done.removed)
        self._tell(_said(done))

    def _watch(self, places: set[str]) -> None:
        """Before they are read: what changes from now on is told."""
        for path in self._places - places:
            self._wakes.remove(path)
        for path in places - self._places:
            self._wakes.add(path, path, lambda _: self.look())
        self._places = places

    def _tell(self, troubles: frozenset[str]) -> None:
        for trouble in sorted(troubles - self._troubles):
            log.warning("template_not_read", error=trouble)
        self._troubles = troubles


def _said(done: Synced) -> frozenset[str]:
    return frozenset(bad.message for bad in done.problems)
