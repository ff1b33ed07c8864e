"""The team of a spawn: from what the scene shows to the five tiers' answer."""

from __future__ import annotations

from genie.domain.agent import Agent
from genie.domain.errors import NotFound
from genie.domain.team import Clues, Resolution, resolve
from genie.domain.template import Template
from genie.services.order import Order
from genie.services.scene import Scene


def resolve_team(order: Order, scene: Scene, *, role: str, template: Template | None, row: Agent | None) -> Resolution:
    """The team. Where no tier answers and the name has an agent, that agent stays in its team.

    Raises what `domain.team.resolve` raises.
    """
    clues = _clues(order, scene, role=role, template=template)
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


def _clues(order: Order, scene: Scene, *, role: str, template: Template | None) -> Clues:
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
        teams=frozenset(team.name for team in scene.teams),
        lead_sessions=scene.lead_sessions,
        claude_teams=scene.claude_teams,
    )
