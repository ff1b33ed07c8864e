"""Do a write again that somebody else's has overtaken: what agents do is written all the time, beside what is done to
them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from genie.domain.errors import Stale

Done = TypeVar("Done")
TRIES = 5


def anew(write: Callable[[], Done]) -> Done:
    """What `write` returns, which reads what is there and writes in one transaction. Raises Stale where it was
    overtaken each time, and what `write` raises else."""
    for _ in range(TRIES - 1):
        try:
            return write()
        except Stale:
            continue
    return write()
