"""See to it that a session has a tape, on the file that is written now."""

from __future__ import annotations

from dataclasses import dataclass, replace

from genie.domain.session import Run, Session
from genie.domain.tape import Tape
from genie.services.take_in import take_in
from genie.services.world import World


@dataclass(frozen=True, slots=True)
class Spot:
    """A session, and the file that its tape is on; None while that cannot be told."""

    session: Session
    path: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it is for good. A provider with a screen of its own can go on in another file at any time."""
        return self.session.attend is not None


def put_on(world: World, run: Run, known: Spot | None = None) -> Spot | None:
    """Where the conversation of a run is kept now; None for what keeps none, as a plain command in its pane.

    The session's tape is made once the file can be told. When the provider goes on in another file, so does the tape,
    and what is left in the former is taken in first. `known` is the answer of before: as long as it holds, the registry
    is not asked. Raises RegistryAway, and Failed for a file that cannot be read.
    """
    if known and (known.path or known.session.provider_session):
        found = _file(world, known.session, run)
        if found is None or found.path == known.path:
            return known
    session = next((one for one in world.registry.sessions(run.agent) if one.id == run.session), None)
    if session is None or not (session.attend or world.providers.get(session.provider).conversational):
        return None
    tape = _file(world, session, run)
    if tape is None:
        return Spot(session)
    _put(world, tape)
    return Spot(session, tape.path)


def _file(world: World, session: Session, run: Run) -> Tape | None:
    """A tape from the begin of the file that the session is kept in now."""
    if session.attend:
        path = world.recordings.path(session.id)
        return Tape(session=session.id, provider=session.provider, path=path, form=session.attend.form)
    if session.provider_session is None:  # which will be learned
        return None
    provider, environment = world.providers.get(session.provider), world.launches.environment(session.id)
    pid = run.pane.pid if run.pane else 0
    current = provider.find_session(session, env=environment, since=run.created_at, pid=pid)
    named = replace(session, provider_session=current or session.provider_session)
    found = provider.transcript(named, env=environment)
    return Tape(session=session.id, provider=session.provider, path=found[0], form=found[1]) if found else None


def _put(world: World, tape: Tape) -> None:
    with world.registry.begin() as tx:
        tx.add_tape(tape)
        before = tx.tape(tape.session)
    if before is None or before.path == tape.path:
        return
    while take_in(world, tape.session):
        pass
    with world.registry.begin() as tx:
        now = tx.tape(tape.session)
        if now and now.path == before.path:
            tx.save_tape(replace(world.recordings.turn(now, tape.path), form=tape.form))
