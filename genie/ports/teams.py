"""Teams as they change, and what the registry keeps of template files."""

from __future__ import annotations

from typing import Protocol

from genie.domain.agent import Agent
from genie.domain.team import Team
from genie.domain.template import Kept, Template


class TeamsTx(Protocol):
    """One open transaction."""

    def team(self, name: str) -> Team | None:
        """None for one that was disbanded, too."""
        ...

    def add_team(self, team: Team) -> None:
        """Does nothing when a team of that name is there; one that was disbanded gives its name away."""
        ...

    def save_team(self, team: Team) -> None:
        """Write all of it but its name."""
        ...

    def rename_team(self, old: str, team: Team) -> list[Agent]:
        """Put this team, with an id of its own, in the place of `old`: all its agents are moved, and who has read one
        before finds it stale. Those that are not terminated, as they are now, in the order of their names."""
        ...

    def keep_template(self, template: Template, *, host: str) -> None:
        """Keep `agent_templates` in step with a file that was read on that host."""
        ...

    def forget_template(self, source: str, *, host: str) -> None:
        """Nothing where it is not kept."""
        ...


class Teams(Protocol):
    """Every method raises RegistryAway."""

    def teams(self) -> list[Team]:
        """By name; archived ones, too, disbanded ones not."""
        ...

    def templates(self, host: str) -> list[Kept]:
        """What is kept of the template files of that host, by source."""
        ...
