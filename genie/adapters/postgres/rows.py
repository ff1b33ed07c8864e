"""Rows of the tables and values of the domain, made from each other."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any
from uuid import UUID

from genie.adapters.postgres.sql import AGENT, SESSION
from genie.domain.agent import Activity, Agent, Desired, Life, Placement, Reason, Restart, Why
from genie.domain.events import Event, Kind
from genie.domain.result import Need
from genie.domain.resume import Policy
from genie.domain.session import Attend, Launch, PaneIdentity, Run, ServerIdentity, Session, Standing
from genie.domain.team import TierAnswer
from genie.domain.tree import Limits, read_wish, write_limits

Row = Sequence[Any]

_LIFE = {life.value: life for life in Life}
_DESIRED = {desired.value: desired for desired in Desired}
_ACTIVITY = {activity.value: activity for activity in Activity}
_RESTART = {restart.value: restart for restart in Restart}
_REASON = {reason.value: reason for reason in Reason}
_WHY = {why.value: why for why in Why}
_KIND = {kind.value: kind for kind in Kind}

KINDS = list(_KIND)
"""The kinds that this genie can read; a newer one may have written others."""


# ---- JSON -----------------------------------------------------------------------------------


def to_json(value: object) -> str:
    return json.dumps(value, default=_plain)


_UNFIT = re.compile("[\x00\ud800-\udfff]")


def to_jsonb(value: object) -> str:
    """The same for what others have said: PostgreSQL's texts hold neither NUL nor half of a surrogate pair."""
    text = json.dumps(value, default=_plain, ensure_ascii=False)
    if "\\u0000" in text or not (text.isascii() or _UNFIT.search(text) is None):
        text = json.dumps(_fit(value), default=_plain, ensure_ascii=False)
    return text


