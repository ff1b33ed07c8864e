"""How spawn trees and what runs use are written as JSON: CPU in percent of one core, memory in bytes."""

from __future__ import annotations

from typing import Any

from genie.daemon.api.wire import row
from genie.domain.usage import Sample
from genie.ports import Vital
from genie.services.grove import Node


def node(one: Node) -> dict[str, Any]:
    """One line of `genie tree --json`."""
    return row(one.row) | _use(one.latest) | {"level": one.level, "tree_rss": one.tree_rss}


def vital(one: Vital) -> dict[str, Any]:
    """One line of `genie ps --json`."""
    agent, run = one.standing.agent, one.standing.run
    pane = run.pane if run else None
    return {
        "name": agent.name,
        "team": agent.team,
        "role": agent.role,
        "state": agent.life,
        "pid": pane.pid if pane else None,
        "pane": pane.pane if pane else None,
        "run_id": run.id if run else None,
        "depth": agent.depth,
        "parent": one.parent,
        **_use(one.latest),
        "tree_cpu": _percent(one.tree_cpu),
        "tree_rss": one.tree_rss,
        "started_at": run.live_at if run else None,
        "expires_at": agent.expires_at,
        "history": [{"at": past.at, "cpu": _percent(past.cpu), "rss": past.rss} for past in one.history],
    }


def _use(latest: Sample | None) -> dict[str, Any]:
    if latest is None:
        return {"cpu": None, "rss": None, "processes": None}
    return {"cpu": _percent(latest.cpu), "rss": latest.rss, "processes": latest.processes}


def _percent(cpu: float | None) -> float | None:
    return None if cpu is None else round(cpu, 1)
