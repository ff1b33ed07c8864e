"""What a pane's border says of its agent."""

from __future__ import annotations

from contextlib import suppress

from genie.domain.agent import Agent
from genie.domain.errors import Foreign, TerminalAway
from genie.domain.session import Run
from genie.ports import Face
from genie.services.world import World


def face(agent: Agent) -> Face:
    """What the pane's border says of its agent."""
    return Face(
        name=agent.name,
        role=agent.role,
        state=agent.life.value,
        resumes=f"{agent.attempts}/{agent.policy.max_attempts}",
        color=agent.color,
    )


def show_state(world: World, agent: Agent, run: Run | None) -> None:
    """Say the agent's state on the border of its pane, where that is still there."""
    if run and run.pane:
        with suppress(Foreign, TerminalAway):
            world.terminal.dress(run.pane, face(agent))
