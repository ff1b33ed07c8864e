"""Read models: agents as `ls`, `show`, `explain` and `history` tell of them. Reading writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from genie.domain import resume
from genie.domain.agent import LIVE, STOPPABLE, Agent, Life
from genie.domain.errors import GenieError, NotFound
from genie.domain.events import CHANGES, Event, Kind
from genie.domain.session import Look, Run, Session, Standing
from genie.domain.settle import (
    Bring,
    CarryOn,
    Declare,
    Expire,
    Finish,
    Forsake,
    GiveUp,
    Hold,
    Note,
    Rest,
    Start,
    Step,
    TimeOut,
    next_step,
    unwanted,
)
from genie.domain.words import nearest
from genie.ports import Relative, Wanted
from genie.services.reconcile import View, facts
from genie.services.world import World

_LIFE = tuple(kind for kind in CHANGES if kind is not Kind.ACTIVITY)
_HISTORY = tuple(kind for kind in Kind if kind is not Kind.ACTIVITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One agent as `genie ls` shows it. Times are aware UTC."""

    standing: Standing
    parent: str | None
    root: str
    orphan: bool
    attempts: int
    next_resume_at: datetime | None
    last_seen_at: datetime | None

    @property
    def agent(self) -> Agent:
        return self.standing.agent


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """All that is known of one agent. `log` is the file of its latest run that has one, `on_resume` what it is told
    when it was brought back."""

    row: Row
    sessions: Sequence[Session]
    runs: Sequence[Run]
    log: str | None
    on_resume: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an agent is in its state, and what the daemon would do next."""

    standing: Standing
    why: str
    next: Step
    look: Look | None
    events: Sequence[Event]
    on_resume: str | None = None


def known_names(world: World, name: str) -> str:
    """A hint with the nearest agent name."""
    names = [standing.agent.name for standing in world.registry.roster(Wanted())]
    return nearest(name, names) if names else "no agents yet: genie spawn NAME"


def get(world: World, name: str) -> Standing:
    """The agent of that name. Raises NotFound with the nearest name."""
    found = world.registry.find(name)
    if found is None:
        raise NotFound(f"unknown agent '{name}'", hint=known_names(world, name), kind="agent", name=name)
    return found


def ls(world: World, wanted: Wanted) -> list[Row]:
    """The agents that are wanted; those at rest in archived teams only where names or a team ask for them, or for all.
    Raises NotFound for a name nobody has. Does not ask tmux."""
    found = world.registry.roster(wanted)
    if not (wanted.names or wanted.team or wanted.all):
        found = _without_archived(world, found)
    missing = set(wanted.names) - {standing.agent.name for standing in found}
    if missing:
        get(world, min(missing))
    return rows(world, found)


def _without_archived(world: World, found: list[Standing]) -> list[Standing]:
    away = {team.name for team in world.registry.teams() if team.archived_at}
    return [one for one in found if one.agent.team not in away or one.agent.life in STOPPABLE] if away else found


def rows(world: World, standings: Sequence[Standing]) -> list[Row]:
    agents = [standing.agent for standing in standings]
    kin = {agent.parent for agent in agents if agent.parent} | {agent.root for agent in agents if agent.parent}
    relatives = world.registry.relatives(sorted(kin, key=str))
    beat = world.registry.last_beat(world.host)
    now = world.clock.now()
    return [
        row_of(
            standing,
            parent=relatives.get(standing.agent.parent) if standing.agent.parent else None,
            root=relatives.get(standing.agent.root),
            beat=beat,
            now=now,
        )
        for standing in standings
    ]


def show(world: World, name: str) -> Details:
    standing = get(world, name)
    runs = world.registry.runs(standing.agent.id)
    return Details(
        row=rows(world, [standing])[0],
        sessions=world.registry.sessions(standing.agent.id),
        runs=runs,
        log=next((world.run_logs.path(run.id) for run in runs if world.run_logs.has(run.id)), None),
        on_resume=on_resume_of(world, standing),
    )


def history(world: World, name: str, *, limit: int) -> list[Event]:
    """What became of an agent, and what was said; what it was doing from moment to moment is in its events only."""
    return world.registry.history(get(world, name).agent.id, limit=limit, kinds=_HISTORY)


def explain(world: World, name: str) -> Explanation:
    """The same decision that the daemon's next pass would make, with its reason."""
    standing = _waiting(world, get(world, name))
    view = View(world)
    with world.registry.begin() as tx:
        room = tx.live_count(world.host) < world.rules.max_running
        parent = tx.standing_of(standing.agent.parent) if standing.agent.parent else None
    ending = {parent.agent.id} if parent and unwanted(parent.agent) else set()
    known = facts(world, standing, view, room=room, ending=ending)
    events = world.registry.history(standing.agent.id, limit=8, kinds=_LIFE)
    return Explanation(
        standing=standing,
        why=why(standing, events),
        next=next_step(standing, known, now=world.clock.now()),
        look=known.look,
        events=events,
        on_resume=on_resume_of(world, standing),
    )


