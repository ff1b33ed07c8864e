"""/v1/health, /v1/daemon, /v1/doctor, /v1/hooks."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psutil
import structlog
from fastapi import APIRouter, Depends

from genie import __version__
from genie.daemon.api.bodies import HookBody
from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer
from genie.daemon.doctor import examine
from genie.daemon.engine import Engine
from genie.daemon.logs import LOG_NAME
from genie.domain.errors import GenieError
from genie.ports import Wanted
from genie.settings import masked

log = structlog.get_logger("genie.hooks")

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]


@router.get("/health")
def get_health(here: Here) -> Answer:
    """Whether it is up. Never touches the database."""
    engine = here.engine
    return Answer(
        {
            "pid": os.getpid(),
            "version": __version__,
            "home": str(engine.home.root),
            "state": engine.health,
            "problem": engine.problem.message if engine.problem else None,
        }
    )


@router.get("/daemon")
def get_daemon(here: Here) -> Answer:
    """How the daemon is."""
    engine, beat = here.engine, here.engine.pacemaker
    return Answer(
        {
            "pid": os.getpid(),
            "since": engine.since,
            "version": __version__,
            "home": str(engine.home.root),
            "socket": str(engine.home.socket),
            "log": str(engine.home.logs / LOG_NAME),
            "host": engine.host,
            "state": engine.health,
            "database": _database(engine),
            "agents": _agents(engine),
            "heartbeat": {
                "last": beat.last_pass if beat else None,
                "ms": round(beat.last_ms, 1) if beat else None,
                "passes": beat.passes if beat else 0,
            },
            "rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
        }
    )


def _database(engine: Engine) -> dict[str, Any]:
    return {
        "kind": engine.database.kind,
        "url": masked(engine.dsn or ""),
        "state": "away" if engine.problem else "up",
        "problem": engine.problem.message if engine.problem else None,
    }


def _agents(engine: Engine) -> dict[str, int]:
    try:
        return dict(Counter(found.agent.life.value for found in engine.world.registry.roster(Wanted())))
    except GenieError:
        return {}


@router.post("/daemon/stop")
def post_stop(here: Here) -> Answer:
    """End the daemon. Agents and their panes go on."""
    here.leave()
    return Answer({"stopping": True})


@router.get("/doctor")
def get_doctor(here: Here, cwd: str = "/") -> Answer:
    """Every check with its fix."""
    return Answer([check.as_json() for check in examine(here.engine, Path(cwd))])


@router.post("/hooks")
def post_hook(body: HookBody, here: Here) -> Answer:
    """An event of tmux: look at the agent it is about, now. Or one of an agent's own hooks: what it tells of its
    activity. One that shows no good token is taken like the others, and is nothing."""
    if "." in body.event:
        here.engine.hooked(body.event, body.payload, body.at, token=body.token or "", run=body.run)
        return Answer({"taken": True})
    beat = here.engine.pacemaker
    if beat and body.run:
        owner = here.world.registry.owners([UUID(body.run)]).get(UUID(body.run))
        if owner:
            beat.look_at(owner.agent.id)
    log.debug("hook", hook=body.event, run=body.run)
    return Answer({"taken": True})
