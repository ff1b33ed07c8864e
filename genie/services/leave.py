"""What is left to do after a session that was attended to has ended: close its pane, tell outsiders."""

from __future__ import annotations

from contextlib import suppress

from genie.domain.agent import ENDED, Life
from genie.domain.errors import GenieError
from genie.domain.session import Standing
from genie.services.world import World


def leave(world: World, ended: Standing) -> None:
    """To be called once the end is written. Nothing of it may fail the end: a pane that stays is closed by `gc`."""
    agent, session, run = ended.agent, ended.session, ended.run
    if session is None or session.attend is None or agent.life not in ENDED:
        return
    with suppress(GenieError):
        world.launches.mark(session.id, "ended", _ended(ended))
    if agent.life is Life.DONE and not session.attend.keep and run and run.pane:
        with suppress(GenieError):
            world.terminal.close(run.pane)


def _ended(ended: Standing) -> dict[str, object]:
    agent, run = ended.agent, ended.run
    return {
        "session_id": str(agent.session),
        "name": agent.name,
        "at": agent.changed_at.isoformat(),
        "started_at": run.live_at.isoformat() if run and run.live_at else None,
        "success": agent.life is Life.DONE,
        "state": agent.life.value,
        "reason": agent.reason,
        "exit_code": run.exit_code if run else None,
        "signal": run.signal if run else None,
    }