def on_resume_of(world: World, standing: Standing) -> str | None:
    """What an agent is told when it was brought back: its text, "none", or "default" for a note of genie's; None for
    what keeps no conversation."""
    session = standing.session
    try:
        if session is None or not world.providers.get(session.provider).conversational:
            return None
    except GenieError:  # a provider that was taken away since
        return None
    return session.on_resume or "default"


def _waiting(world: World, standing: Standing) -> Standing:
    """With what it waits for, as the daemon's pass sees it."""
    if standing.agent.life is not Life.QUEUED or standing.session is None:
        return standing
    return replace(standing, needs=world.registry.needs(standing.session.id))


def why(standing: Standing, events: Sequence[Event]) -> str:
    """One sentence about the present state, from the latest change of life."""
    agent = standing.agent
    last = next((e for e in reversed(events) if e.kind.value.startswith("agent.")), None)
    told = f"{last.kind.value.removeprefix('agent.').replace('_', ' ')} at {last.at:%Y-%m-%d %H:%M:%S}" if last else ""
    said = ", ".join(f"{key} {value}" for key, value in (last.payload if last else {}).items())
    reason = f" ({agent.reason})" if agent.reason else ""
    return f"{agent.life.value}{reason}: {told}{': ' + said if said else ''}"


def decision_of(step: Step) -> str:
    """The step in one word for scripts."""
    words: dict[type, str] = {
        Rest: "leave",
        Hold: "wait",
        Note: "look_again",
        Declare: "declare_dead",
        Start: "start",
        CarryOn: "start",
        Bring: "resume",
        GiveUp: "give_up",
        Forsake: "give_up",
        TimeOut: "stop",
    }
    if isinstance(step, Expire):
        return "kill"
    if isinstance(step, Finish):
        return "kill" if "gone" in step.reason else "stop"
    return words.get(type(step), "leave")


def ended(standing: Standing) -> bool:
    """Whether an agent is at rest. A dead one is not: it will be brought back or given up."""
    return standing.agent.life not in LIVE | {Life.DEAD}


def _decision(standing: Standing, *, now: datetime) -> resume.Decision:
    return resume.decide(standing.past(resumable=True, now=now), standing.agent.policy, now=now)


def row_of(
    standing: Standing, *, parent: Relative | None, root: Relative | None, beat: datetime | None, now: datetime
) -> Row:
    """The line of one agent, given who its parent and its root are and when its host was seen last."""
    agent, run = standing.agent, standing.run
    decision = _decision(standing, now=now)
    until = decision.until if isinstance(decision, resume.Wait) else None
    lived = run.lived(now=now) if run else timedelta(0)
    return Row(
        standing=standing,
        parent=parent.name if parent else None,
        root=root.name if root and agent.parent else agent.name,
        orphan=is_orphan(agent, parent.life if parent else None),
        attempts=resume.attempts_spent(agent.attempts, lived, agent.policy),
        next_resume_at=until,
        last_seen_at=_last_seen(run, beat),
    )


def is_orphan(agent: Agent, parent: Life | None) -> bool:
    """Whether a live agent has outlived its parent."""
    return agent.life in STOPPABLE and parent is not None and parent not in STOPPABLE


def _last_seen(run: Run | None, beat: datetime | None) -> datetime | None:
    if run is None or run.live_at is None:
        return None
    if run.ended_at:
        return run.ended_at
    return max(run.live_at, beat) if beat and not run.missed else run.live_at
