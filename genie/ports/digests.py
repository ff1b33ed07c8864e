"""What the events of sessions add up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from genie.domain.conversation import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The sums of one session. `tools` are calls by the tool's name, the most called first; `files` those that were
    written or changed, in the order of their first change, without calls that failed. `turns` are those that the
    program counted, `asked` how often it was spoken to. `lived` is how long its processes have lived together."""

    tools: Mapping[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    turns: int = 0
    asked: int = 0
    tokens: Tokens = field(default_factory=Tokens)
    lived: timedelta = timedelta(0)


class Digests(Protocol):
    def digests(self, sessions: Sequence[UUID], *, now: datetime) -> dict[UUID, Digest]:
        """One for each of these sessions, also for one of which nothing is known; summed up where the events are
        kept. Raises RegistryAway."""
        ...
