"""Learn the session id that a provider has chosen itself, once it can be told."""

from __future__ import annotations

from dataclasses import replace

from genie.domain.errors import Conflict
from genie.domain.events import Kind, event
from genie.domain.session import Session, Standing
from genie.services.world import World


def unnamed(world: World, standing: Standing) -> bool:
    """Whether the provider has named the agent's session itself and the name is not known yet."""
    session = standing.session
    if session is None or session.provider_session is not None:
        return False
    return world.providers.get(session.provider).conversational


def capture(world: World, standing: Standing) -> Session | None:
    """The agent's session, with the provider's own id as soon as that can be told without a doubt.

    Written once, with an event. An id that another live run has is not taken.
    """
    session, run = standing.session, standing.run
    if session is None or run is None or not unnamed(world, standing):
        return session
    environment = world.launches.environment(session.id)
    provider = world.providers.get(session.provider)
    pid = run.pane.pid if run.pane else 0
    found = provider.find_session(session, env=environment, since=run.created_at, pid=pid)
    if found is None:
        return session
    named = replace(session, provider_session=found)
    try:
        with world.registry.begin() as tx:
            tx.save_session(named)
            tx.record(event(Kind.SESSION_CAPTURED, standing.agent, run, at=world.clock.now(), provider_session=found))
    except Conflict:
        return session
    return named
