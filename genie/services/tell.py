"""`genie input`: a message for sessions that are fed line by line."""

from __future__ import annotations

from genie.domain.agent import Life
from genie.domain.errors import BadInput, NotAllowed
from genie.domain.session import Standing, Way
from genie.services.deliver import deliver
from genie.services.send import post
from genie.services.world import World

LONGEST = 2**20


def tell(world: World, found: Standing, message: str) -> None:
    """Hand over one message, whole, after those that were sent before. Never waits for the session; one that cannot be
    handed over now has failed.

    Raises BadInput for a message that is empty or too long, NotAllowed for a session that reads none, TimedOut where
    its input is full, Failed where its input is gone.
    """
    agent, session = found.agent, found.session
    if not message.strip():
        raise BadInput("the message is empty", hint="genie input SESSION MESSAGE")
    if len(message.encode("utf-8", "surrogateescape")) > LONGEST:
        raise BadInput(f"the message is longer than {LONGEST} bytes", hint="put it into a file and name the file")
    if session is None or session.way is not Way.STREAMING:
        how = f"genie attach {agent.name}" if session and session.way is Way.INTERACTIVE else "genie run --interactive"
        raise NotAllowed(f"'{agent.name}' reads no messages: it is {_way(found)}", hint=how)
    if agent.life is not Life.RUNNING:
        raise NotAllowed(f"'{agent.name}' is {agent.life.value}", hint=f"genie status {agent.name}")
    with world.mail.box(agent.id):
        sent = post(world, agent, message, raw=True)
        deliver(world, agent.id, at_once=sent.message.id)


def close(world: World, found: Standing) -> None:
    """Tell a session that nothing more will come: it ends once it has answered. Raises as `tell`."""
    agent, session = found.agent, found.session
    if session is None or session.way is not Way.STREAMING or agent.life is not Life.RUNNING:
        raise NotAllowed(f"'{agent.name}' reads no messages now", hint=f"genie status {agent.name}")
    deliver(world, agent.id)
    world.inputs.feed(world.recordings.fifo(session.id), None)


def _way(found: Standing) -> str:
    return found.session.way.value if found.session else "without a session"
