"""Messages to agents."""

from __future__ import annotations

import time
from collections.abc import Iterator

from genie.client.asking import Row, myself, segment
from genie.client.daemon import Daemon
from genie.client.following import Lost, follow
from genie.domain.errors import TimedOut, Unreachable

KINDS = tuple(f"message.{word}" for word in ("queued", "delivered", "answered", "failed", "unproven"))
TURN = 300.0
"""Seconds that one request waits at most."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Seconds before a daemon that went away is asked again; doubled each time."""


class Messages:
    """The part of `Genie` that sends messages and reads inboxes."""

    _daemon: Daemon

    def send(
        self,
        name: str,
        text: str,
        *,
        key: str | None = None,
        raw: bool = False,
        cross_team: bool = False,
        answer: bool = False,
    ) -> Row:
        """Send a message to an agent; answers at once, with its `id` and `state`. The same `key` again sends nothing.
        Without `raw` the agent sees who wrote, and how to answer. Raises NotFound, NotAllowed for who reads no
        messages, or where you want an `answer` and it never gives one, Refused for another team's without
        `cross_team`."""
        body: Row = {"name": name, "text": text, "key": key, "raw": raw, "cross_team": cross_team, "answer": answer}
        body["caller"] = myself()
        sent: Row = self._daemon.request("POST", "/v1/messages", body)
        return sent

    def wait_for_message(self, message: str, *, answer: bool = False, timeout: float | None = None) -> Row:
        """How a message has come on, once it is delivered or never will be, with `answer` once it is answered.
        `timeout` is in seconds, None waits for ever; a daemon that goes away is started again. Raises TimedOut."""
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while True:
            left = TURN if deadline is None else max(deadline - time.monotonic(), 0.0)
            body: Row = {"answer": answer, "timeout": min(left, TURN)}
            try:
                path = f"/v1/messages/{segment(message)}/wait"
                row: Row = self._daemon.request("POST", path, body, timeout=TURN + 30)
                pause = FIRST_PAUSE
                if row.pop("over"):
                    return row
            except Unreachable:
                time.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE)
            if deadline is not None and time.monotonic() >= deadline:
                what = "answered" if answer else "delivered"
                hint = "it stays where it is: genie inbox"
                raise TimedOut(f"not {what} in {timeout:g} s", hint=hint, message_id=message)

    def message(self, message: str) -> Row:
        """One message, by its id. Raises NotFound."""
        row: Row = self._daemon.request("GET", f"/v1/messages/{segment(message)}")
        return row

    def inbox(self, name: str | None = None, *, limit: int = 100) -> list[Row]:
        """The latest messages to an agent, oldest first; without a name to the agent that asks, of a person to all."""
        return list(self._inbox(name, limit)["messages"])

    def follow_inbox(self, name: str | None = None, *, limit: int = 100, on_lost: Lost | None = None) -> Iterator[Row]:
        """The same, and then each message that comes or whose state changes, without an end. A daemon that goes away
        is started again, or waited for; `on_lost` is called then."""
        found = self._inbox(name, limit)
        yield from found["messages"]
        for event in follow(self._daemon, after=found["after"], types=KINDS, team=None, tags=(), on_lost=on_lost):
            if found["agent"] in (None, event["agent"]):
                yield self.message(str(event["payload"]["message"]))

    def _inbox(self, name: str | None, limit: int) -> Row:
        found: Row = self._daemon.request(
            "POST", "/v1/messages/inbox", {"name": name, "limit": limit, "caller": myself()}
        )
        return found
