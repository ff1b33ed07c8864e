"""What is read and written on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from genie.domain.errors import BadTemplate
from genie.domain.team import ClaudeTeam
from genie.domain.teamfile import TeamFile
from genie.domain.template import Scope, Template, TemplateFile


class Templates(Protocol):
    def find(self, name: str, *, cwd: str) -> Template | None:
        """The nearest template of that name. Raises BadTemplate with file, line and field."""
        ...

    def all(self, *, cwd: str) -> list[Template]:
        """Every template that reads, the nearest of each name; unreadable ones are left out."""
        ...

    def problems(self, *, cwd: str) -> list[BadTemplate]:
        """What is wrong with those that do not read."""
        ...

    def files(self, *, cwd: str) -> list[TemplateFile]:
        """Every template file that can be seen from there, nearest first and then by name: broken and shadowed ones,
        too."""
        ...

    def at(self, path: str, *, cwd: str) -> TemplateFile:
        """The template in that file, or in that folder, wherever it is. Raises NotFound where there is none."""
        ...

    def new(self, name: str, *, cwd: str, scope: Scope | None, base: str | None) -> str:
        """Write a commented template, a copy of `base` where that is named; returns its path. Without a scope it is the
        project's where there is one, else the user's. Raises BadInput, Conflict where the file is there already,
        NotFound for a base that is not there, Failed where it cannot be written."""
        ...

    def blame(self, template: Template, field: str, message: str, *, hint: str = "") -> BadTemplate:
        """The complaint about a field of a template that reads, with its line."""
        ...

    def places(self, cwds: Iterable[str]) -> list[str]:
        """The folders and files whose change can change a template that is seen from one of those directories."""
        ...

    def team_file(self, path: str | None, *, cwd: str) -> TeamFile:
        """The team file there, or without a path the nearest project's. Raises NotFound, BadTeamFile with everything
        that is wrong."""
        ...


class TeamFiles(Protocol):
    """Claude Code's own files, read only."""

    def teams(self, *, env: Mapping[str, str]) -> tuple[tuple[ClaudeTeam, ...], tuple[str, ...]]:
        """Its teams, and a warning for each file that could not be read."""
        ...

    def newest_session(self, cwd: str, *, env: Mapping[str, str]) -> str | None:
        """The session id of the newest transcript of that directory."""
        ...


class Places(Protocol):
    def directory(self, path: str, *, base: str) -> str:
        """The absolute path of an existing directory, `path` seen from `base`. Raises BadInput."""
        ...

    def changes(self, directory: str, *, env: Mapping[str, str]) -> Sequence[str] | None:
        """What is changed in the git work tree around a directory: the first lines of `git status --short`, found in a
        moment or not at all. Nothing of the repository is run and nothing is waited for. None where it is no work
        tree, or that cannot be told; git is the one of that environment."""
        ...


class Launches(Protocol):
    """Private files that carry what must not stand on a command line or in the registry."""

    def keep_environment(self, session: UUID, env: Mapping[str, str]) -> None: ...

    def environment(self, session: UUID) -> dict[str, str]:
        """Empty when there is none."""
        ...

    def prompt_path(self, of: UUID) -> str:
        """Where `keep_prompt` writes; nothing need be there yet."""
        ...

    def keep_prompt(self, of: UUID, prompt: str) -> str:
        """Write a long prompt of a session, or what a run is to be told; returns the file's path."""
        ...

    def prompt(self, of: UUID) -> str | None:
        """What was kept and not told yet; None for nothing."""
        ...

    def told(self, of: UUID) -> None:
        """What was kept has been handed over: it is not given again. Its file stays to be read."""
        ...

    def was_told(self, of: UUID) -> bool:
        """Whether something was kept, and has been handed over."""
        ...

    def untold(self, of: UUID) -> None:
        """It was handed over, and nobody has taken it: it is given again."""
        ...

    def keep_token(self, run: UUID, token: str) -> None:
        """Keep the token of a run until it is live: a start that another daemon goes on with gives the same."""
        ...

    def token(self, run: UUID) -> str | None:
        """None when there is none, or it was forgotten."""
        ...

    def forget_token(self, run: UUID) -> None:
        """The run is live: nobody but its processes needs it any more."""
        ...

    def release(
        self,
        run: UUID,
        *,
        argv: Sequence[str],
        env: Mapping[str, str],
        cwd: str,
        attend: Mapping[str, object] | None = None,
    ) -> None:
        """Write the launch file that the runner waits for, at once and whole. `attend` is what the attendant is to do,
        None for a program that has the pane to itself."""
        ...

    def mark(self, session: UUID, what: str, said: Mapping[str, object]) -> None:
        """Tell outsiders about a session, at once and whole: a JSON file `what` ("started", "ended") in its folder."""
        ...

    def marked(self, session: UUID, what: str) -> bool:
        """Whether outsiders were told that."""
        ...

    def unended(self) -> list[UUID]:
        """Sessions with a folder of genie's of whose end outsiders were not told. Raises Failed."""
        ...

    def withdraw(self, run: UUID) -> None:
        """Remove a launch file nobody has read."""
        ...

    def sweep(self, *, sessions: frozenset[UUID], runs: frozenset[UUID]) -> None:
        """Remove files of sessions and runs that are not among these; only genie's own."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPiece:
    """Some bytes of a run's log: whole characters where it is UTF-8. `mark` is where to go on, `more` says that there
    is more already."""

    content: bytes
    mark: str
    more: bool


class RunLogs(Protocol):
    """What runs wrote to their panes: raw, in files of a bounded size. Raises Failed when one cannot be read or
    made."""

    def path(self, run: UUID) -> str:
        """The file of a run; nothing need be there."""
        ...

    def begin(self, run: UUID) -> str:
        """Make a run's file, empty, where it is missing; returns its path."""
        ...

    def has(self, run: UUID) -> bool: ...

    def tail(self, run: UUID, *, lines: int | None) -> LogPiece:
        """From the beginning of what is kept, or of the last `lines`."""
        ...

    def after(self, run: UUID, mark: str) -> LogPiece:
        """What came after that mark; all that is kept where the mark is of a part that is not. Raises BadInput for
        what is no mark."""
        ...

    def sweep(self, *, keep: frozenset[UUID]) -> None:
        """Remove logs that are too old or too many, only genie's own, and none of the runs in `keep`."""
        ...
