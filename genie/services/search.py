"""`genie search`: what was said, by its words."""

from __future__ import annotations

from genie.domain.errors import NotFound
from genie.domain.searching import Hit, Search
from genie.domain.words import nearest
from genie.services.roster import get
from genie.services.world import World

PAGE = 2000
"""Events that are made searchable at once."""


def search(world: World, wanted: Search) -> list[Hit]:
    """The best hits in all that has been said by now. Raises BadInput, and NotFound for an agent or a team that there
    is not."""
    wanted.check()
    if wanted.name is not None:
        get(world, wanted.name)
    if wanted.team is not None:
        _check_team(world, wanted.team)
    shelve(world)
    return world.registry.search(wanted)


def shelve(world: World) -> None:
    """Make everything searchable that has been said by now."""
    while world.registry.shelve(most=PAGE) == PAGE:
        pass


def _check_team(world: World, name: str) -> None:
    teams = [team.name for team in world.registry.teams()]
    if name not in teams:
        raise NotFound(f"unknown team '{name}'", hint=nearest(name, teams), kind="team", name=name)
