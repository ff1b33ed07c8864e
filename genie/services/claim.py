"""Claim a resume: one transaction that spends the attempt and makes the run; then start it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from genie.domain.agent import Agent, Desired, Life, Why
from genie.domain.errors import Failed, Refused, Stale
from genie.domain.events import Kind, event
from genie.domain.session import Run, Standing
from genie.ports import Attempt, Tx
from genie.services.capture import capture
from genie.services.clear import end_container
from genie.services.family import bring_family
from genie.services.limits import check_tree_room
from genie.services.resuming_note import resuming_note
from genie.services.start import start
from genie.services.world import World

LEFTOVER_GRACE = timedelta(milliseconds=300)


def claim(world: World, seen: Standing, *, why: Why, attempt: int) -> Standing:
    """Bring an agent that is not live back on its session; returns it running.

    The caller has the agent's flight. Raises Stale when somebody changed it since it was `seen`, Refused when
    the host is full, and what `start` raises.
    """
    return bring(world, seen, write_claim(world, seen, why=why, attempt=attempt))


def write_claim(world: World, seen: Standing, *, why: Why, attempt: int) -> Standing:
    """The first half: the attempt is spent and the run is there, and nothing is started yet. Raises Stale and
    Refused."""
    session = capture(world, seen)
    told = resuming_note(world, replace(seen, session=session))
    with world.registry.begin() as tx:
        tx.lock_name(seen.agent.name)
        claimed = claim_in(world, tx, seen, why=why, attempt=attempt)
        if told is not None and claimed.run:
            world.launches.keep_prompt(claimed.run.id, told)
        world.fault("resume.before_commit")
    return claimed


def bring(world: World, seen: Standing, claimed: Standing) -> Standing:
    """The second half: end what the run before has left, and start. Raises what `start` raises."""
    world.fault("resume.claimed")
    end_leftovers(world, seen)
    world.fault("resume.cleared")
    return start(world, claimed)


def claim_in(world: World, tx: Tx, seen: Standing, *, why: Why, attempt: int, ttl: timedelta | None = None) -> Standing:
    """The claim's writes, within the caller's transaction. `ttl` is a new time to live, from now on."""
    tx.lock_tree(seen.agent.root)
    current = tx.standing_of(seen.agent.id)
    if current is None or current.session is None:
        raise Failed(f"'{seen.agent.name}' has no session any more")
    if current.agent.version != seen.agent.version:
        raise Stale(f"'{seen.agent.name}' was changed by somebody else just now", hint="try again")
    check_room(world, tx, current.agent)
    check_tree_room(world, tx, current.agent)
    now = world.clock.now()
    run = new_run(world, current.agent, why=why, attempt=attempt)
    automatic = why is Why.AUTO_RESUME
    agent = replace(
        _with_time_to_live(current.agent, ttl, now=now).to(Life.RESUMING, now=now).wanting(Desired.RUNNING),
        attempts=attempt,
        last_attempt=now if automatic else None,
        run=run.id,
    )
    tx.add_run(run)
    saved = tx.save_agent(agent)
    tx.add_attempt(Attempt(run=run.id, agent=agent.id, number=attempt, automatic=automatic, claimed_at=now))
    family = bring_family(tx, saved)
    said = ", ".join(family) or None
    tx.record(event(Kind.RESUME_CLAIMED, saved, run, at=now, attempt=attempt, why=why.value, brings=said))
    return Standing(saved, current.session, run)


def _with_time_to_live(agent: Agent, ttl: timedelta | None, *, now: datetime) -> Agent:
    """With the new time to live where there is one. One whose time was over when it had ended gets it anew."""
    if ttl is not None:
        return replace(agent, ttl=ttl, expires_at=now + ttl)
    if agent.ttl is None or agent.expires_at is None or now < agent.expires_at:
        return agent
    return replace(agent, expires_at=now + agent.ttl)


def check_room(world: World, tx: Tx, agent: Agent) -> None:
    """Raises Refused when the host runs as many agents as it may."""
    running = tx.live_count(world.host)
    if running >= world.rules.max_running:
        raise Refused(
            f"'{agent.name}' cannot run: {running} agents run on this host, which is the limit",
            hint="stop one, or raise max_running in the configuration",
            limit="max_running",
            max=world.rules.max_running,
            now=running,
        )


def new_run(world: World, agent: Agent, *, why: Why, attempt: int) -> Run:
    """A run that is about to be started, for the agent's current session."""
    if agent.session is None:
        raise Failed(f"'{agent.name}' has no session")
    now, id_, token = world.clock.now(), world.ids.new(), world.secrets.token()
    world.tokens[id_] = token
    return Run(
        id=id_,
        agent=agent.id,
        session=agent.session,
        why=why,
        attempt=attempt,
        pane=None,
        tmux_session=agent.placement.session,
        window=agent.placement.window,
        created_at=now,
        deadline=now + world.rules.start_timeout,
        token=world.secrets.digest(token),
    )


def end_leftovers(world: World, seen: Standing) -> None:
    """End what the former run has left behind: tools outlive the client that started them."""
    if seen.run is None:
        return
    pane = seen.run.pane
    world.processes.end_tree(
        run=seen.run.id,
        pid=pane.pid if pane else None,
        started=pane.started if pane else None,
        grace=LEFTOVER_GRACE,
    )
    end_container(world, seen)
