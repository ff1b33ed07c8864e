"""--watch: drawing a picture again whenever something changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from genie.cli.output import flush, write
from genie.client import Genie, Row


def watch(
    genie: Genie, look: Callable[[], Sequence[Row]], show: Callable[[Sequence[Row]], None], *, every: float, json: bool
) -> None:
    """On a terminal the picture is drawn over itself; elsewhere each change is a new one. `every` is the seconds
    after which it looks without being told of a change: ages grow, and pushes can be lost."""
    from genie.client.changes import Changes

    changes = Changes(genie)
    drawn: Sequence[Row] | None = None
    while True:
        rows = look()
        if sys.stdout.isatty() and not json:
            write("\x1b[H\x1b[J")
            show(rows)
        elif rows != drawn:
            show(rows)
        drawn = rows
        flush()
        changes.wait(every)
