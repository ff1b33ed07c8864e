"""Where the daemon is killed while it works on a tree. Every point that has a name is died at in the tests of the use
cases, and with one agent on the real system (test_crashes.py); with a tree some are there, and all of them with
CHAOS_SEEDS set (`make chaos`)."""

from __future__ import annotations

import os
from collections.abc import Sequence


def points(every: Sequence[str], some: Sequence[str]) -> list[str]:
    """All of them in a long run, else those that are worth most."""
    assert set(some) <= set(every)
    return list(every if "CHAOS_SEEDS" in os.environ else some)
