"""AGENTS.md files: YAML frontmatter, checked strictly, and the role prompt as body."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genie.adapters.templates.file import Reading, Source, read
from genie.domain.errors import BadInput, BadTemplate
from genie.domain.template import Scope, Template
from genie.domain.words import check_name
from genie.paths import Home, project_of

FILE = "AGENTS.md"


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A template file that is not used, because a nearer one has its name."""

    name: str
    source: str
    scope: Scope
    by: str


class FileTemplates:
    """Templates in the project's folder, the user's and the built-in one; the nearer wins.

    A file is read again only when it has changed.
    """

    def __init__(self, home: Home, builtin: Path) -> None:
        self._home = home
        self._builtin = builtin
        self._readings: dict[Path, tuple[tuple[int, int, int], Reading]] = {}

    def find(self, name: str, *, cwd: str) -> Template | None:
        """The nearest template of that name. Raises BadTemplate with file, line and field."""
        try:
            check_name("template", name)
        except BadInput:
            return None  # and nothing outside the folders can be named, such as ../../etc
        for scope, folder in self._folders(cwd):
            reading = self._reading(Source(folder / name / FILE, scope))
            if isinstance(reading, Template):
                return reading
            if reading:
                raise _fresh(reading)
        return None

    def all(self, *, cwd: str) -> list[Template]:
        """Every template that reads, the nearest of each name, in the order of names."""
        nearest_of = {source.name: reading for source, reading in reversed(list(self._everything(cwd)))}
        return [reading for _, reading in sorted(nearest_of.items()) if isinstance(reading, Template)]

    def problems(self, cwd: str) -> list[BadTemplate]:
        """All that is wrong, in files that are shadowed too."""
        return [bad for _, reading in self._everything(cwd) if isinstance(reading, tuple) for bad in reading]

    def shadowed(self, cwd: str) -> list[Shadowed]:
        """The files that a nearer one of the same name hides, nearest first."""
        used: dict[str, Source] = {}
        hidden: list[Shadowed] = []
        for source, _ in self._everything(cwd):
            by = used.setdefault(source.name, source)
            if by is not source:
                hidden.append(Shadowed(source.name, str(source.path), source.scope, str(by.path)))
        return hidden

    def _folders(self, cwd: str) -> list[tuple[Scope, Path]]:
        folders = [(Scope.USER, self._home.agents), (Scope.BUILTIN, self._builtin)]
        project = project_of(Path(cwd))
        if project and (project / ".genie").resolve() != self._home.root.resolve():
            folders.insert(0, (Scope.PROJECT, project / ".genie" / "agents"))
        return folders

    def _everything(self, cwd: str) -> Iterator[tuple[Source, Reading]]:
        for scope, folder in self._folders(cwd):
            for path in sorted(folder.glob(f"*/{FILE}")):
                source = Source(path, scope)
                if reading := self._reading(source):
                    yield source, reading

    def _reading(self, source: Source) -> Reading | None:
        """What the file says now; None where there is no file."""
        try:
            stat = source.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return (source.problem(f"cannot be read: {error.strerror}"),)
        stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        known = self._readings.get(source.path)
        if known is None or known[0] != stamp:
            known = self._readings[source.path] = (stamp, read(source))
        return known[1]


def _fresh(problems: tuple[BadTemplate, ...]) -> BadTemplate:
    """An exception of its own for this raise, with all problems of the file in its details."""
    first = problems[0]
    errors = [{**bad.details, "message": bad.message, "hint": bad.hint} for bad in problems]
    return BadTemplate(first.message, hint=first.hint, **first.details, errors=errors)
