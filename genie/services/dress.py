"""What a pane's border says of its agent."""

from __future__ import annotations

from contextlib import suppress

from genie.domain.activity import shown
from genie.domain.agent import Activity, Agent, Life
from genie.domain.errors import Foreign, TerminalAway
from genie.domain.session import Run
from genie.ports import Face
from genie.services.world import World


def face(agent: Agent) -> Face:
    """What the pane's border says of its agent."""
    return Face(
        name=agent.name,
        role=agent.role,
        state=_state(agent),
        resumes=f"{agent.attempts}/{agent.policy.max_attempts}",
        color=agent.color,
    )


def _state(agent: Agent) -> str:
    """Its life, and what it is doing where that can be told."""
    doing = shown(agent)
    known = agent.life is Life.RUNNING and doing is not Activity.UNKNOWN
    return f"{agent.life.value}, {doing.value}" if known else agent.life.value


def show_state(world: World, agent: Agent, run: Run | None) -> None:
    """Say the agent's state on the border of its pane, where that is still there."""
    if run and run.pane:
        with suppress(Foreign, TerminalAway):
            world.terminal.dress(run.pane, face(agent))
