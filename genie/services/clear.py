"""What is cleared away once nobody needs it any more: containers, and worktrees in which nothing would be lost."""

from __future__ import annotations

from contextlib import suppress

from genie.domain.agent import Life
from genie.domain.errors import GenieError
from genie.domain.events import Kind, event
from genie.domain.session import Standing
from genie.ports import Wanted, Worktree
from genie.services.world import World

ALL_BUT_KILLED = tuple(life for life in Life if life is not Life.TERMINATED)


def after_run(world: World, standing: Standing) -> None:
    """Clear away what a session had that has ended, after the transaction of its end. To be called for every end: what
    can be brought back keeps its worktree. git may take its time. Raises RegistryAway."""
    end_container(world, standing)
    if is_over(standing):
        _clear_worktree(world, standing)


def has_supplies(world: World, standing: Standing) -> bool:
    """Whether `after_run` has anything to look at: by names alone, without asking anybody."""
    session = standing.session
    if session is None:
        return False
    if world.supplies.sandboxes.made(session.id, session.launch.argv):
        return True
    return is_over(standing) and world.supplies.worktrees.holding(session.launch.cwd) is not None


def is_over(standing: Standing) -> bool:
    """Whether nobody will go on with the session: it was killed, or was one to be run to its end."""
    if standing.agent.life is Life.TERMINATED:
        return True
    attend = standing.session.attend if standing.session else None
    return attend is not None and not attend.lasting and standing.agent.life in (Life.DONE, Life.FAILED)


def end_container(world: World, standing: Standing) -> None:
    """Kill the container of a sandboxed session, which outlives its client. One that cannot be killed keeps nobody from
    going on, but is told. Raises RegistryAway."""
    session = standing.session
    if session is None or not world.supplies.sandboxes.made(session.id, session.launch.argv):
        return
    try:
        environment = world.launches.environment(session.id)
        world.supplies.sandboxes.end(session.id, session.launch.argv, env=environment)
    except GenieError as error:
        with world.registry.begin() as tx:
            tx.record(event(Kind.SURVIVORS, standing.agent, standing.run, at=world.clock.now(), error=error.message))


def clear_former(world: World, former: Standing) -> None:
    """Clear away the worktree of the session that an agent had before it has begun anew."""
    with suppress(GenieError):
        _clear_worktree(world, former)


def take_back(world: World, made: Worktree) -> None:
    """Remove a worktree that was made for a spawn, unless a session has got it, or something is in it by now."""
    with suppress(GenieError):
        if not in_worktree(world, made):
            world.supplies.worktrees.remove(made.path)


def in_worktree(world: World, made: Worktree) -> list[Standing]:
    """The agents of this host that work in it or can be brought back to it."""
    return [
        standing
        for standing in world.registry.roster(Wanted(lives=ALL_BUT_KILLED))
        if standing.session
        and standing.agent.host == world.host
        and made.holds(standing.session.launch.cwd)
        and not is_over(standing)
    ]


def _clear_worktree(world: World, standing: Standing) -> None:
    """Remove the worktree that the session was in, or say where it is kept and why."""
    made = world.supplies.worktrees.holding(standing.session.launch.cwd) if standing.session else None
    if made is None or in_worktree(world, made):
        return
    kind, why, hint = Kind.WORKTREE_REMOVED, None, None
    try:
        world.supplies.worktrees.remove(made.path)
    except GenieError as error:
        kind, why, hint = Kind.WORKTREE_KEPT, error.message, error.hint or None
    said = {"worktree": made.path, "branch": made.branch, "reason": why, "hint": hint}
    with world.registry.begin() as tx:
        tx.record(event(kind, standing.agent, standing.run, at=world.clock.now(), **said))
