"""Teams of Claude Code's own, on disk."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from genie.domain.native import Mail, Roll


class NativeTeams(Protocol):
    """The folders of those that genie leads, and of no others. Every method raises Failed for what cannot be read or
    written."""

    def held(self) -> AbstractContextManager[object]:
        """Nobody else of this daemon changes a roll meanwhile."""
        ...

    def place(self, env: Mapping[str, str]) -> str:
        """The configuration directory of a claude that is run with that environment."""
        ...

    def check_program(self, program: str) -> None:
        """Raises NotAllowed for a version that is not known to take members by its command line."""
        ...

    def check_free(self, roll: Roll) -> None:
        """Raises Conflict where a team of that name is there that genie has not made, or has made for another."""
        ...

    def rolls(self) -> list[Roll]:
        """Those that were kept and not removed."""
        ...

    def keep(self, roll: Roll) -> None:
        """Bring the team's folder to what the roll says; what others have written stays. Raises Conflict as
        `check_free`."""
        ...

    def remove(self, roll: Roll) -> str | None:
        """Take away what genie has written; the folder that is left where others have something in it."""
        ...

    def mail(self, roll: Roll) -> list[Mail]:
        """What lies in the lead's inbox."""
        ...

    def drop(self, roll: Roll, mails: Collection[str]) -> None:
        """Remove these from the lead's inbox, by their ids."""
        ...

    def put(self, roll: Roll, member: str, text: str, *, id: str) -> None:  # noqa: A002  the entry's own word
        """Write to a member's inbox in the lead's name. One of that id that lies there is not written again."""
        ...
