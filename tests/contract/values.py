"""Values for the registry's tests: whole ones, with the field that matters given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from genie.domain.agent import Activity, Agent, Desired, Life, Placement, Reason, Restart, Why
from genie.domain.resume import Policy
from genie.domain.session import Launch, PaneIdentity, Run, ServerIdentity, Session, Standing
from genie.domain.team import Team, TierAnswer
from genie.domain.template import Scope, Template
from genie.domain.tree import Limits, Mode, Rate, Termination, Wish
from genie.ports import Registry, Tx

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOST = "host-1"
ARGV = ("claude", "-p", 'it\'s {x} %s \\ "y"', "", "größe")
CHAIN = (
    TierAnswer(1, "--team", None, "not given"),
    TierAnswer(2, "template", "red", "template 'engineer' pins it"),
)


def an_agent(name: str = "ada", **changed: Any) -> Agent:  # noqa: ANN401
    id_ = changed.get("id", uuid4())
    fields: dict[str, Any] = {
        "id": id_,
        "name": name,
        "role": "engineer",
        "host": HOST,
        "team": "red",
        "team_tier": 2,
        "team_explicit": False,
        "team_chain": CHAIN,
        "provider": "claude",
        "model": "opus",
        "color": "blue",
        "life": Life.SPAWNING,
        "desired": Desired.RUNNING,
        "reason": None,
        "activity": Activity.STARTING,
        "activity_since": NOW,
        "activity_source": "registry",
        "session": None,
        "run": None,
        "auto_resume": True,
        "restart": Restart.ON_FAILURE,
        "policy": Policy(max_attempts=5, cooldown=timedelta(seconds=90.5), stable_after=timedelta(days=2)),
        "attempts": 1,
        "last_attempt": NOW,
        "limited_until": NOW + timedelta(hours=1),
        "cwd": "/work/größe 'x' %s",
        "tags": ("a", "b,c", 'quo"te'),
        "description": "a\nb",
        "parent": None,
        "root": changed.get("parent") or id_,
        "depth": 0,
        "limits": Limits(mode=Mode.STATIC, children=7, memory=8 * 2**30, rate=Rate(3, timedelta(minutes=1))),
        "ttl": timedelta(hours=1),
        "expires_at": NOW + timedelta(hours=1),
        "ending": Reason.QUOTA,
        "suspended_with": None,
        "placement": Placement(socket="/tmp/t", session="red", window="red", layout="mosaic", beside="%3"),
        "created_at": NOW,
        "changed_at": NOW,
        "version": 1,
    }
    return Agent(**fields | changed)


def a_session(agent: UUID, **changed: Any) -> Session:  # noqa: ANN401
    id_ = changed.pop("id", uuid4())
    fields: dict[str, Any] = {
        "id": id_,
        "agent": agent,
        "provider": "claude",
        "provider_session": str(id_),
        "launch": Launch(argv=ARGV, cwd="/w", env_names=("HOME", "PATH"), prompt=2),
        "role_prompt": "You are\nan engineer.",
        "on_resume": "look first",
        "created_at": NOW,
    }
    return Session(**fields | changed)


def a_pane(run: UUID, number: int = 1) -> PaneIdentity:
    return PaneIdentity(ServerIdentity("/tmp/t", 4711, "boot:17"), f"%{number}", 1000 + number, "boot:18", run)


def a_run(session: Session, **changed: Any) -> Run:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": uuid4(),
        "agent": session.agent,
        "session": session.id,
        "why": Why.SPAWN,
        "attempt": 0,
        "pane": None,
        "tmux_session": "red",
        "window": "red",
        "created_at": NOW,
        "deadline": NOW + timedelta(seconds=30),
        "token": uuid4().hex,
    }
    return Run(**fields | changed)


def a_team(name: str = "red", **changed: Any) -> Team:  # noqa: ANN401
    fields: dict[str, Any] = {
        "id": uuid4(),
        "name": name,
        "lead": None,
        "tmux_session": name,
        "layout": "mosaic",
        "cwd": "/w",
        "created_at": NOW,
        "spawn": Wish(children=3, termination=Termination.ORPHAN),
        "native": True,
        "repo": "/w/shop",
        "worktrees": True,
    }
    return Team(**fields | changed)


def a_template(**changed: Any) -> Template:  # noqa: ANN401
    fields: dict[str, Any] = {
        "name": "engineer",
        "source": "/w/.genie/agents/engineer/AGENTS.md",
        "scope": Scope.PROJECT,
        "checksum": "c1",
        "prompt": "Build.",
        "cooldown": timedelta(seconds=3),
        "env": (("A", "B"),),
    }
    return Template(**fields | changed)


def spawn(registry: Registry, name: str = "ada", *, live: bool = True, **changed: Any) -> Standing:  # noqa: ANN401
    """An agent with a session and a run, as a spawn writes them; `live` leaves the run open."""
    agent = an_agent(name, **changed)
    session = a_session(agent.id)
    run = a_run(session, ended_at=None if live else NOW)
    with registry.begin() as tx:
        return write(tx, Standing(agent, session, run))


def write(tx: Tx, standing: Standing) -> Standing:
    assert standing.session
    assert standing.run
    agent = standing.agent
    tx.add_team(a_team(agent.team))
    whole = an_agent(**{name: getattr(agent, name) for name in agent.__slots__} | _ids(standing))
    tx.add_agent(whole)
    tx.add_session(standing.session)
    tx.add_run(standing.run)
    return Standing(whole, standing.session, standing.run)


def _ids(standing: Standing) -> dict[str, Any]:
    assert standing.session
    assert standing.run
    return {"session": standing.session.id, "run": standing.run.id}
