"""How values of the domain are written as JSON: stable keys, ISO times in UTC, seconds for durations."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from starlette.responses import Response

from genie.domain.activity import shown as activity_of
from genie.domain.agent import Agent
from genie.domain.events import Event
from genie.domain.session import Run, Session, Standing
from genie.domain.team import Team, TierAnswer
from genie.domain.tree import write_limits
from genie.services.roster import Details, Explanation, Row, decision_of
from genie.services.spawn import Rehearsed, Spawned
from genie.services.supply import worktree_name


class Answer(Response):
    """JSON in ASCII: bytes of names that are no UTF-8 go through as lone surrogates."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  Starlette's own signature
        return json.dumps(content, default=plain, separators=(",", ":")).encode()


def plain(value: object) -> object:
    """What json cannot write by itself."""
    match value:
        case datetime():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case frozenset() | set():
            return sorted(value)
        case _:
            raise TypeError(type(value).__name__)


def standing(found: Standing) -> dict[str, Any]:
    """What every answer about an agent has."""
    agent, run = found.agent, found.run
    pane = run.pane if run else None
    here = run.ended_at is None if run else False
    return {
        "name": agent.name,
        "session_id": agent.session,
        "run_id": agent.run,
        "team": agent.team,
        "team_tier": agent.team_tier,
        "team_explicit": agent.team_explicit,
        "role": agent.role,
        "state": agent.life,
        "provider": agent.provider,
        "model": agent.model,
        "pane": pane.pane if pane else None,
        "pid": pane.pid if pane and here else None,
        "tmux_session": run.tmux_session if run else agent.placement.session,
        "window": run.window if run else agent.placement.window,
        "host": agent.host,
        "cwd": agent.cwd,
        "depth": agent.depth,
    }


def row(shown: Row) -> dict[str, Any]:
    """One line of `genie ls --json`."""
    agent, run = shown.agent, shown.standing.run
    return standing(shown.standing) | {
        "parent": shown.parent,
        "root": shown.root,
        "orphan": shown.orphan,
        "termination": agent.limits.termination,
        "activity": activity_of(agent),
        "activity_since": agent.activity_since,
        "activity_source": _source(agent),
        "resume_attempts": shown.attempts,
        "max_resume_attempts": agent.policy.max_attempts,
        "auto_resume": agent.auto_resume,
        "restart": agent.restart,
        "next_resume_at": shown.next_resume_at,
        "reason": agent.reason,
        "exit_code": run.exit_code if run else None,
        "signal": run.signal if run else None,
        "tags": agent.tags,
        "description": agent.description,
        "color": agent.color,
        "ttl": agent.ttl,
        "expires_at": agent.expires_at,
        "created_at": agent.created_at,
        "started_at": run.live_at if run else None,
        "ended_at": run.ended_at if run else None,
        "last_seen_at": shown.last_seen_at,
    }


def _source(agent: Agent) -> str:
    """Who tells of the activity that is shown."""
    return agent.activity_source if activity_of(agent) is agent.activity else ""


def details(known: Details) -> dict[str, Any]:
    """`genie show --json`."""
    agent, current = known.row.agent, known.row.standing.session
    return row(known.row) | {
        "sessions": [session(one, current=one.id == agent.session) for one in known.sessions],
        "runs": [run(one) for one in known.runs],
        "argv": current.launch.argv if current else [],
        "env_names": current.launch.env_names if current else [],
        "layout": agent.placement.layout,
        "on_resume": known.on_resume,
        "policy": {
            "max_attempts": agent.policy.max_attempts,
            "cooldown": agent.policy.cooldown,
            "stable_after": agent.policy.stable_after,
        },
        "limits": write_limits(agent.limits),
        "desired": agent.desired,
        "log": known.log,
        "tmux_socket": agent.placement.socket,
    }


def session(one: Session, *, current: bool) -> dict[str, Any]:
    return {
        "id": one.id,
        "provider": one.provider,
        "provider_session": one.provider_session,
        "created_at": one.created_at,
        "ended_at": one.ended_at,
        "current": current,
    }


