"""Waiting for sessions over as many requests, and as many daemons, as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from genie.client.daemon import Daemon
from genie.domain.errors import Unreachable

Row = dict[str, Any]

TURN = 300.0
"""Seconds that one request waits at most."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 5.0
"""Seconds before a daemon that went away is asked again; doubled each time."""


class Wait:
    """One wait for sessions that were selected before.

    What it has been told is kept, so that neither an end that comes between two requests is missed nor one that was
    told is lost with the daemon. With `tags` the sessions that get one of them (in `team`) are waited for, too.
    """

    def __init__(
        self, daemon: Daemon, selected: Row, *, any_: bool = False, tags: Sequence[str] = (), team: str | None = None
    ) -> None:
        self.ended: list[Row] = [_told(row) for row in selected["sessions"] if row["ended"]]
        self.pending: list[Row] = [row for row in selected["sessions"] if not row["ended"]]
        self._daemon = daemon
        self._after: int = selected["after"]
        self._any = any_
        self._group: Row = {"tags": list(tags), "team": team, "follow_tag": True} if tags else {}

    @property
    def over(self) -> bool:
        return not self.pending or (self._any and bool(self.ended))

    def until(self, timeout: float | None, *, on_away: Callable[[Unreachable], None] | None = None) -> bool:
        """Wait for so many seconds at most (None: for ever); whether all that were to end have.

        A daemon that goes away meanwhile is started again and asked on; while it stays away `on_away` is told of
        it now and then. Raises what it answers but that it is away.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE
        while not self.over:
            left = TURN if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                self._turn(min(left, TURN))
                pause = FIRST_PAUSE
            except Unreachable as error:
                if pause >= LONGEST_PAUSE and on_away:
                    on_away(error)
                time.sleep(min(pause, left))
                pause = min(pause * 2, LONGEST_PAUSE)
        return True

    def _turn(self, seconds: float) -> None:
        body: Row = {
            "agents": [row["agent_id"] for row in self.pending],
            "after": self._after,
            "told": [row["session_id"] for row in self.ended if row["session_id"]],
            "any": self._any,
            "timeout": seconds,
            **self._group,
        }
        answer = self._daemon.request("POST", "/v1/sessions/wait", body, timeout=seconds + 30)
        self.ended += answer["ended"]
        self.pending = answer["pending"]
        self._after = answer["after"]


def _told(row: Row) -> Row:
    return row | {"success": row["state"] == "done"}
