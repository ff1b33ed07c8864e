"""What outsiders are told of a session that is attended to, and what is left to do after its end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from genie.domain.agent import ENDED, Life
from genie.domain.errors import GenieError
from genie.domain.session import Run, Standing
from genie.services.world import World

JUST_NOW = timedelta(seconds=1)
"""What has ended by now has ended before that."""


def tell_started(world: World, standing: Standing) -> None:
    """To be called once the start is written. The session runs all the same where it cannot be told."""
    agent, session, run = standing.agent, standing.session, standing.run
    if session is None or session.attend is None or run is None or run.pane is None or run.live_at is None:
        return
    said = {
        "session_id": str(session.id),
        "name": agent.name,
        "at": run.live_at.isoformat(),
        "pid": run.pane.pid,
    }
    with suppress(GenieError):
        world.launches.mark(session.id, "started", said)


def leave(world: World, ended: Standing) -> None:
    """Close its pane, remove its input, tell outsiders: to be called once the end is written. Nothing of it may fail
    the end: a pane that stays is closed by `gc`."""
    agent, session, run = ended.agent, ended.session, ended.run
    if session is None or session.attend is None or agent.life not in ENDED:
        return
    if pane_goes(ended) and run and run.pane:
        with suppress(GenieError):
            world.terminal.close(run.pane)
    if session.attend.keep_open:
        with suppress(GenieError):
            world.inputs.remove(world.recordings.fifo(session.id))
    if not world.launches.marked(session.id, "started"):
        tell_started(world, ended)
    with suppress(GenieError):
        world.launches.mark(session.id, "ended", _ended(ended))


def pane_goes(ended: Standing) -> bool:
    """Whether its pane is closed with its end."""
    attend = ended.session.attend if ended.session else None
    return attend is not None and not attend.keep and ended.agent.life is Life.DONE


def catch_up(world: World, live: Sequence[Run]) -> None:
    """Do what a daemon that died has not come to after it had written a start, of one of these runs, or an end. Raises
    RegistryAway and Failed."""
    for standing in world.registry.standings([run.agent for run in live]):
        if standing.session and not world.launches.marked(standing.session.id, "started"):
            tell_started(world, standing)
    unended, now = world.launches.unended(), world.clock.now()
    for session in world.registry.over(world.host, unended, before=now + JUST_NOW) if unended else ():
        with world.registry.begin() as tx:
            found = tx.speaker(session)
        if found and found[1].agent.session == session:
            leave(world, found[1])


def _ended(ended: Standing) -> dict[str, object]:
    agent, run = ended.agent, ended.run
    return {
        "session_id": str(agent.session),
        "name": agent.name,
        "at": agent.changed_at.isoformat(),
        "started_at": run.live_at.isoformat() if run and run.live_at else None,
        "success": agent.life is Life.DONE,
        "state": agent.life.value,
        "reason": agent.reason,
        "exit_code": run.exit_code if run else None,
        "signal": run.signal if run else None,
    }
