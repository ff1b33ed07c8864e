"""Whom a verb is about: the sessions that a selection means, each agent once."""

from __future__ import annotations

from collections.abc import Sequence

from genie.domain.errors import NotFound
from genie.domain.selecting import Match, Selection, one_of, only
from genie.domain.words import nearest
from genie.services.roster import known_names
from genie.services.world import World


def select(world: World, wanted: Selection, *, past: bool = False) -> list[Match]:
    """The sessions, those of the words first and in their order; with `past` also several of one agent.

    Raises BadInput where nothing is selected by, NotFound for a word that nothing fits and for a group that is empty,
    Conflict for a word that several sessions fit.
    """
    matches = world.registry.select(wanted.check())
    found = [_meant(world, word, matches) for word in dict.fromkeys(wanted.words)]
    group = [match for match in matches if match.word is None]
    if wanted.has_group and not group:
        raise _nobody(world, wanted)
    once: dict[object, Match] = {}
    for match in (*found, *group):
        agent = match.standing.agent.id
        once.setdefault((agent, match.id) if past else agent, match)
    return list(once.values())


def select_one(world: World, wanted: Selection) -> Match:
    """The one session. Raises what `select` raises, and Conflict where there are several."""
    return one_of(select(world, wanted))


def _meant(world: World, word: str, matches: Sequence[Match]) -> Match:
    found = only(word, [match for match in matches if match.word == word])
    if found is None:
        raise NotFound(f"unknown session '{word}'", hint=known_names(world, word), kind="session", name=word)
    return found


def _nobody(world: World, wanted: Selection) -> NotFound:
    teams = [team.name for team in world.registry.teams()]
    if wanted.team is not None and wanted.team not in teams:
        return NotFound(
            f"unknown team '{wanted.team}'", hint=nearest(wanted.team, teams), kind="team", name=wanted.team
        )
    tagged = f" with the tag {' or '.join(repr(tag) for tag in wanted.tags)}" if wanted.tags else ""
    place = f" in team {wanted.team}" if wanted.team else ""
    return NotFound(f"there is no session{tagged}{place}", hint="genie ls --all", kind="session")


def note(match: Match) -> str | None:
    """What to tell of a session that was named and is its agent's no more."""
    agent = match.standing.agent
    if match.past is None:
        return None
    return f"{match.past} is a past session of '{agent.name}'; this is about its present one, {agent.session}"
