"""Events that hooks could not hand to a daemon: they wait in `~/.genie/spool`."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Thread

import structlog

from genie.daemon.engine import Engine
from genie.domain.errors import GenieError

log = structlog.get_logger("genie.spool")

PATIENCE = 60.0
"""Seconds for the registry to come up."""


def drain(engine: Engine) -> None:
    """Take in what was spooled: what agents' hooks told, once the registry is there; of tmux's events nothing, since
    the sweep over everything at start sees all that they could tell."""
    found = [said for path in sorted(engine.home.spool.glob("*.json")) if (said := _taken(path))]
    if found:
        Thread(target=_replay, args=(engine, found), name="spool", daemon=True).start()


def _taken(path: Path) -> dict[str, object] | None:
    """An agent's event, whose file is removed; None for any other."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        said = None
    path.unlink(missing_ok=True)
    return said if isinstance(said, dict) and "." in str(said.get("event")) else None


def _replay(engine: Engine, found: list[dict[str, object]]) -> None:
    engine.settled(PATIENCE)
    for said in found:
        at, run = said.get("at"), said.get("run")
        try:
            engine.hooked(
                str(said["event"]),
                str(said.get("payload", "")),
                at if isinstance(at, float) else None,
                token=str(said.get("token", "")),
                run=run if isinstance(run, str) else None,
            )
        except GenieError as error:
            log.warning("not_replayed", error=error.message)
            return
