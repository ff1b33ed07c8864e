"""The daemon's ear: it takes in what sessions say as soon as that is written."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from threading import Condition, Thread
from time import monotonic
from uuid import UUID

import structlog

from genie.domain.errors import GenieError, Stale, Unreachable
from genie.domain.session import Run
from genie.ports.wakes import Wakes
from genie.services.put_on import Spot, put_on
from genie.services.take_in import take_in
from genie.services.world import World

log = structlog.get_logger("genie.reader")

POLL = 2.0
"""Seconds between two looks at a file of which nobody tells, and before what failed is tried again."""
COMING = "coming "
"""What the key of a file begins with that was named and may not be there yet."""
SHARE = 500
"""Asking a provider which file it writes may take one part in so many of the time."""
LONGEST, UNKNOWN = 60.0, 4.0
"""Seconds until it is asked again at the latest, and as long as there is no file: one slow answer is no reason to miss
what a conversation begins with."""


@dataclass
class _Ear:
    """What listens to the session of a run. `ask` is when its provider is asked next for the file, by the monotonic
    clock. `over` says that the run's process has ended, and nobody writes any more. `coming` is the file that it has
    named itself, which may not be there yet."""

    run: Run
    spot: Spot | None = None
    ask: float = 0.0
    over: bool = False
    coming: str | None = None


class Reader:
    """One thread, which sleeps until a file has changed. Trouble over one session stops no other: it is told once, and
    the session is tried again."""

    def __init__(self, world: World, wakes: Wakes) -> None:
        self._world = world
        self._wakes = wakes
        self._some = Condition()
        self._known: set[UUID] = set()
        self._ears: dict[UUID, _Ear] = {}
        # Whether there may be something to read, and not only a provider to be asked for its file.
        self._due: dict[UUID | None, bool] = {None: True}
        self._later: dict[UUID | None, tuple[float, bool]] = {}
        self._troubles: dict[UUID | None, str] = {}
        self._stopping = False
        self._thread = Thread(target=self._run, name="reader", daemon=True)

    def start(self) -> None:
        """Begin with what was written while nobody listened."""
        self._thread.start()

    def stop(self) -> None:
        """End; a piece that is being taken in is finished first."""
        with self._some:
            self._stopping = True
            self._some.notify_all()
        self._thread.join(timeout=30)
        self._wakes.close()

    def watch(self, run: Run) -> None:
        """Listen to the session of a live run from now on. Saying it again is nothing."""
        with self._some:
            if run.id not in self._known:
                self._known.add(run.id)
                self._ears[run.session] = _Ear(run)
                self._wake(run.session)

    def ended(self, run: UUID) -> None:
        """The process of that run has ended: take in its last words, and listen no more."""
        with self._some:
            self._known.discard(run)
            for session, ear in self._ears.items():
                if ear.run.id == run:
                    ear.over = True
                    self._wake(session)

    def expect(self, run: UUID, path: str) -> None:
        """A run has named the file of its conversation: see to it as soon as it is there."""
        with self._some:
            ear = next((one for one in self._ears.values() if one.run.id == run), None)
            if ear is None or ear.over or ear.coming == path or (ear.spot and path == ear.spot.path):
                return
            ear.coming = path
        self._wakes.add(f"{COMING}{ear.run.session}", path, self._appeared)
        self._appeared(f"{COMING}{ear.run.session}")

    def _appeared(self, key: str) -> None:
        """Ask the provider for its file, once the one that was named is there."""
        session = UUID(key.removeprefix(COMING))
        with self._some:
            ear = self._ears.get(session)
            if ear is None or ear.coming is None or not Path(ear.coming).is_file():
                return
            self._wakes.remove(key)
            ear.ask = 0.0
            self._wake(session, read=False)

    # ---- the thread ----

    def _run(self) -> None:
        while self._wait():
            session, read = self._take()
            try:
                self._look(session, read=read)
                self._troubles.pop(session, None)
            except GenieError as error:
                self._tell(session, error)
                self._try_again(session, error)
            except Exception:
                log.exception("session_not_read", session=str(session))
                self._look_by(session, monotonic() + POLL, read=True)

    def _wait(self) -> bool:
        """Until there is something to look at; False when the reader is to end."""
        with self._some:
            while not self._stopping:
                now = monotonic()
                for session in [session for session, (at, _) in self._later.items() if at <= now]:
                    self._wake(session, read=self._later.pop(session)[1])
                if self._due:
                    return True
                self._some.wait(min(at for at, _ in self._later.values()) - now if self._later else None)
        return False

    def _take(self) -> tuple[UUID | None, bool]:
        with self._some:
            session = next(iter(self._due))
            return session, self._due.pop(session)

    def _wake(self, session: UUID | None, *, read: bool = True) -> None:
        with self._some:
            self._due[session] = read or self._due.get(session, False)
            self._some.notify_all()

    def _look_by(self, session: UUID | None, at: float, *, read: bool) -> None:
        with self._some:
            before = self._later.get(session, (inf, False))
            self._later[session] = (min(at, before[0]), read or before[1])

    def _tell(self, session: UUID | None, error: GenieError) -> None:
        if error.message not in self._troubles.values():
            log.warning("session_not_read", session=str(session), error=error.message)
        self._troubles[session] = error.message

    def _try_again(self, session: UUID | None, error: GenieError) -> None:
        """Later. Of a run that is over, what cannot be read now never can."""
        ear = self._ears.get(session) if session else None
        if session is None or ear is None or not ear.over or isinstance(error, Unreachable | Stale):
            self._look_by(session, monotonic() + POLL, read=True)
        else:
            self._forget(session, ear)

    # ---- one session ----

    def _look(self, session: UUID | None, *, read: bool) -> None:
        """A piece of what it has said; of None, see which have tapes."""
        if session is None:
            for tape in self._world.registry.tapes(self._world.host):
                self._wake(tape.session)
            return
        ear = self._ears.get(session)
        over = ear is not None and ear.over
        if ear and (over or monotonic() >= ear.ask):
            read = self._ask(session, ear) or read
        if (read or over) and take_in(self._world, session, final=over):
            self._wake(session)
        elif ear and over:
            self._forget(session, ear)
        if ear and ear.ask < inf and not over:
            self._look_by(session, ear.ask, read=False)

    def _ask(self, session: UUID, ear: _Ear) -> bool:
        """See which file is written now, and have it watched; whether it is another than before."""
        began = monotonic()
        spot = put_on(self._world, ear.run, ear.spot)
        now = monotonic()
        rest = min(max(POLL, SHARE * (now - began)), LONGEST if spot and spot.path else UNKNOWN)
        ear.ask = inf if spot is None or spot.settled else now + rest
        before, ear.spot = ear.spot, spot
        if spot is None or spot.path is None or (before and before.path == spot.path):
            return False
        self._wakes.add(str(session), spot.path, lambda key: self._wake(UUID(key)))
        return True

    def _forget(self, session: UUID, ear: _Ear) -> None:
        """Unless another run of the session is listened to by now."""
        with self._some:
            if self._ears.get(session) is ear:
                del self._ears[session]
                self._later.pop(session, None)
                self._wakes.remove(str(session))
                self._wakes.remove(f"{COMING}{session}")
