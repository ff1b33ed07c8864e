"""What an agent that is brought back is told: found out once, before its new run is written."""

from __future__ import annotations

from collections.abc import Sequence

from genie.domain.errors import GenieError
from genie.domain.events import Event, Kind
from genie.domain.resume_note import (
    KINDS,
    SILENT,
    Cause,
    Facts,
    Turn,
    is_unfinished,
    last_turn,
    note,
    reason,
    wants,
    wants_changes,
)
from genie.domain.session import Run, Session, Sight, Standing, Way
from genie.services.put_on import put_on
from genie.services.take_in import drain
from genie.services.world import World

LOOKED_AT = 200
"""Events of a conversation that are looked at for its last turn."""
_ENDS = (Kind.DIED, Kind.DONE, Kind.FAILED, Kind.EXHAUSTED)


def resuming_note(world: World, standing: Standing) -> str | None:
    """What the agent is to be told when it comes back on its session; None for nothing. Its last run has ended.

    A usage limit that goes on is respected: nothing is said before it is over. Raises RegistryAway.
    """
    session, run, agent = standing.session, _lived(world, standing), standing.agent
    if session is None or run is None or not world.providers.get(session.provider).conversational:
        return None
    if agent.limited_until is not None and world.clock.now() < agent.limited_until:
        return None
    turn = _last_turn(world, standing, session, run)
    unfinished = is_unfinished(agent, turn)
    must = session.way is Way.ONE_SHOT  # it does nothing but what it is told
    if not (wants(session.on_resume, unfinished=unfinished) or must):
        return None
    said = None if must and session.on_resume == SILENT else session.on_resume
    return note(_facts(world, standing, session, run, turn, unfinished=unfinished, said=said), said)


def _lived(world: World, standing: Standing) -> Run | None:
    """The last run that came to life; a start that failed has nothing to tell."""
    if standing.run is None or standing.run.live_at:
        return standing.run
    return next((run for run in world.registry.runs(standing.agent.id) if run.live_at), standing.run)


def _last_turn(world: World, standing: Standing, session: Session, run: Run) -> Turn:
    """As far as it can be read; one that cannot keeps nobody from coming back."""
    try:
        if session.attend is None:
            put_on(world, run)
        drain(world, session.id)
        told = _of(session, world.registry.history(standing.agent.id, limit=LOOKED_AT, kinds=KINDS))
        if not any(one.kind is Kind.USER_MESSAGE for one in told):
            prompts = world.registry.history(standing.agent.id, limit=1, kinds=(Kind.USER_MESSAGE,))
            told = [*_of(session, prompts), *told]
    except GenieError:
        return Turn()
    return last_turn(told)


def _of(session: Session, events: Sequence[Event]) -> list[Event]:
    return [one for one in events if one.session == session.id]


def _facts(
    world: World, standing: Standing, session: Session, run: Run, turn: Turn, *, unfinished: bool, said: str | None
) -> Facts:
    agent, cwd = standing.agent, session.launch.cwd
    boxed = world.supplies.sandboxes.made(session.id, session.launch.argv)
    looks = wants_changes(said) and not boxed  # what a sandboxed one has written there is not for us to run git on
    env = world.launches.environment(session.id)
    return Facts(
        agent=agent.name,
        team=agent.team,
        reason=reason(agent, run, _cause(world, standing, run, turn)),
        at=run.ended_at or world.clock.now(),
        cwd=cwd,
        turn=turn,
        unfinished=unfinished,
        changes=world.places.changes(cwd, env=env) if looks else None,
    )


def _cause(world: World, standing: Standing, run: Run, turn: Turn) -> Cause:
    ends = world.registry.history(standing.agent.id, limit=4, kinds=_ENDS)
    seen = next((one.payload["sight"] for one in ends if one.run == run.id and "sight" in one.payload), None)
    return Cause(
        sight=next((sight for sight in Sight if sight.value == seen), None),
        rebooted=run.pane is not None and not world.processes.of_this_boot(run.pane.server.started),
        starved=world.processes.starved(run.id),
        limited=turn.limited and standing.agent.limited_until is not None,
    )
