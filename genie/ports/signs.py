"""What programs tell of themselves, beyond their conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from genie.domain.activity import Evidence
from genie.domain.meter import Meter
from genie.domain.startup import Dialog, Shown


class Signs(Protocol):
    """What interactive providers tell of what they are doing. Never raises: what cannot be read tells nothing."""

    def tells(self, provider: str) -> bool:
        """Whether that provider tells anything."""
        ...

    def mute(self, provider: str) -> bool:
        """Whether it may say nothing at all before its first turn."""
        ...

    def path(self, provider: str, *, env: Mapping[str, str], pid: int) -> str | None:
        """The file in which a process of it keeps its state; it need not be there. None for one that has none."""
        ...

    def look(self, provider: str, *, env: Mapping[str, str], pid: int) -> Evidence | None:
        """What that file says now; None where there is none, or it is that of another process."""
        ...

    def dialog(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str]) -> Dialog | None:
        """The dialog that it will show at its start, by its configuration; None for none."""
        ...

    def shown(self, provider: str, screen: str) -> Shown | None:
        """The dialog of its start that is on that screen; None for any other, and where it is not quite sure."""
        ...

    def hook(self, provider: str, event: str, payload: str, *, at: datetime) -> Evidence | None:
        """What a hook of it has told: its event's name, and the JSON that the hook was given. None for nothing."""
        ...

    def meter(self, provider: str, event: str, payload: str, *, at: datetime) -> Meter | None:
        """What its status line was given, where that event is of the status line."""
        ...

    def conversation(self, provider: str, payload: str) -> str | None:
        """The file of its conversation that a hook of it has named; it need not be there. None for none."""
        ...

    def title(self, provider: str, title: str, *, at: datetime) -> Evidence | None:
        """What the title of its pane tells; None for nothing."""
        ...
