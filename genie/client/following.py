"""All that happens, over restarts of the daemon: each event once, in the order of their ids."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from genie.client.api import Genie, Row
from genie.client.daemon import Daemon
from genie.client.start import held
from genie.domain.errors import NewerSchema, Unreachable
from genie.paths import Home

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0
"""Seconds between attempts to reach a daemon that is not there."""


def follow(
    home: Home,
    *,
    after: int | None = None,
    types: Iterable[str] = (),
    team: str | None = None,
    tags: Iterable[str] = (),
    on_lost: Callable[[], None] | None = None,
) -> Iterator[Row]:
    """The events after that id, without an end; from now on where none is given.

    A daemon that is not there at first is started, and so is one that has crashed; one that was stopped is waited for.
    `on_lost` is called each time that it went away. Raises what the first attempt meets, later nothing that passes.
    """
    words, names = tuple(types), tuple(tags)
    last = Genie(Daemon(home)).last_event()
    cursor = last if after is None else after
    pause = FIRST_PAUSE
    while True:
        genie = Genie(Daemon(home, start=_crashed(home)))
        began = time.monotonic()
        try:
            for row in genie.events(after=cursor, types=words, team=team, tags=names):
                cursor, pause = int(row["id"]), FIRST_PAUSE
                yield row
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
    return home.socket.exists() and not held(home)
