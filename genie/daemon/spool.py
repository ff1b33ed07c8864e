"""Events that hooks could not hand to a daemon: they wait in `~/.genie/spool`."""

from __future__ import annotations

from genie.daemon.engine import Engine


def drain(engine: Engine) -> None:
    """Forget what was spooled: the sweep over everything at start sees all that these events could tell."""
    for path in engine.home.spool.glob("*.json"):
        path.unlink(missing_ok=True)
