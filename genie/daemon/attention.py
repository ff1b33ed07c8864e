"""The daemon's eye: it sees to it that the activity of agents is known as soon as something tells of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from threading import Condition, Thread
from uuid import UUID

import structlog

from genie.domain.activity import Evidence, Patience
from genie.domain.errors import GenieError
from genie.domain.meter import Meter
from genie.domain.session import Run
from genie.ports import Feed, Subscription
from genie.ports.signs import Signs
from genie.ports.wakes import Wakes
from genie.services.activity import (
    Watched,
    begin,
    hear_hook,
    hear_title,
    heard_in,
    read_meter,
    run_of,
    tell,
)
from genie.services.startup import accept
from genie.services.world import World

log = structlog.get_logger("genie.attention")

AGAIN = timedelta(seconds=2)
"""When what failed is tried again."""
LATER = timedelta(seconds=30)
"""When a run is looked at though nothing tells of it."""


class Attention:
    """One thread, which sleeps until a hook, a file or a conversation tells something, or until time alone may change
    what an agent does. Trouble over one run stops no other. `accepts` are the dialogs of a start that may be answered
    with yes; `expects` learns the files of conversations that are named."""

    def __init__(
        self,
        world: World,
        signs: Signs,
        wakes: Wakes,
        feed: Feed,
        *,
        patience: Patience | None = None,
        accepts: Collection[str] = (),
        expects: Callable[[UUID, str], None] = lambda _, __: None,
    ) -> None:
        self._world = world
        self._signs = signs
        self._wakes = wakes
        self._feed = feed
        self._patience = patience or Patience()
        self._accepts = frozenset(accepts)
        self._expects = expects
        self._some = Condition()
        self._known: set[UUID] = set()
        self._new: dict[UUID, Run] = {}
        self._gone: set[UUID] = set()
        self._heard: list[tuple[UUID, Evidence | Meter | str]] = []
        self._due: dict[UUID, datetime] = {}
        self._watched: dict[UUID, Watched] = {}
        self._news = False
        self._stopping = False
        self._subscription: Subscription | None = None
        self._thread = Thread(target=self._run, name="attention", daemon=True)

    def start(self) -> None:
        """Listen to what sessions say from now on. Raises RegistryAway."""
        self._subscription = self._feed.subscribe(after=self._world.registry.last_event(), wake=self._ring)
        self._thread.start()

    def stop(self) -> None:
        with self._some:
            self._stopping = True
            self._some.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        if self._subscription:
            self._subscription.close()
        self._wakes.close()

    def watch(self, run: Run) -> None:
        """Watch a live run from now on. Saying it again is nothing."""
        with self._some:
            if run.id not in self._known and run.pane:
                self._known.add(run.id)
                self._new[run.id] = run
                self._some.notify_all()

    def ended(self, run: UUID) -> None:
        """The process of that run has ended."""
        with self._some:
            self._known.discard(run)
            self._gone.add(run)
            self._some.notify_all()

    def hook(self, name: str, payload: str, at: float | None, *, token: str, run: str | None) -> None:
        """A hook of an agent has told something; what shows no good token tells nothing. Raises RegistryAway."""
        owner = run_of(self._world, token, run)
        if owner is None:
            log.info("hook_refused", hook=name, run=run)
            return
        provider, _, said = name.partition(".")
        when = self._time(at)
        path = self._signs.conversation(provider, payload)
        if path:
            self._expects(owner, path)
        meter = self._signs.meter(provider, said, payload, at=when)
        found = meter or self._signs.hook(provider, said, payload, at=when)
        if found:
            with self._some:
                self._heard.append((owner, found))
                self._some.notify_all()

    def told(self, run: UUID, said: Evidence) -> None:
        """Something else than a hook has told what that run does."""
        with self._some:
            self._heard.append((run, said))
            self._some.notify_all()

    def titles(self, said: Mapping[UUID, str]) -> None:
        """What the titles of the panes of live runs say now."""
        with self._some:
            new = [(run, title) for run, title in said.items() if run in self._watched and self._mute(run)]
            self._heard.extend(new)
            if new:
                self._some.notify_all()

    def _mute(self, run: UUID) -> bool:
        """Whether its title counts for anything: of who tells all by itself, it does not."""
        return self._watched[run].known.mute

    def seen(self, run: UUID | None) -> Watched | None:
        """What is known of that run now; None for one that nobody watches."""
        with self._some:
            return self._watched.get(run) if run else None

    def _time(self, at: float | None) -> datetime:
        """When the hook says that it was; its future is now."""
        now = self._world.clock.now()
        return datetime.fromtimestamp(at, UTC) if at is not None and 0 <= at <= now.timestamp() else now

    def _ring(self) -> None:
        with self._some:
            self._news = True
            self._some.notify_all()

    def _changed(self, key: str) -> None:
        with self._some:
            self._due[UUID(key)] = self._world.clock.now()
            self._some.notify_all()

    # ---- the thread ----

    def _run(self) -> None:
        while self._wait():
            try:
                self._take_in()
                for run in self._ready():
                    self._look(run)
            except Exception:
                log.exception("attention_failed")

    def _wait(self) -> bool:
        """Until there is something to look at; False when this is to end."""
        with self._some:
            while not (self._stopping or self._new or self._gone or self._heard or self._news):
                left = (min(self._due.values()) - self._world.clock.now()).total_seconds() if self._due else None
                if left is not None and left <= 0:
                    break
                self._some.wait(left)
            return not self._stopping

    def _take_in(self) -> None:
        """What has come since the last look."""
        with self._some:
            new, self._new = self._new, {}
            gone, self._gone = self._gone, set()
            heard, self._heard = self._heard, []
            news, self._news = self._news, False
        for run in new.values():
            self._begin(run)
        if news and self._subscription:
            for happened in self._subscription.take():
                known = self._watched.get(happened.run) if happened.run else None
                said = heard_in(happened, known) if known else None
                if known and said:
                    heard.append((known.run.id, said))
        for owner, what in heard:
            self._note(owner, what)
        for owner in gone:
            self._forget(owner)

    def _begin(self, run: Run) -> None:
        try:
            found = begin(self._world, self._signs, run)
        except GenieError as error:
            log.warning("not_watched", run=str(run.id), error=error.message)
            with self._some:
                self._known.discard(run.id)  # the next beat says it again
            return
        if found is None:
            return
        with self._some:
            self._watched[run.id] = found
            self._due[run.id] = self._world.clock.now()
        if found.path:
            self._wakes.add(str(run.id), found.path, self._changed)

    def _note(self, owner: UUID, said: Evidence | Meter | str) -> None:
        known = self._watched.get(owner)
        try:
            found = self._with(known, said) if known else None
        except GenieError as error:
            log.info("not_noted", run=str(owner), error=error.message)
            return
        if found:
            with self._some:
                self._watched[owner] = found
                self._due[owner] = self._world.clock.now()

    def _with(self, known: Watched, said: Evidence | Meter | str) -> Watched | None:
        match said:
            case Meter():
                return read_meter(self._world, known, said)
            case str():
                return hear_title(self._world, self._signs, known, said)
            case _:
                return hear_hook(self._world, known, said)

    def _forget(self, owner: UUID) -> None:
        with self._some:
            found = self._watched.pop(owner, None)
            self._due.pop(owner, None)
        if found and found.path:
            self._wakes.remove(str(owner))

    def _ready(self) -> list[UUID]:
        with self._some:
            now = self._world.clock.now()
            return [owner for owner, due in self._due.items() if due <= now]

    def _look(self, owner: UUID) -> None:
        now = self._world.clock.now()
        with self._some:
            known = self._watched.get(owner)
            self._due[owner] = now + LATER  # what changes meanwhile asks for another look
        if known is None:
            self._forget(owner)
            return
        try:
            seen, again = tell(self._world, self._signs, known, self._patience)
            seen, step = accept(self._world, self._signs, seen, self._accepts, self._patience.start)
            again = min((at for at in (again, step) if at), default=None)
        except GenieError as error:
            log.info("activity_not_told", run=str(owner), error=error.message)
            again, seen = now + AGAIN, known
        with self._some:
            self._watched[owner] = seen
            self._due[owner] = min(self._due[owner], again or now + LATER)
