"""AGENTS.md files: YAML frontmatter, checked strictly, and the role prompt as body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from genie.adapters.templates.file import Reading, Source, blame, pieces, read
from genie.adapters.templates.fresh import copied, fresh
from genie.adapters.templates.teamfile import read_team
from genie.domain.errors import BadInput, BadTemplate, Conflict, Failed, NotFound
from genie.domain.teamfile import TeamFile
from genie.domain.template import Scope, Template, TemplateFile
from genie.domain.words import check_name, nearest
from genie.paths import Home, project_of

FILE = "AGENTS.md"
TEAM_FILE = "team.yaml"


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

    def problems(self, *, cwd: str) -> list[BadTemplate]:
        """All that is wrong, in files that are shadowed too."""
        return [bad for _, reading in self._everything(cwd) if isinstance(reading, tuple) for bad in reading]

    def files(self, *, cwd: str) -> list[TemplateFile]:
        """Every template file, nearest first and then by name."""
        used: dict[str, str] = {}
        found: list[TemplateFile] = []
        for source, reading in self._everything(cwd):
            by = used.setdefault(source.name, str(source.path))
            file = _file(source, reading)
            found.append(file if by == file.source else replace(file, shadowed_by=by))
        return found

    def at(self, path: str, *, cwd: str) -> TemplateFile:
        """The template in that file, or folder, wherever it is. Raises NotFound."""
        asked = Path(cwd) / Path(path).expanduser()
        found = (asked / FILE if asked.is_dir() else asked).absolute()
        source = Source(found, self._scope_of(found))
        reading = self._reading(source)
        if reading is None:
            raise NotFound(f"there is no template file {found}", hint="genie template ls", path=str(found))
        return _file(source, reading)

    def new(self, name: str, *, cwd: str, scope: Scope | None, base: str | None) -> str:
        """Write a commented template; returns its path. Raises BadInput, Conflict, NotFound, Failed."""
        check_name("template", name)
        text = fresh(name) if base is None else self._copy(name, base, cwd)
        path = self._folder_for(scope, cwd) / name / FILE
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise Conflict(f"{path} is there already", hint=f"genie template edit {name}", path=str(path)) from error
        except OSError as error:
            raise Failed(f"{path} cannot be written: {error.strerror}", path=str(path)) from error
        return str(path)

    def blame(self, template: Template, field: str, message: str, *, hint: str = "") -> BadTemplate:
        """The complaint about a field of a template that reads."""
        source = Source(Path(template.source), template.scope)
        return blame(source, field, message, hint=hint, value=getattr(template, field))

    def places(self, cwds: Iterable[str]) -> list[str]:
        """The folders of templates, each template's own folder, and its file."""
        folders = {folder for cwd in cwds for _, folder in self._folders(cwd)} | {self._home.agents, self._builtin}
        own = {path for folder in folders for path in folder.glob("*") if path.is_dir()}
        return sorted(str(path) for path in folders | own | {path / FILE for path in own})

    def team_file(self, path: str | None, *, cwd: str) -> TeamFile:
        """The team file there, or the nearest project's. Raises NotFound, BadTeamFile."""
        if path is not None:
            found = (Path(cwd) / Path(path).expanduser()).absolute()
            return read_team(found, found.parent.parent if found.parent.name == ".genie" else found.parent)
        project = project_of(Path(cwd))
        if project is None or not (project / ".genie" / TEAM_FILE).exists():
            hint = f"write one into .genie/{TEAM_FILE}, or give a file: genie team up FILE"
            raise NotFound(f"no project around {cwd} has a .genie/{TEAM_FILE}", hint=hint)
        return read_team(project / ".genie" / TEAM_FILE, project)

    def _copy(self, name: str, base: str, cwd: str) -> str:
        """Raises NotFound; BadTemplate for one that does not read."""
        found = self.find(base, cwd=cwd)
        if found is None:
            known = nearest(base, [one.name for one in self.all(cwd=cwd)])
            raise NotFound(f"no template '{base}'", hint=known, kind="template", name=base)
        return copied(name, *pieces(Path(found.source)), of=f"{base} ({found.scope.value})")

    def _folder_for(self, scope: Scope | None, cwd: str) -> Path:
        """Where a new template goes: for the project a `.genie` is made here, where there is none."""
        nearest_folder = self._folders(cwd)[0]
        if scope is None:
            return nearest_folder[1]
        if scope is Scope.USER:
            return self._home.agents
        return nearest_folder[1] if nearest_folder[0] is Scope.PROJECT else Path(cwd) / ".genie" / "agents"

    def _scope_of(self, path: Path) -> Scope:
        within = {Scope.USER: self._home.agents, Scope.BUILTIN: self._builtin}
        return next((scope for scope, folder in within.items() if path.is_relative_to(folder)), Scope.PROJECT)

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


def _file(source: Source, reading: Reading) -> TemplateFile:
    template, problems = (reading, ()) if isinstance(reading, Template) else (None, reading)
    return TemplateFile(
        name=source.name, source=str(source.path), scope=source.scope, template=template, problems=problems
    )


def _fresh(problems: tuple[BadTemplate, ...]) -> BadTemplate:
    """An exception of its own for this raise, with all problems of the file in its details."""
    first = problems[0]
    errors = [{**bad.details, "message": bad.message, "hint": bad.hint} for bad in problems]
    return BadTemplate(first.message, hint=first.hint, **first.details, errors=errors)
