"""What an interactive agent is doing: evidence is weighed, and what changes is written. Never decides life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from genie.domain.activity import (
    TURN_OVER,
    URGENT,
    Evidence,
    Known,
    Patience,
    Reading,
    Source,
    announced,
    judge,
    kept,
    note,
    of_event,
    without_registry,
)
from genie.domain.agent import Activity, Agent, Life
from genie.domain.events import Event, Kind, event
from genie.domain.meter import Allowance, Meter, newly_near, spent
from genie.domain.session import Run, Session
from genie.domain.startup import Dialog
from genie.ports import Tx
from genie.ports.signs import Signs
from genie.services.anew import anew
from genie.services.dress import show_state
from genie.services.world import World

EARLY = 20
"""What hooks have told that is kept until the session's own thread is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A live run and what is known of it. `path` is the file that tells of its process, None where there is none;
    `told` when its activity was written last; `fresh` says that its agent's row
    tells of no activity of a run before. `dialog` is what its configuration leads to at its start, `accepted` what was
    answered there, `moves` how often a choice was moved. `meter` is what its status line told last, `near` the limits
    that were told of. `thread` is the provider's id of its session, where it is known, `early` what hooks have told of
    threads before it was, `title` what the pane's title has told last."""

    run: Run
    provider: str
    env: Mapping[str, str]
    path: str | None
    known: Known
    fresh: bool = True
    told: datetime | None = None
    name: str = ""
    cwd: str = ""
    argv: tuple[str, ...] = ()
    dialog: Dialog | None = None
    accepted: frozenset[str] = frozenset()
    moves: int = 0
    meter: Meter | None = None
    near: tuple[Allowance, ...] = ()
    thread: str | None = None
    early: tuple[Evidence, ...] = ()
    title: Activity | None = None


def begin(world: World, signs: Signs, run: Run) -> Watched | None:
    """Begin to watch a live run; None for one whose program tells nothing, or that nobody talks to in its pane.
    Raises RegistryAway."""
    session = next((one for one in world.registry.sessions(run.agent) if one.id == run.session), None)
    if session is None or run.pane is None:
        return None
    if session.attend:
        return _begin_fed(world, run, session) if session.attend.keep_open else None
    if not signs.tells(session.provider):
        return None
    env = world.launches.environment(session.id)
    dialog = signs.dialog(session.provider, env=env, cwd=session.launch.cwd, argv=session.launch.argv)
    text = dialog.text if dialog else ""
    known = Known(started=run.live_at or run.created_at, dialog=text, mute=signs.mute(session.provider))
    owner = world.registry.owners([run.id]).get(run.id)
    return Watched(
        run=run,
        provider=session.provider,
        env=env,
        path=signs.path(session.provider, env=env, pid=run.pane.pid),
        known=kept(known, owner.agent) if owner else known,
        fresh=owner is None or owner.agent.activity in (Activity.UNKNOWN, Activity.STARTING),
        name=owner.agent.name if owner else "",
        cwd=session.launch.cwd,
        argv=session.launch.argv,
        dialog=dialog,
        thread=session.provider_session,
    )


def _begin_fed(world: World, run: Run, session: Session) -> Watched:
    """One that is fed has no screen, and nothing tells of it but its conversation."""
    owner = world.registry.owners([run.id]).get(run.id)
    known = Known(started=run.live_at or run.created_at, mute=True)
    return Watched(
        run=run,
        provider=session.provider,
        env={},
        path=None,
        known=kept(known, owner.agent) if owner else known,
        fresh=owner is None or owner.agent.activity in (Activity.UNKNOWN, Activity.STARTING),
        thread=session.provider_session,
    )


def hear(world: World, watched: Watched, said: Evidence) -> Watched:
    """The same with one thing more that was told. Writes nothing."""
    return replace(watched, known=note(watched.known, said, now=world.clock.now()))


def hear_hook(world: World, watched: Watched, said: Evidence) -> Watched:
    """The same with what a hook has told; what is of another thread than the session's own tells nothing of it: helpers
    have turns of their own, codex for the title of a session before its first turn is over. What is told of a thread
    before the own one is known is heard as soon as it is. Raises RegistryAway."""
    if not said.thread:
        return hear(world, watched, said)
    return _sorted(world, replace(watched, early=(*watched.early, said)[-EARLY:]))


def _sorted(world: World, watched: Watched) -> Watched:
    """The same, having heard what was told of its own thread, where that is known."""
    if not watched.early:
        return watched
    own = watched.thread
    if own is None:
        sessions = world.registry.sessions(watched.run.agent)
        own = next((one.provider_session for one in sessions if one.id == watched.run.session), None)
    if own is None:
        return watched
    early, watched = watched.early, replace(watched, thread=own, early=())
    for said in early:
        watched = hear(world, watched, said) if said.thread == own else watched
    return watched


def hear_title(world: World, signs: Signs, watched: Watched, title: str) -> Watched | None:
    """The same with what the title of its pane says now; None where that is nothing new. The agent's name, which genie
    itself puts there, tells nothing."""
    if title == watched.name:
        return None
    now = world.clock.now()
    said = signs.title(watched.provider, title, at=now)
    says = said.says if said else None
    if says is watched.title and says is not Activity.PERMISSION:  # that stands for as long as it is seen
        return None
    over = Evidence(source=Source.TITLE, at=now, says=Activity.IDLE, detail="neither spins nor asks")
    return replace(hear(world, watched, said or over), title=says)


