"""The team of a spawn: from what the scene shows to the five tiers' answer."""

from __future__ import annotations

from genie.domain.agent import Agent
from genie.domain.errors import NotAllowed, NotFound
from genie.domain.team import Clues, Resolution, resolve
from genie.domain.template import Template
from genie.services.order import Order
from genie.services.scene import Scene


def resolve_team(order: Order, scene: Scene, *, role: str, template: Template | None, row: Agent | None) -> Resolution:
    """The team. Where no tier answers and the name has an agent, that agent stays in its team.

    Raises what `domain.team.resolve` raises, and NotAllowed for a team that is archived.
    """
    archived = frozenset(team.name for team in scene.teams if team.archived_at)
    try:
        found = _resolve(_clues(order, scene, role=role, template=template, archived=archived), row)
    except NotFound as error:
        _refuse_archived(str(error.details.get("name")), archived)
        raise
    _refuse_archived(found.team, archived)
    return found


def _refuse_archived(team: str, archived: frozenset[str]) -> None:
    if team in archived:
        raise NotAllowed(f"team '{team}' is archived", hint=f"genie team unarchive {team}", team=team)


def _resolve(clues: Clues, row: Agent | None) -> Resolution:
    if row is None:
        return resolve(clues)
    try:
        found = resolve(clues)
    except NotFound as error:
        if error.details.get("kind") == "team":
            raise
        return _own(row)
    return _own(row) if found.tier is None else found


def _own(row: Agent) -> Resolution:
    return Resolution(row.team, row.team_tier, row.team_chain, new=False)


def _clues(order: Order, scene: Scene, *, role: str, template: Template | None, archived: frozenset[str]) -> Clues:
    return Clues(
        name=order.name,
        role=role,
        asked=order.team,
        has_template=template is not None,
        has_command=bool(order.command or order.provider or order.assignment),
        template_pin=template.team if template else None,
        env_team=order.caller.env.get("GENIE_TEAM") or None,
        caller_session=scene.caller_session,
        caller_tmux_session=scene.around_anywhere,
        teams=frozenset(team.name for team in scene.teams) - archived,
        lead_sessions=tuple(pair for pair in scene.lead_sessions if pair[1] not in archived),
        claude_teams=scene.claude_teams,
    )
