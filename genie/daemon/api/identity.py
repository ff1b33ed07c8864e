"""/v1/whoami, /v1/env and /v1/log: what a caller asks and says of itself."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from genie.daemon.api.bodies import Body, CallerBody, Text
from genie.daemon.api.context import Context, context
from genie.daemon.api.peer import check_peer
from genie.daemon.api.wire import Answer, standing
from genie.domain.note import Level
from genie.domain.words import one_of
from genie.services.notes import note
from genie.services.order import Caller
from genie.services.whoami import Identity, environment, whoami

router = APIRouter(prefix="/v1")

Here = Annotated[Context, Depends(context)]
Peer = Annotated[int, Depends(check_peer)]


class WhoamiBody(Body):
    """POST /v1/whoami."""

    caller: CallerBody

    def who(self, *, pid: int) -> Caller:
        """As the use cases want it; `pid` is the caller's by the kernel's word."""
        env = {str(key): str(value) for key, value in self.caller.env.items()}
        return Caller(cwd=self.caller.cwd, env=env, pid=pid or self.caller.pid)


class EnvBody(WhoamiBody):
    """POST /v1/env."""

    name: str | None = None


class LogBody(WhoamiBody):
    """POST /v1/log."""

    message: Text
    level: str = Level.INFO.value
    data: Any = None


@router.post("/whoami")
def post_whoami(body: WhoamiBody, here: Here, peer: Peer) -> Answer:
    """The agent in whose run the caller is."""
    return Answer(_identity(whoami(here.world, body.who(pid=peer))))


@router.post("/env")
def post_env(body: EnvBody, here: Here, peer: Peer) -> Answer:
    """The variables that tell which session the caller's, or a named agent's, is."""
    return Answer(environment(here.world, body.who(pid=peer), body.name))


@router.post("/log")
def post_log(body: LogBody, here: Here, peer: Peer) -> Answer:
    """Add a message to the caller's session."""
    level = one_of("level", body.level, Level)
    said = note(here.world, body.who(pid=peer), body.message, level=level, data=body.data)
    agent = said.agent
    return Answer({"name": agent.name, "session_id": agent.session, "run_id": agent.run, "level": level})


def _identity(found: Identity) -> dict[str, Any]:
    """`genie whoami --json`."""
    agent, left = found.standing.agent, found.left
    return standing(found.standing) | {
        "parent": found.parent,
        "root": found.root,
        "expires_at": agent.expires_at,
        "left": {"children": left.children, "descendants": left.descendants, "depth": left.depth},
    }
