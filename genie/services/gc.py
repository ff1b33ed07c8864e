"""`genie gc`: what sessions that have ended some time ago have left behind, and removing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from genie.domain.agent import ENDED
from genie.domain.errors import GenieError, RegistryAway
from genie.domain.session import PaneIdentity, Server, Sight, Snapshot, Standing, look
from genie.ports import Wanted, WorktreeState
from genie.ports.garbage import Heap, Leaving
from genie.services.world import World

SPARE = frozenset({WorktreeState.CLEAN, WorktreeState.GONE})
"""Worktrees with which nothing is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Things of one kind that would go: how many and how large they are, their names where they have some. `removed`
    are as many of them as have gone, `problems` say why others, or the look at them, did not succeed."""

    what: str
    heap: Heap
    names: tuple[str, ...] = ()
    removed: int = 0
    problems: tuple[str, ...] = ()


def gc(world: World, *, age: timedelta, force: bool = False) -> list[Pile]:
    """What was over before that age, on this host; with `force` it is removed. One kind that fails keeps no other from
    it. Raises RegistryAway."""
    before = world.clock.now() - age
    kinds: tuple[tuple[str, _Look], ...] = (("logs", _logs), ("panes", _panes), ("worktrees", _worktrees))
    return [
        *(_pile(world, what, look_at, before, force=force) for what, look_at in kinds),
        _events(world, before, force=force),
        _samples(world, before, force=force),
        _messages(world, before, force=force),
        _permissions(world, before, force=force),
    ]


@dataclass(frozen=True, slots=True)
class _Thing:
    """One thing that has a name, and what removes it."""

    name: str
    size: int
    remove: Callable[[], None]


_Look = Callable[[World, datetime, list[str]], list[_Thing]]
"""Finds things from before a time, and adds to the problems."""


def _pile(world: World, what: str, look_at: _Look, before: datetime, *, force: bool) -> Pile:
    problems: list[str] = []
    things: list[_Thing] = []
    with _told(problems):
        things = look_at(world, before, problems)
    removed = sum(_removed(thing, problems) for thing in things) if force else 0
    return Pile(
        what=what,
        heap=Heap(len(things), sum(thing.size for thing in things)),
        names=tuple(thing.name for thing in things),
        removed=removed,
        problems=tuple(problems),
    )


def _removed(thing: _Thing, problems: list[str]) -> bool:
    count = len(problems)
    with _told(problems, thing.name):
        thing.remove()
    return len(problems) == count


@contextmanager
def _told(problems: list[str], name: str = "") -> Iterator[None]:
    try:
        yield
    except RegistryAway:
        raise
    except GenieError as error:
        problems.append(f"{name}: {error.message}" if name and name not in error.message else error.message)


# ---- logs of sessions and of runs -----------------------------------------------------------


def _logs(world: World, before: datetime, _: list[str]) -> list[_Thing]:
    found = world.leavings.files()
    over = world.registry.over(world.host, [one.of for one in found], before=before)
    return [_file(world, one) for one in found if one.of in over]


def _file(world: World, one: Leaving) -> _Thing:
    return _Thing(one.path, one.size, lambda: world.leavings.remove(one))


# ---- panes ----------------------------------------------------------------------------------


def _panes(world: World, before: datetime, problems: list[str]) -> list[_Thing]:
    """Panes that are kept with the last screen of a run, of agents that nobody brings back by itself."""
    ended = [(one, pane) for one in _standings(world) if (pane := _kept(one, before))]
    seen: dict[str, Snapshot] = {}
    for socket in sorted({pane.server.socket for _, pane in ended}):
        with _told(problems):
            seen[socket] = world.terminal.panes(socket)
    return [
        _Thing(f"{pane.pane} ({one.agent.name})", 0, _closing(world, one, pane))
        for one, pane in ended
        if _is_dead(pane, seen.get(pane.server.socket))
    ]


def _is_dead(pane: PaneIdentity, snapshot: Snapshot | None) -> bool:
    return (
        snapshot is not None
        and snapshot.server == pane.server
        and look(pane, snapshot, Server.SAME).sight is Sight.DEAD
    )


def _kept(standing: Standing, before: datetime) -> PaneIdentity | None:
    run = standing.run
    if run is None or run.ended_at is None or not _over(standing, before):
        return None
    return run.pane


def _over(standing: Standing, before: datetime) -> bool:
    return standing.agent.life in ENDED and standing.agent.changed_at < before


def _closing(world: World, standing: Standing, pane: PaneIdentity) -> Callable[[], None]:
    """The terminal looks once more whether the pane is still that one."""

    def close() -> None:
        with world.flights.taken(standing.agent.id, within=timedelta(seconds=1)):
            world.terminal.close(pane)

    return close


# ---- worktrees ------------------------------------------------------------------------------


def _worktrees(world: World, before: datetime, problems: list[str]) -> list[_Thing]:
    """Those in which nothing would be lost, and in which nobody works or could go on."""
    made = world.supplies.worktrees.list()
    busy = [place for one in _standings(world) if not _over(one, before) for place in _places(one)] if made else []
    things: list[_Thing] = []
    for one in made:
        if any(one.holds(place) for place in busy):
            continue
        with _told(problems, one.path):
            things += _spare(world, one.path, before)
    return things


def _places(standing: Standing) -> Sequence[str]:
    session = standing.session
    return (standing.agent.cwd, session.launch.cwd) if session else (standing.agent.cwd,)


def _spare(world: World, path: str, before: datetime) -> list[_Thing]:
    """One that is being made is in nobody's use yet: it is too young."""
    weighed = world.leavings.weigh(path)
    if weighed.since >= before or world.supplies.worktrees.state(path) not in SPARE:
        return []
    return [_Thing(path, weighed.size, lambda: world.supplies.worktrees.remove(path))]


def _standings(world: World) -> list[Standing]:
    return [one for one in world.registry.roster(Wanted(all=True)) if one.agent.host == world.host]


# ---- the registry ---------------------------------------------------------------------------


def _events(world: World, before: datetime, *, force: bool) -> Pile:
    heap = world.registry.old_events(world.host, before=before)
    removed = world.registry.drop_events(world.host, before=before) if force and heap.count else 0
    return Pile(what="events", heap=heap, removed=removed)


def _samples(world: World, before: datetime, *, force: bool) -> Pile:
    heap = world.registry.old_samples(before=before)
    removed = world.registry.drop_samples(before=before) if force and heap.count else 0
    return Pile(what="samples", heap=heap, removed=removed)


def _messages(world: World, before: datetime, *, force: bool) -> Pile:
    """Those of which nothing more will come: a key that one of them had is free again."""
    heap = world.registry.old_messages(world.host, before=before)
    removed = world.registry.drop_messages(world.host, before=before) if force and heap.count else 0
    return Pile(what="messages", heap=heap, removed=removed)


def _permissions(world: World, before: datetime, *, force: bool) -> Pile:
    """What agents asked leave for. What is open stays, however old it is."""
    heap = world.registry.old_permissions(world.host, before=before)
    removed = world.registry.drop_permissions(world.host, before=before) if force and heap.count else 0
    return Pile(what="permissions", heap=heap, removed=removed)