def run(one: Run) -> dict[str, Any]:
    return {
        "id": one.id,
        "session_id": one.session,
        "why": one.why,
        "attempt": one.attempt,
        "pane": one.pane.pane if one.pane else None,
        "pid": one.pane.pid if one.pane else None,
        "started_at": one.live_at,
        "ended_at": one.ended_at,
        "exit_code": one.exit_code,
        "signal": one.signal,
    }


def explanation(known: Explanation) -> dict[str, Any]:
    """`genie explain --json`."""
    agent = known.standing.agent
    return {
        "name": agent.name,
        "state": agent.life,
        "since": agent.changed_at,
        "desired": agent.desired,
        "why": known.why,
        "activity": {
            "activity": activity_of(agent),
            "since": agent.activity_since,
            "source": _source(agent),
            "limited_until": agent.limited_until,
        },
        "next": {
            "decision": decision_of(known.next),
            "reason": known.next.reason,
            "until": getattr(known.next, "until", None),
            "attempt": getattr(known.next, "attempt", None),
        },
        "on_resume": known.on_resume,
        "team": {
            "name": agent.team,
            "tier": agent.team_tier,
            "explicit": agent.team_explicit,
            "chain": [tier(answer) for answer in agent.team_chain],
        },
        "pane": {"sight": known.look.sight, "detail": str(known.look.end) if known.look.gone else ""}
        if known.look
        else None,
        "events": [event(one, name=agent.name) for one in known.events],
    }


def tier(answer: TierAnswer) -> dict[str, Any]:
    return {"tier": answer.tier, "source": answer.source, "team": answer.team, "detail": answer.detail}


def event(one: Event, *, name: str | None) -> dict[str, Any]:
    return {
        "id": one.id,
        "seq": one.seq,
        "at": one.at,
        "kind": one.kind,
        "agent": one.agent,
        "name": name,
        "session_id": one.session,
        "run_id": one.run,
        "payload": dict(one.payload),
    }


def spawned(done: Spawned, *, parent: str | None) -> dict[str, Any]:
    return standing(done.standing) | {
        "parent": parent,
        "expires_at": done.standing.agent.expires_at,
        "decision": type(done.decision).__name__.lower(),
        "reason": done.decision.reason,
        "overrides": [tier(answer) for answer in done.resolution.overrides],
        "warnings": done.warnings,
        "worktree": done.worktree.path if done.worktree else None,
        "branch": done.worktree.branch if done.worktree else None,
    }


def rehearsed(done: Rehearsed) -> dict[str, Any]:
    """`genie spawn --dry-run --json`."""
    planned = done.planned
    found = planned.template
    return {
        "dry_run": True,
        "name": done.name,
        "decision": type(planned.decision).__name__.lower(),
        "reason": planned.decision.reason,
        "template": {"name": found.name, "source": found.source, "scope": found.scope} if found else None,
        "team": planned.resolution.team,
        "team_tier": planned.resolution.tier,
        "team_explicit": planned.resolution.explicit,
        "team_chain": [tier(answer) for answer in planned.resolution.chain],
        "overrides": [tier(answer) for answer in planned.resolution.overrides],
        "warnings": planned.warnings,
        "provider": planned.provider.name,
        "model": planned.order.model or (found.model if found else None),
        "argv": done.launch.argv,
        "cwd": done.launch.cwd,
        "worktree": worktree_name(planned),
        "env_names": done.launch.env_names,
        "tmux_session": planned.placement.session,
        "window": planned.placement.window,
        "layout": planned.placement.layout,
        "color": done.color,
        "restart": planned.wishes.restart,
        "auto_resume": planned.wishes.auto_resume,
        "parent": planned.kin.parent.name if planned.kin.parent else None,
        "depth": planned.kin.depth,
        "ttl": planned.wishes.ttl,
        "limits": write_limits(planned.limits),
    }


def team(one: Team, *, agents: int = 0) -> dict[str, Any]:
    return {
        "name": one.name,
        "lead": one.lead,
        "tmux_session": one.tmux_session,
        "layout": one.layout,
        "cwd": one.cwd,
        "created_at": one.created_at,
        "limits": write_limits(one.spawn),
        "agents": agents,
        "archived_at": one.archived_at,
        "native": one.native,
        "repo": one.repo,
        "worktrees": one.worktrees,
    }
