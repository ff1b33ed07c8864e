"""The way from a command to the daemon."""

from __future__ import annotations

import sys

from genie.cli.output import say
from genie.client import Daemon, Genie
from genie.paths import Home


def reach(*, start: bool = True) -> Genie:
    """The daemon of GENIE_HOME; with `start` it is started where it does not run."""
    return Genie(Daemon(Home.from_environment(), start=start, on_slow=_on_slow))


def _on_slow() -> None:
    if sys.stderr.isatty():
        say("starting the genie daemon…")