def _fit(value: object) -> object:
    if isinstance(value, str):
        return _UNFIT.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {_fit(key): _fit(item) for key, item in value.items()}
    return [_fit(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value, key=str)
    raise TypeError(f"{type(value).__name__} has no place in JSON")


# ---- to rows --------------------------------------------------------------------------------


def of_agent(agent: Agent) -> dict[str, object]:
    place, policy = agent.placement, agent.policy
    return {
        "id": agent.id,
        "name": agent.name,
        "role": agent.role,
        "host": agent.host,
        "team": agent.team,
        "team_tier": agent.team_tier,
        "team_explicit": agent.team_explicit,
        "team_chain": to_json([asdict(answer) for answer in agent.team_chain]),
        "provider": agent.provider,
        "model": agent.model,
        "color": agent.color,
        "life": agent.life.value,
        "desired": agent.desired.value,
        "reason": agent.reason,
        "activity": agent.activity.value,
        "activity_since": agent.activity_since,
        "activity_source": agent.activity_source,
        "session_id": agent.session,
        "run_id": agent.run,
        "auto_resume": agent.auto_resume,
        "restart": agent.restart.value,
        "max_attempts": policy.max_attempts,
        "cooldown": policy.cooldown,
        "stable_after": policy.stable_after,
        "attempts": agent.attempts,
        "last_attempt": agent.last_attempt,
        "limited_until": agent.limited_until,
        "cwd": agent.cwd,
        "tags": list(agent.tags),
        "description": agent.description,
        "parent": agent.parent,
        "depth": agent.depth,
        "socket": place.socket,
        "tmux_session": place.session,
        "tmux_window": place.window,
        "layout": place.layout,
        "beside": place.beside,
        "own_window": place.own_window,
        "created_at": agent.created_at,
        "changed_at": agent.changed_at,
        "version": agent.version,
        "root": agent.root,
        "limits": _limits_text(agent.limits),
        "ttl": agent.ttl,
        "expires_at": agent.expires_at,
        "ending": agent.ending.value if agent.ending else None,
        "suspended_with": agent.suspended_with,
    }


def of_session(session: Session) -> dict[str, object]:
    return {
        "id": session.id,
        "agent_id": session.agent,
        "provider": session.provider,
        "provider_session": session.provider_session,
        "argv": list(session.launch.argv),
        "cwd": session.launch.cwd,
        "env_names": list(session.launch.env_names),
        "prompt": session.launch.prompt,
        "role_prompt": session.role_prompt,
        "created_at": session.created_at,
        "ended_at": session.ended_at,
        "prompted": session.prompted,
        "attend": _of_attend(session.attend),
        "retried_from": session.retried_from,
        "on_resume": session.on_resume,
    }


def _of_attend(attend: Attend | None) -> str | None:
    return None if attend is None else to_json(asdict(attend))


def of_run(run: Run) -> dict[str, object]:
    """All but the copies of the session's columns, and `missed`, which is a heartbeat's."""
    return {
        "id": run.id,
        "agent_id": run.agent,
        "session_id": run.session,
        "why": run.why.value,
        "attempt": run.attempt,
        **_of_pane(run.pane),
        "tmux_session": run.tmux_session,
        "tmux_window": run.window,
        "created_at": run.created_at,
        "deadline": run.deadline,
        "live_at": run.live_at,
        "ended_at": run.ended_at,
        "exit_code": run.exit_code,
        "signal": run.signal,
        "token": run.token,
    }


def _of_pane(pane: PaneIdentity | None) -> dict[str, object]:
    names = ("server_socket", "server_pid", "server_started", "pane", "pane_pid", "pane_started", "pane_run")
    if pane is None:
        return dict.fromkeys(names)
    server = pane.server
    return dict(
        zip(
            names,
            (server.socket, server.pid, server.started, pane.pane, pane.pid, pane.started, pane.run),
            strict=True,
        )
    )


def of_event(event: Event) -> tuple[object, ...]:
    return (event.kind.value, event.at, event.agent, event.session, event.run, to_jsonb(event.payload))


# ---- from rows ------------------------------------------------------------------------------

_SESSION_AT = len(AGENT)
_RUN_AT = _SESSION_AT + len(SESSION)


def to_standing(row: Row) -> Standing:
    """An agent, its session, its run and the run's missed looks, side by side."""
    session = row[_SESSION_AT:_RUN_AT]
    run = row[_RUN_AT:]
    return Standing(
        to_agent(row[:_SESSION_AT]),
        to_session(session) if session[0] is not None else None,
        to_run(run) if run[0] is not None else None,
    )


def to_waiting(row: Row) -> Standing:
    """The same with what it waits for before it."""
    standing = to_standing(row[1:])
    return replace(standing, needs=tuple(to_need(need) for need in row[0])) if row[0] else standing


def to_need(row: Row) -> Need:
    source, name, success = row
    return Need(source=source if isinstance(source, UUID) else UUID(source), name=name, success=success)


def to_agent(row: Row) -> Agent:
    # fmt: off
    (id_, name, role, host, team, team_tier, team_explicit, team_chain, provider, model, color, life, desired, reason,
     activity, activity_since, activity_source, session, run, auto_resume, restart, max_attempts, cooldown,
     stable_after, attempts, last_attempt, limited_until, cwd, tags, description, parent, depth, socket, tmux_session,
     window, layout, beside, own_window, created_at, changed_at, version, root, limits, ttl, expires_at, ending,
     suspended_with) = row
    # fmt: on
    return Agent(
        id=id_,
        name=name,
        role=role,
        host=host,
        team=team,
        team_tier=team_tier,
        team_explicit=team_explicit,
        team_chain=_chain(team_chain),
        provider=provider,
        model=model,
        color=color,
        life=_LIFE[life],
        desired=_DESIRED[desired],
        reason=reason,
        activity=_ACTIVITY[activity],
        activity_since=activity_since,
        activity_source=activity_source,
        session=session,
        run=run,
        auto_resume=auto_resume,
        restart=_RESTART[restart],
        policy=_policy(max_attempts, cooldown, stable_after),
        attempts=attempts,
        last_attempt=last_attempt,
        limited_until=limited_until,
        cwd=cwd,
        tags=tuple(tags),
        description=description,
        parent=parent,
        root=root,
        depth=depth,
        limits=_limits(limits),
        ttl=ttl,
        expires_at=expires_at,
        ending=_REASON[ending] if ending else None,
        suspended_with=suspended_with,
        placement=_placement(socket, tmux_session, window, layout, beside, own_window),
        created_at=created_at,
        changed_at=changed_at,
        version=version,
    )


# Many agents of a team share these; the values are frozen, so that one serves all.


@lru_cache(maxsize=1024)
def _chain(text: str) -> tuple[TierAnswer, ...]:
    return tuple(TierAnswer(**answer) for answer in json.loads(text))


@lru_cache(maxsize=1024)
def _limits(text: str) -> Limits:
    return Limits().over(read_wish(json.loads(text)))


@lru_cache(maxsize=1024)
def _limits_text(limits: Limits) -> str:
    return to_json(write_limits(limits))


@lru_cache(maxsize=1024)
def _policy(max_attempts: int, cooldown: timedelta, stable_after: timedelta) -> Policy:
    return Policy(max_attempts=max_attempts, cooldown=cooldown, stable_after=stable_after)


@lru_cache(maxsize=4096)
def _placement(socket: str, session: str, window: str, layout: str, beside: str | None, own: bool) -> Placement:
    return Placement(socket=socket, session=session, window=window, layout=layout, beside=beside, own_window=own)


def to_session(row: Row) -> Session:
    # fmt: off
    (id_, agent_id, provider, given, argv, cwd, env_names, prompt, role_prompt, created_at, ended_at, prompted, attend,
     retried_from, on_resume) = row
    # fmt: on
    return Session(
        id=id_,
        agent=agent_id,
        provider=provider,
        provider_session=given,
        launch=Launch(argv=tuple(argv), cwd=cwd, env_names=tuple(env_names), prompt=prompt),
        role_prompt=role_prompt,
        created_at=created_at,
        ended_at=ended_at,
        prompted=prompted,
        attend=_attend(attend) if attend else None,
        retried_from=retried_from,
        on_resume=on_resume,
    )


def _attend(stored: Mapping[str, Any]) -> Attend:
    timeout = stored.get("timeout")
    return Attend(**{**stored, "timeout": None if timeout is None else timedelta(seconds=timeout)})


def to_run(row: Row) -> Run:
    # fmt: off
    (id_, agent_id, session, why, attempt, socket, server_pid, server_started, pane, pid, started, pane_run,
     tmux_session, window, created_at, deadline, live_at, ended_at, exit_code, signal, token, missed) = row
    # fmt: on
    place = None
    if pane is not None:
        place = PaneIdentity(ServerIdentity(socket, server_pid, server_started), pane, pid, started, pane_run)
    return Run(
        id=id_,
        agent=agent_id,
        session=session,
        why=_WHY[why],
        attempt=attempt,
        pane=place,
        tmux_session=tmux_session,
        window=window,
        created_at=created_at,
        deadline=deadline,
        live_at=live_at,
        ended_at=ended_at,
        exit_code=exit_code,
        signal=signal,
        missed=missed or 0,
        token=token,
    )


def to_event(row: Row) -> Event:
    id_, seq, kind, at, agent_id, session, run, payload = row
    return Event(id=id_, seq=seq, kind=_KIND[kind], at=at, agent=agent_id, session=session, run=run, payload=payload)
