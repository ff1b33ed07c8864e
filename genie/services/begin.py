"""Start a queued agent when a place is free, and go on with a start that was interrupted."""

from __future__ import annotations

from dataclasses import replace

from genie.domain.agent import Life, Why
from genie.domain.errors import Stale
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.services.claim import check_room, end_leftovers, new_run
from genie.services.start import start
from genie.services.world import World


def begin(world: World, standing: Standing) -> Standing:
    """Start a queued agent; returns it running. The caller has its flight.

    Raises Refused when the place is taken again, Stale when somebody changed it, and what `start` raises.
    """
    now = world.clock.now()
    with world.registry.begin() as tx:
        tx.lock_name(standing.agent.name)
        current = tx.standing_of(standing.agent.id)
        if current is None or current.agent.version != standing.agent.version:
            raise Stale(f"'{standing.agent.name}' was changed by somebody else just now")
        check_room(world, tx, current.agent)
        run = new_run(world, current.agent, why=Why.SPAWN, attempt=0)
        tx.add_run(run)
        saved = tx.save_agent(replace(current.agent.to(Life.SPAWNING, now=now), run=run.id))
        tx.record(event(Kind.SPAWNING, saved, run, at=now))
    return start(world, Standing(saved, current.session, run))


def carry_on(world: World, standing: Standing) -> Standing:
    """Go on with a start that a daemon died in. The caller has the agent's flight. Raises Stale where it was seen
    under way and has ended since.

    For a resume, what the run before had left behind is ended first, as the claim would have done.
    """
    with world.registry.begin() as tx:
        current = tx.standing_of(standing.agent.id)
    if current is None or current.agent.version != standing.agent.version:
        raise Stale(f"'{standing.agent.name}' was changed by somebody else just now")
    run = standing.run
    if run and run.why is not Why.SPAWN:
        former = next((past for past in world.registry.runs(run.agent) if past.id != run.id), None)
        end_leftovers(world, Standing(standing.agent, standing.session, former))
    live = start(world, standing, interrupted=True)
    _say_adopted(world, live)
    return live


def _say_adopted(world: World, standing: Standing) -> None:
    with world.registry.begin() as tx:
        tx.record(event(Kind.ADOPTED, standing.agent, standing.run, at=world.clock.now()))
