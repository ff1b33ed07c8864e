"""The way from a command to the daemon."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from genie.cli.output import say
from genie.client import Daemon, Genie
from genie.paths import Home

_kinds: list[type[Daemon]] = [Daemon]


def reach(*, start: bool = True) -> Genie:
    """The daemon of GENIE_HOME; with `start` it is started where it does not run."""
    return Genie(_kinds[-1](Home.from_environment(), start=start, on_slow=_on_slow))


@contextmanager
def instead(kind: type[Daemon]) -> Iterator[None]:
    """Have `reach` answer with a daemon of that kind."""
    _kinds.append(kind)
    try:
        yield
    finally:
        _kinds.pop()


def _on_slow() -> None:
    if sys.stderr.isatty():
        say("starting the genie daemon…")
