"""`genie input` and `genie broadcast`: a message for sessions that are fed, and for agents on a terminal."""

from __future__ import annotations

from genie.domain.agent import ENDED, Agent, Life
from genie.domain.errors import BadInput, NotAllowed
from genie.domain.message import Message
from genie.domain.session import Standing, Way
from genie.services.deliver import channels_for, deliver
from genie.services.send import check_reader, check_team, check_text, post
from genie.services.world import World


def tell(
    world: World,
    found: Standing,
    text: str,
    *,
    sender: Agent | None = None,
    raw: bool = True,
    cross_team: bool = False,
) -> Message:
    """Give one message to a session, whole, after those that were sent before. Never waits for its answer.

    To one that is fed it is handed over now, as it is, and has failed where that cannot be. To an agent on a terminal
    it is sent, with `raw` without who wrote it.

    Raises BadInput for a message that is empty or too long, NotAllowed for a session that reads none, Refused for
    another team's, TimedOut where its input is full, Failed where its input is gone.
    """
    agent, session = found.agent, found.session
    check_text(text)
    check_reader(world, found, text)
    check_team(world, sender, agent, cross_team=cross_team)
    if session is None or session.way is not Way.STREAMING:
        return post(world, agent, text, sender=sender, raw=raw).message
    if agent.life is not Life.RUNNING:
        raise NotAllowed(f"'{agent.name}' is {agent.life.value}", hint=f"genie status {agent.name}")
    with world.mail.box(agent.id):
        sent = post(world, agent, text, sender=sender, raw=True)
        deliver(world, agent.id, at_once=sent.message.id)
    return next(iter(world.registry.find_messages([sent.message.id])), sent.message)


def reads(world: World, found: Standing, *, closing: bool = False) -> bool:
    """Whether it is one of those that are meant where a group is told something; with `closing`, of those that are
    told that nothing more will come."""
    session = found.session
    if found.agent.life in ENDED:
        return False
    if session is not None and session.way is not Way.INTERACTIVE:
        return bool(session.attend and session.attend.keep_open)
    return not closing and bool(channels_for(world, found))


def interrupt(world: World, found: Standing) -> None:
    """End the present turn of a session that is fed, which goes on with what it was told besides; where there is no
    turn, nothing happens. Raises BadInput for a session that has no such way, else as `tell`."""
    agent = found.agent
    if not can_interrupt(found):
        hint = "those of claude-sdk, and of claude by genie run --interactive, can"
        raise BadInput(f"'{agent.name}' cannot be interrupted by genie: it reads no stream-json", hint=hint)
    if agent.life is not Life.RUNNING or found.session is None:
        raise NotAllowed(f"'{agent.name}' is {agent.life.value}", hint=f"genie status {agent.name}")
    world.inputs.interrupt(world.recordings.fifo(found.session.id))


def can_interrupt(found: Standing) -> bool:
    """Whether its program takes requests between the messages that it is fed."""
    attend = found.session.attend if found.session else None
    return attend is not None and attend.keep_open and attend.form == "stream-json"


def close(world: World, found: Standing) -> None:
    """Tell a session that nothing more will come: it ends once it has answered. Raises as `tell`."""
    agent, session = found.agent, found.session
    if session is None or session.way is not Way.STREAMING or agent.life is not Life.RUNNING:
        raise NotAllowed(f"'{agent.name}' reads no messages now", hint=f"genie status {agent.name}")
    deliver(world, agent.id)
    world.inputs.feed(world.recordings.fifo(session.id), None)
