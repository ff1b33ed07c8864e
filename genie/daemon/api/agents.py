"""/v1/agents: spawn, look, stop, resume, kill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from genie.daemon.api.bodies import SelectBody, SpawnBody
from genie.daemon.api.context import Context, context
from genie.daemon.api.errors import body_of
from genie.daemon.api.peer import check_peer
from genie.daemon.api.permissions import row_of
from genie.daemon.api.seeing import metered, witnessed
from genie.daemon.api.wire import Answer, details, event, explanation, rehearsed, row, spawned
from genie.domain.agent import LIVE, Life
from genie.domain.errors import BadInput, GenieError, NotAllowed, NotFound
from genie.domain.session import Standing
from genie.domain.words import one_of
from genie.ports import Wanted
from genie.services import roster
from genie.services.answer import entries
from genie.services.kill import kill
from genie.services.resume import resume
from genie.services.screen import place, read
from genie.services.spawn import rehearse, spawn
from genie.services.stop import stop
from genie.services.world import World

router = APIRouter(prefix="/v1/agents")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]


@router.post("")
def post_spawn(body: SpawnBody, here: Here, peer: Peer) -> Answer:
    """Spawn: create, resume or parallel."""
    world, order = here.world, body.order(pid=peer)
    if body.dry_run:
        return Answer(rehearsed(rehearse(world, order)))
    done = spawn(world, order)
    parent, session = done.standing.agent.parent, done.standing.session
    names = world.registry.agent_names([parent]) if parent else {}
    log = {"log_path": world.recordings.path(session.id)} if session and session.attend else {}
    return Answer(spawned(done, parent=names.get(parent) if parent else None) | log)


@router.get("")
def get_ls(
    here: Here,
    name: Annotated[list[str] | None, Query()] = None,
    team: str | None = None,
    tag: Annotated[list[str] | None, Query()] = None,
    state: Annotated[list[str] | None, Query()] = None,
    all: bool = False,  # noqa: A002  the parameter's name in the query
) -> Answer:
    """The roster."""
    lives = tuple(one_of("state", word, Life) for word in state or [])
    wanted = Wanted(names=tuple(name or ()), team=team, tags=tuple(tag or ()), lives=lives, all=all)
    seen = here.engine.seen
    return Answer([row(one) | metered(seen(one.agent.run)) for one in roster.ls(here.world, wanted)])


@router.get("/{name}")
def get_show(name: str, here: Here) -> Answer:
    """Everything known of one agent."""
    known = roster.show(here.world, name)
    return Answer(details(known) | _asks(here.world, name) | witnessed(here.engine.seen(known.row.agent.run)))


@router.get("/{name}/explain")
def get_explain(name: str, here: Here) -> Answer:
    """Why it is in its state, and what the daemon would do next."""
    known = roster.explain(here.world, name)
    seen = here.engine.seen(known.standing.agent.run)
    return Answer(explanation(known) | _asks(here.world, name) | witnessed(seen))


def _asks(world: World, name: str) -> dict[str, Any]:
    """What it asks leave for now."""
    return {"asks": [row_of(one) for one in entries(world, name)]}


@router.get("/{name}/history")
def get_history(name: str, here: Here, limit: Annotated[int, Query(ge=1, le=10000)] = 200) -> Answer:
    """Every change of an agent, oldest first."""
    return Answer([event(one, name=name) for one in roster.history(here.world, name, limit=limit)])


@router.get("/{name}/screen")
def get_screen(name: str, here: Here, lines: Annotated[int | None, Query(ge=1, le=100000)] = None) -> Answer:
    """The pane's text."""
    pane, text = read(here.world, name, lines=lines)
    return Answer({"pane": pane, "text": text})


@router.get("/{name}/place")
def get_place(name: str, here: Here) -> Answer:
    """Where the agent's pane is, for a client that attaches to it."""
    return Answer(place(here.world, name))


@router.post("/stop")
def post_stop(body: SelectBody, here: Here) -> Answer:
    """Stop agents; their sessions are kept."""

    def one(world: World, name: str) -> tuple[Standing, str]:
        standing, done = stop(world, name)
        return standing, "stopped" if done else f"already {standing.agent.life.value}"

    return _each(here, body, one)


@router.post("/resume")
def post_resume(body: SelectBody, here: Here) -> Answer:
    """Resume agents on their sessions."""
    return _each(here, body, lambda world, name: (resume(world, name), "resumed"), resuming=True)


@router.post("/kill")
def post_kill(body: SelectBody, here: Here) -> Answer:
    """Kill agents with everything that they started."""
    return _each(here, body, lambda world, name: (kill(world, name), "killed"))


def _each(
    here: Context, body: SelectBody, act: Callable[[World, str], tuple[Standing, str]], *, resuming: bool = False
) -> Answer:
    """Act on each that is selected, at the same time; one that fails keeps no other from it."""
    world = here.world
    names = _selected(world, body, resuming=resuming)

    def one(name: str) -> dict[str, Any]:
        try:
            standing, outcome = act(world, name)
        except GenieError as error:
            return {"name": name, "state": None, "outcome": "failed", "detail": error.message, "error": body_of(error)}
        state = standing.agent.life
        return {"name": name, "state": state, "outcome": outcome, "detail": standing.agent.reason or "", "error": None}

    return Answer(list(here.pool.map(one, names)))


def _nobody(body: SelectBody) -> str:
    tagged = f" with the tag {' or '.join(repr(tag) for tag in body.tags)}" if body.tags else ""
    return f"there is no agent{tagged}{f' in team {body.team}' if body.team else ''}"


def _selected(world: World, body: SelectBody, *, resuming: bool) -> list[str]:
    if not (body.names or body.team or body.tags or body.all):
        raise BadInput("no agent is named", hint="give names, --team or --tag" + (" or --all" if resuming else ""))
    if body.all and not resuming:
        raise BadInput("all is for resume only")
    named = list(dict.fromkeys(body.names))
    if named:
        roster.ls(world, Wanted(names=tuple(named)))
    if not (body.team or body.tags or body.all):
        return named
    standings = [found.standing for found in roster.ls(world, Wanted(team=body.team, tags=body.tags))]
    if resuming:
        ready = [s.agent.name for s in standings if s.agent.life not in LIVE | {Life.DONE}]
    else:
        ready = [s.agent.name for s in standings]
    if not (standings or named or body.all):
        raise NotFound(_nobody(body), hint="genie ls --all")
    if not (ready or named or body.all):
        raise NotAllowed("no agent of that selection is in a state for it", hint="genie ls --all")
    return list(dict.fromkeys(named + ready))
