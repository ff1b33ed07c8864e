"""`genie status`: how one session is, in a word and in figures. Reading writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from genie.domain.agent import Activity, Agent, Life
from genie.domain.events import Event
from genie.domain.selecting import Match, Selection
from genie.services.roster import rows
from genie.services.selecting import select_one
from genie.services.world import World

WORDS = {Life.SPAWNING: Life.RUNNING.value, Life.RESUMING: Life.RUNNING.value, Life.DONE: "completed"}
"""Where the word of a state is not the state's own."""
DOING = {
    Activity.IDLE: "idle",
    Activity.PERMISSION: "waiting",
    Activity.QUESTION: "waiting",
    Activity.LIMITED: "limited",
}
"""What a running one is in a word, where its activity says more than that it runs."""


def word_of(agent: Agent) -> str:
    """How an agent's session is, in a word."""
    doing = DOING.get(agent.activity) if agent.life is Life.RUNNING else None
    return doing or WORDS.get(agent.life, agent.life.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`age` is how long ago its process was seen alive, None for one that does not run."""

    match: Match
    word: str
    last: Event | None
    age: timedelta | None


def status(world: World, wanted: Selection) -> Status:
    """The status of the one session that is meant. Raises what `select_one` raises."""
    match = select_one(world, wanted)
    agent, run = match.standing.agent, match.standing.run
    seen = rows(world, [match.standing])[0].last_seen_at
    live = run is not None and run.ended_at is None
    return Status(
        match=match,
        word=word_of(agent),
        last=next(iter(world.registry.history(agent.id, limit=1)), None),
        age=max(world.clock.now() - seen, timedelta(0)) if live and seen else None,
    )
