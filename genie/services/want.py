"""Write what is wanted of an agent, before anything is done to it."""

from __future__ import annotations

from genie.domain.agent import STOPPABLE, Desired, Life, Reason
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.services.anew import anew
from genie.services.family import end_family, held
from genie.services.world import World


def want(
    world: World, found: Standing, desired: Desired, kind: Kind, *, ending: Reason | None = None, **said: object
) -> Standing | None:
    """Write what is wanted of an agent, and of its descendants by its policy; None where it is that way already or
    is not to be touched. Raises Stale where others change its tree all the time."""
    return anew(lambda: _want(world, found, desired, kind, ending, said))


def _want(
    world: World, found: Standing, desired: Desired, kind: Kind, ending: Reason | None, said: dict[str, object]
) -> Standing | None:
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.lock_name(found.agent.name)
        current = held(tx, found.agent.id)
        if current is None or current.agent.life is Life.TERMINATED:
            return None
        if desired is Desired.STOPPED and current.agent.life not in STOPPABLE:
            return None
        saved = tx.save_agent(current.agent.wanting(desired, ending=ending))
        tx.record(event(kind, saved, current.run, at=now, **said))
        end_family(tx, saved, desired, now=now)
        return Standing(saved, current.session, current.run)
