"""Asking whether a tool may run: the daemon is asked, over its socket, and nothing is allowed that it did not allow."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

PATIENCE = 12 * 3600.0
"""Seconds that an answer is waited for where nothing else is said."""
MARGIN = 30.0
"""Seconds that the daemon may take longer than it was asked to wait."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between two tries while nobody takes the question."""
REFUSED = (400, 401, 403, 404, 405, 422)
"""Answers that will be the same the next time."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`given` is what the tool is to be given instead, `rules` are those of the suggested ones that shall hold from now
    on, `message` is what the program is told where the tool may not run."""

    allow: bool
    message: str = ""
    given: Json | None = None
    rules: Sequence[Json] = ()


class Asking:
    """`socket` is the daemon's; `patience` is how many seconds an answer is waited for; `note` takes lines for people.
    The run and its token are those of the environment."""

    def __init__(self, socket: str | None, *, patience: float | None, note: Callable[[str], None]) -> None:
        self._socket, self._note = socket, note
        self._patience = PATIENCE if patience is None else patience

    async def ask(self, tool: str, given: Json, suggestions: Sequence[Json]) -> Decision:
        """What was answered. While the daemon is away it is asked again; without an answer it is no."""
        run, token = os.environ.get("GENIE_RUN_ID"), os.environ.get("GENIE_AGENT_TOKEN")
        if not (self._socket and run and token):
            return Decision(False, f"{tool} needs a permission, and nobody can be asked: this is no session of genie's")
        self._note(f"waits for: genie answer {os.environ.get('GENIE_AGENT_NAME', 'NAME')} yes|no|always|TEXT")
        asked = {"run": run, "token": token, "tool": tool, "input": given, "suggestions": list(suggestions)}
        end, pause, away = time.monotonic() + self._patience, FIRST_PAUSE, False
        while (left := end - time.monotonic()) > 0:
            status, said = await self._asked(self._socket, asked | {"wait": left}, left)
            if status == 200 and said.get("answer") not in (None, "none"):
                return _decision(tool, given, said)
            if status in REFUSED:
                return Decision(False, f"{tool} was not permitted: {_why(said)}")
            if status is None and not away:
                self._note("the daemon of genie is away: the question is asked again until it is back")
            away = status is None
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE)
        return Decision(False, f"{tool} was not permitted: nobody has answered within {self._patience:g} s")

    async def _asked(self, socket: str, body: Json, wait: float) -> tuple[int | None, Json]:
        """The status and what was said; None where nobody has taken it, or the answer broke off."""
        try:
            status, said = await exchange(socket, body, within=wait + MARGIN)
        except (OSError, ValueError):
            return None, {}
        return status, said if isinstance(said, dict) else {}


def _decision(tool: str, given: Json, said: Json) -> Decision:
    text, answers = str(said.get("text") or ""), said.get("answers")
    if said.get("state") != "allowed":
        who = f" by {said['by']}" if said.get("by") else ""
        return Decision(False, text or f"{tool} was not permitted{who}")
    changed = {**given, "answers": answers} if answers else None
    rules = said.get("suggestions") if said.get("answer") == "always" else ()
    return Decision(True, given=changed, rules=rules or ())


def _why(said: Json) -> str:
    error = said.get("error")
    return str(error.get("message")) if isinstance(error, dict) else "the daemon of genie refuses the question"


async def exchange(path: str, body: Json, *, within: float) -> tuple[int, Any]:
    """Post a question over the Unix socket. Who is cancelled meanwhile closes the connection, which takes it back.
    Raises OSError (a time-out is one), and ValueError for what is no answer."""
    async with asyncio.timeout(within):
        reader, writer = await asyncio.open_unix_connection(path)
        try:
            data = json.dumps(body).encode("ascii")
            head = "POST /v1/permissions HTTP/1.1\r\nHost: genie\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data)
            await writer.drain()
            told, _, rest = (await reader.read()).partition(b"\r\n\r\n")
            words = told.split(b" ", 2)
            if len(words) < 2:
                raise ValueError("the daemon's answer broke off")
            return int(words[1]), json.loads(rest)
        finally:
            writer.close()