def read_meter(world: World, watched: Watched, meter: Meter) -> Watched:
    """The same with what its status line has told. A limit that is near is recorded, once. Raises RegistryAway."""
    near = newly_near(watched.near, meter)
    if near:
        _warn(world, watched.run, near)
    cost = spent(watched.meter, meter) or None
    said = Evidence(source=Source.STATUS, at=meter.at, says=None, detail=str(meter), waits=cost)
    return replace(hear(world, watched, said), meter=meter, near=(*watched.near, *near))


def _warn(world: World, run: Run, near: Sequence[Allowance]) -> None:
    with world.registry.begin() as tx:
        found = tx.standing_of(run.agent)
        if found is None:
            return
        now = world.clock.now()
        for limit in near:
            said = {"limit": limit.name, "used": limit.used, "until": limit.resets_at and limit.resets_at.isoformat()}
            tx.record(event(Kind.LIMIT_NEAR, found.agent, run, at=now, **said))


def heard_in(happened: Event, watched: Watched) -> Evidence | None:
    """What an event of the conversation tells of that run."""
    return of_event(happened) if happened.run == watched.run.id else None


def tell(
    world: World, signs: Signs, watched: Watched, patience: Patience | None = None
) -> tuple[Watched, datetime | None]:
    """Look at what the program says of itself, weigh, and write the agent's activity where it has changed; and when
    to look again if nobody tells anything. Raises RegistryAway, Stale when others change the agent all the time."""
    patience = patience or Patience()
    now = world.clock.now()
    watched = _sorted(world, watched)
    watched = replace(watched, known=_looked(signs, watched, now=now))
    reading = judge(watched.known, patience, now=now)
    wait = _not_yet(watched, reading, patience, now=now)
    if wait:
        return watched, min(wait, reading.again or wait)
    if _write(world, watched.run, reading, now=now):
        watched = replace(watched, told=now)
    return watched, reading.again


def _looked(signs: Signs, watched: Watched, *, now: datetime) -> Known:
    pane, known = watched.run.pane, watched.known
    if watched.path is None or pane is None:
        return known
    said = signs.look(watched.provider, env=watched.env, pid=pane.pid)
    return without_registry(known) if said is None else note(known, said, now=now)


def _not_yet(watched: Watched, reading: Reading, patience: Patience, *, now: datetime) -> datetime | None:
    """When to write what need not be told at once: programs change their mind within a moment."""
    if reading.activity in URGENT:
        return None
    if watched.told is None:
        begins = reading.activity is Activity.STARTING and watched.fresh
        due = watched.known.started + patience.quiet if begins else now
    else:
        due = watched.told + patience.quiet
    return due if now < due else None


def _write(world: World, run: Run, reading: Reading, *, now: datetime) -> bool:
    """Whether there was something to write. Raises Stale."""

    def write() -> Agent | None:
        with world.registry.begin() as tx:
            return _save(tx, run, reading, now=now)

    saved = anew(write)
    if saved:
        show_state(world, saved, run)
    return saved is not None


def _save(tx: Tx, run: Run, reading: Reading, *, now: datetime) -> Agent | None:
    """The agent as it was saved; None where nothing has changed, or another run is its present one."""
    found = tx.standing_of(run.agent)
    if found is None or found.run is None or found.run.id != run.id or found.agent.life is not Life.RUNNING:
        return None
    agent = found.agent
    if _stands(agent, run, reading, now=now):
        return None
    changed = replace(
        agent,
        activity=reading.activity,
        activity_since=max(reading.since, run.created_at),
        activity_source=reading.source,
    )
    saved = tx.save_agent(changed)
    until = agent.limited_until if reading.activity is Activity.LIMITED else None
    tx.record(
        event(
            Kind.ACTIVITY,
            saved,
            run,
            at=now,
            activity=reading.activity.value,
            before=agent.activity.value,
            evidence=reading.source,
            until=until.isoformat() if until else None,
        )
    )
    return saved


def _stands(agent: Agent, run: Run, reading: Reading, *, now: datetime) -> bool:
    """Whether its row says as much already. Of a limit that was only noted, the conversation will tell in a moment."""
    if not announced(agent) and agent.activity is Activity.LIMITED:
        noted = agent.limited_until is not None and now < agent.limited_until
        return noted and reading.activity in TURN_OVER - {Activity.LIMITED}
    return agent.activity is reading.activity and announced(agent) and agent.activity_since >= run.created_at


def run_of(world: World, token: str, run: str | None) -> UUID | None:
    """The live run whose token that is; None for a token that is forged or of the past, and for one that does not
    name its own run. Raises RegistryAway."""
    found = world.registry.bearer(world.secrets.digest(token))
    if found is None:
        return None
    standing, owner = found
    live = owner.ended_at is None and standing.agent.run == owner.id
    return owner.id if live and str(owner.id) == run else None
