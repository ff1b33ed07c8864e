"""Where the daemon is killed. Every point that has a name is died at in the tests of the use cases; on the real system
some are, and all with CHAOS_SEEDS set (`make chaos`)."""

from __future__ import annotations

import os
from collections.abc import Sequence


def points(every: Sequence[str], some: Sequence[str]) -> list[str]:
    """All of them in a long run, else those that are worth most."""
    assert set(some) <= set(every)
    return list(every if "CHAOS_SEEDS" in os.environ else some)
