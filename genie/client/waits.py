"""Waiting for sessions over as many requests, and as many daemons, as it takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from genie.client.asking import Row, selection, to_path, words_of
from genie.client.daemon import Daemon
from genie.domain.errors import TimedOut, Unreachable

if TYPE_CHECKING:
    from genie.client.rows import EndRow, Selected, SessionRow

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
        self,
        daemon: Daemon,
        selected: Selected,
        *,
        any_: bool = False,
        tags: Iterable[str] = (),
        team: str | None = None,
    ) -> None:
        self.ended: list[EndRow] = [_told(row) for row in selected["sessions"] if row["ended"]]
        self.pending: list[Any] = [row for row in selected["sessions"] if not row["ended"]]
        self._daemon = daemon
        self._after: int = selected["after"]
        self._any = any_
        self._group: Row = {"tags": words_of(tags), "team": team, "follow_tag": True} if tags else {}

    @property
    def over(self) -> bool:
        """Whether all that were to end have."""
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


class Waiting:
    """The part of `Genie` that says which sessions are meant, and waits for them.

    Sessions are meant by names, ids or unique beginnings of ids, by `team` and `tags` (any of them), or as the `latest`
    of all or of those.
    """

    _daemon: Daemon

    def select(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> Selected:
        """The sessions that are meant, whether they have ended or not. Raises NotFound, Conflict for a beginning that
        several have, BadInput where nothing is said."""
        answer: Selected = self._daemon.request("GET", to_path("/v1/sessions", selection(sessions, team, tags, latest)))
        return answer

    def wait(
        self,
        *sessions: str,
        team: str | None = None,
        tags: Iterable[str] = (),
        latest: bool = False,
        any_: bool = False,
        follow_tag: bool = False,
        timeout: float | None = None,
    ) -> list[EndRow]:
        """How these sessions have ended, once all of them have, or with `any_` one of them: those first that ended
        first. A session that was stopped has ended, one that died and comes back has not. With `follow_tag` also those
        that get one of the tags meanwhile.

        `timeout` is in seconds, None waits for ever; a daemon that goes away is started again. Raises NotFound,
        Conflict, and TimedOut: its details have what has `ended` and the names that are `pending`.
        """
        found = self.select(*sessions, team=team, tags=tags, latest=latest)
        wait = self.wait_for(found, any_=any_, tags=tags if follow_tag else (), team=team)
        if not wait.until(timeout):
            names = sorted(str(row["name"]) for row in wait.pending)
            raise TimedOut(
                f"not ended in {timeout:g} s: {', '.join(names)}",
                hint="they go on; wait again",
                ended=wait.ended,
                pending=names,
            )
        return wait.ended

    def wait_for(
        self, selected: Selected, *, any_: bool = False, tags: Iterable[str] = (), team: str | None = None
    ) -> Wait:
        """The same for who wants to see how far it is: `until` waits, `pending` and `ended` tell; `tags` are
        followed."""
        return Wait(self._daemon, selected, any_=any_, tags=tags, team=team)


def _told(row: SessionRow) -> EndRow:
    return {
        "session_id": row["session_id"],
        "name": row["name"],
        "success": row["state"] == "done",
        "state": row["state"],
        "reason": row["reason"],
        "agent_id": row["agent_id"],
    }
