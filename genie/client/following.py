"""What happens, over restarts of the daemon: each event once, in the order of their ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from genie.client.asking import events_path, told_path, words_of
from genie.client.daemon import Daemon
from genie.domain.errors import NewerSchema, Unreachable
from genie.paths import Home

if TYPE_CHECKING:
    from genie.client.rows import EndRow, EventRow, Selected, SessionRow

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between attempts to reach a daemon that is not there."""

Lost = Callable[[], None]


def follow(
    daemon: Daemon,
    *,
    after: int | None,
    types: Iterable[str],
    team: str | None,
    tags: Iterable[str],
    on_lost: Lost | None,
) -> Iterator[EventRow]:
    """The events of all sessions after that id, without an end; from now on where none is given."""
    words, names = words_of(types), words_of(tags)
    last = int(daemon.request("GET", "/v1/events/last")["id"])

    def path(cursor: int) -> str:
        return events_path(after=cursor, follow=True, types=words, team=team, tags=names)

    return _on(daemon, path, last if after is None else after, on_lost)


class Listening:
    """What is told in sessions, replayed and then followed to their end. Iterate over it, once.

    `sessions` are those that it is about; `ended` is, afterwards, how each has ended. A daemon that has crashed is
    started again, one that was stopped is waited for, and no event is lost or told twice.
    """

    def __init__(
        self, daemon: Daemon, selected: Selected, *, types: Iterable[str], after: int, on_lost: Lost | None
    ) -> None:
        self.sessions: list[SessionRow] = selected["sessions"]
        self.ended: list[EndRow] = []
        words = [str(row["past_session"] or row["session_id"] or row["name"]) for row in self.sessions]
        kinds = words_of(types)
        self._rows = _on(daemon, lambda cursor: told_path(words, types=kinds, after=cursor), after, on_lost)

    @property
    def success(self) -> bool:
        """Whether all have ended well, as far as they have ended."""
        return all(row["success"] for row in self.ended)

    def __iter__(self) -> Iterator[EventRow]:
        for row in self._rows:
            if "over" in row:
                self.ended = row["ended"]
                return
            yield row


def _on(daemon: Daemon, path: Callable[[int], str], cursor: int, on_lost: Lost | None) -> Iterator[Any]:
    """The rows of a stream, asked for again after the last one that came, whenever it is cut off; `over` ends them."""
    pause = FIRST_PAUSE
    while True:
        link = Daemon(daemon.home, start=daemon.starts and _crashed(daemon.home))
        began = time.monotonic()
        try:
            for row in link.stream(path(cursor)):
                yield row
                if "over" in row:
                    return
                cursor, pause = int(row["id"]), FIRST_PAUSE
        except NewerSchema:
            raise
        except Unreachable:
            pass  # the same as an end of the stream: it goes on where it was
        if time.monotonic() - began > LONGEST_PAUSE:
            pause = FIRST_PAUSE
        if on_lost and pause == FIRST_PAUSE:
            on_lost()
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


def _crashed(home: Home) -> bool:
    """Whether a daemon has left its socket behind: one that is stopped takes it away."""
    from genie.client.start import held

    return home.socket.exists() and not held(home)
