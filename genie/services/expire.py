"""An agent's time to live is over: want it gone, with what its policy takes along."""

from __future__ import annotations

from genie.domain.agent import Desired
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.services.family import end_family, held
from genie.services.world import World


def expire(world: World, standing: Standing) -> Standing:
    """Write that it is wanted gone, once, with one event; returns it as it is then. Raises Stale where somebody
    is changing its tree."""
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.lock_name(standing.agent.name)
        current = held(tx, standing.agent.id)
        if current is None or not current.agent.expired(now=now):
            return current or standing
        saved = tx.save_agent(current.agent.wanting(Desired.GONE))
        tx.record(event(Kind.TTL_EXPIRED, saved, current.run, at=now, expires_at=saved.expires_at, ttl=saved.ttl))
        end_family(tx, saved, Desired.GONE, now=now)
        world.fault("expire.before_commit")
    world.fault("expire.committed")
    return Standing(saved, current.session, current.run)
