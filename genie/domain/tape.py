"""How far the file has been read in which a session's conversation is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from genie.domain.conversation import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """One a session. `form` is the format of the file. `position` and `state` are the reader's own, plain JSON: the
    place in the file, and what its parser remembers, which goes on in another file of the same session."""

    session: UUID
    provider: str
    path: str
    form: str
    position: Mapping[str, object] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What was read from a tape, and the tape after it. `more` says that there is more already."""

    said: tuple[Said, ...]
    tape: Tape
    more: bool = False
    missing: bool = False
