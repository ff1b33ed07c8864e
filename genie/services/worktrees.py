"""`genie worktree`: the worktrees that genie has made, what would be lost with each, and who is in it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from genie.domain.agent import ENDED
from genie.domain.errors import Conflict, GenieError, NotAllowed, NotFound
from genie.domain.session import Standing
from genie.domain.words import nearest
from genie.ports import Wanted, Worktree, WorktreeState
from genie.services.world import World

AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A worktree; its state, or why that cannot be told; the names of agents whose session works, or has worked, in
    it."""

    worktree: Worktree
    state: WorktreeState | None
    problem: str | None
    agents: tuple[str, ...]


def list_worktrees(world: World) -> list[Seen]:
    """All of them, in the order of their paths. What is wrong with one keeps no other from being shown."""
    made = world.supplies.worktrees.list()
    if not made:
        return []
    agents = world.registry.roster(Wanted())

    def look(one: Worktree) -> Seen:
        names = tuple(standing.agent.name for standing in _within(world, one, agents))
        try:
            return Seen(worktree=one, state=world.supplies.worktrees.state(one.path), problem=None, agents=names)
        except GenieError as error:
            return Seen(worktree=one, state=None, problem=error.message, agents=names)

    with ThreadPoolExecutor(min(len(made), AT_ONCE), thread_name_prefix="worktree") as pool:
        return list(pool.map(look, made))


def remove_worktree(world: World, named: str) -> Worktree:
    """Remove the one of that name or path. Raises NotFound, Conflict where several have the name, NotAllowed where an
    agent lives in it, and what `Worktrees.remove` raises."""
    made = _one(world.supplies.worktrees.list(), named)
    living = [one.agent.name for one in _within(world, made, world.registry.roster(Wanted())) if _lives(one)]
    if living:
        raise NotAllowed(
            f"'{living[0]}' lives in the worktree '{made.name}'", hint=f"genie kill {living[0]}", agents=living
        )
    world.supplies.worktrees.remove(made.path)
    return made


def _lives(standing: Standing) -> bool:
    return standing.agent.life not in ENDED


def _within(world: World, made: Worktree, agents: Sequence[Standing]) -> list[Standing]:
    here = [one for one in agents if one.session and one.agent.host == world.host]
    return [one for one in here if one.session and made.holds(one.session.launch.cwd)]


def _one(made: Sequence[Worktree], named: str) -> Worktree:
    found = [one for one in made if named in (one.name, one.path)]
    if not found:
        raise NotFound(
            f"there is no worktree '{named}'", hint=nearest(named, [one.name for one in made]), worktree=named
        )
    if len(found) > 1:
        paths = [one.path for one in found]
        raise Conflict(f"{len(found)} worktrees are called '{named}'", hint=f"give a path: {', '.join(paths)}")
    return found[0]
