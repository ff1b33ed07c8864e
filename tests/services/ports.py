"""Providers, templates, team files and places in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from genie.domain.errors import BadInput, BadTemplate, Conflict, GenieError, MissingProgram, NotAllowed, NotFound
from genie.domain.session import Launch, Session, Way
from genie.domain.team import ClaudeTeam
from genie.domain.teamfile import TeamFile
from genie.domain.template import Scope, Template, TemplateFile
from genie.domain.words import nearest
from genie.ports import Ask, Attended, Plan, Provider, Task

SECRETS = ("CLAUDECODE", "CLAUDE_CODE_SESSION_ID", "CODEX_THREAD_ID")


@dataclass
class Agentic:
    """A provider with conversations. `own_ids` says that it chooses session ids itself, as codex does;
    `heard` are the sessions that hold a message, `chosen` its own ids of sessions that can be told by now;
    `missing` takes the program away."""

    name: str = "claude"
    conversational: bool = True
    strip_env: tuple[str, ...] = SECRETS
    prompt_limit: int = 100
    own_ids: bool = False
    missing: bool = False
    asked: list[Ask] = field(default_factory=list)
    heard: set[str] = field(default_factory=set)
    chosen: dict[UUID, str] = field(default_factory=dict)
    ways: tuple[Way, ...] = tuple(Way)
    models: Mapping[str, str] = field(default_factory=lambda: {"small": "tiny", "medium": "middling", "large": "huge"})
    tasks: list[Task] = field(default_factory=list)
    transcripts: dict[UUID, str] = field(default_factory=dict)

    def _need(self) -> None:
        if self.missing:
            raise MissingProgram(f"provider {self.name} needs the program '{self.name}'", hint="install it")

    def plan(self, ask: Ask) -> Plan:
        self._need()
        self.asked.append(ask)
        session = () if self.own_ids else ("--session-id", str(ask.session))
        argv = (self.name, *session, *(("--model", ask.model) if ask.model else ()), *ask.extra_args)
        own = None if self.own_ids else str(ask.session)
        if ask.prompt is None:
            return Plan(argv, None, (("FROM_PROVIDER", "yes"),), own)
        prompt = f"read {ask.prompt_file}" if ask.prompt_file else ask.prompt
        return Plan((*argv, "--", prompt), len(argv) + 1, (("FROM_PROVIDER", "yes"),), own)

    def attended(self, ask: Ask, task: Task) -> Attended:
        self._need()
        if task.way not in self.ways:
            raise BadInput(f"provider {self.name} has no {task.way.value} sessions")
        self.asked.append(ask)
        self.tasks.append(task)
        model = self.models[task.size] if task.size else ask.model
        own = None if self.own_ids else str(ask.session)
        argv = (self.name, "-p", *(("--session-id", own) if own else ()), *(("--model", model) if model else ()))
        plan = Plan((*argv, *ask.extra_args), None, (("FROM_PROVIDER", "yes"),), own)
        streaming = task.way is Way.STREAMING
        return Attended(plan=plan, form="stream-json", screen="claude", stdin=ask.prompt, keep_open=streaming)

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        path = self.transcripts.get(session.id)
        return None if path is None else (path, "transcript")

    def program(self) -> str | None:
        return None if self.missing else f"/bin/{self.name}"

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        self._need()
        own = session.provider_session
        if own is None:
            raise NotAllowed(f"{self.name} has told no session id")
        if own not in self.heard:
            return launch.argv
        rest = launch.argv[1:] if launch.prompt is None else launch.argv[1 : launch.prompt - 1]
        return (self.name, "--resume", own, *(rest if self.own_ids else rest[2:]))

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        return (*argv, "--", prompt)

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        self._need()
        return session.provider_session is not None

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return session.provider_session or self.chosen.get(session.id)

    def version(self) -> str | None:
        return None if self.missing else "1.0"


@dataclass
class Command:
    """A plain command: nothing to continue."""

    name: str = "shell"
    conversational: bool = False
    strip_env: tuple[str, ...] = SECRETS
    prompt_limit: int = 100
    ways: tuple[Way, ...] = (Way.INTERACTIVE, Way.ONE_SHOT)
    models: Mapping[str, str] = field(default_factory=dict)

    def attended(self, ask: Ask, task: Task) -> Attended:
        return Attended(plan=self.plan(ask), form="text", screen="text", stdin=ask.prompt)

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        return None

    def program(self) -> str | None:
        return None

    def plan(self, ask: Ask) -> Plan:
        if not ask.command:
            raise BadInput("provider shell needs a command", hint="genie spawn NAME -- CMD")
        goal = (("AGENT_GOAL", ask.prompt),) if ask.prompt else ()
        return Plan(ask.command, None, goal, None)

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        return launch.argv

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        return argv

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool:
        raise AssertionError("a command has no conversation to ask about")

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        return None

    def version(self) -> str | None:
        return None


@dataclass
class MemoryProviders:
    """`genie.ports.Providers`."""

    claude: Agentic = field(default_factory=Agentic)
    codex: Agentic = field(default_factory=lambda: Agentic("codex", own_ids=True))
    shell: Command = field(default_factory=Command)

    def names(self) -> Sequence[str]:
        return ("claude", "codex", "shell")

    def get(self, name: str) -> Provider:
        if name not in self.names():
            raise BadInput(f"unknown provider '{name}'", hint=nearest(name, self.names()))
        provider: Provider = getattr(self, name)
        return provider

    def source(self, name: str) -> str | None:
        return None

    def problems(self) -> Sequence[GenieError]:
        return ()


@dataclass
class MemoryTemplates:
    """`genie.ports.Templates`. `broken` are names of templates that do not read, `hidden` files that others shadow,
    `elsewhere` those of places that nobody looks at, `team_files` by their paths: None is the nearest one."""

    known: dict[str, Template] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    hidden: list[TemplateFile] = field(default_factory=list)
    elsewhere: list[TemplateFile] = field(default_factory=list)
    team_files: dict[str | None, TeamFile] = field(default_factory=dict)

    def add(self, name: str, **said: Any) -> Template:  # noqa: ANN401
        fields: dict[str, Any] = {
            "name": name,
            "source": f"/agents/{name}/AGENTS.md",
            "scope": Scope.USER,
            "checksum": "c",
            "prompt": f"You are {name}.",
        }
        self.known[name] = Template(**fields | said)
        return self.known[name]

    def find(self, name: str, *, cwd: str) -> Template | None:
        if name in self.broken:
            raise BadTemplate(f"/agents/{name}/AGENTS.md:3: unknown field 'modle'", hint="did you mean 'model'?")
        return self.known.get(name)

    def all(self, *, cwd: str) -> list[Template]:
        return list(self.known.values())

    def problems(self, *, cwd: str) -> list[BadTemplate]:
        return [bad for file in self.files(cwd=cwd) for bad in file.problems]

    def files(self, *, cwd: str) -> list[TemplateFile]:
        right = [_file(one) for one in self.known.values() if one.name not in self.broken]
        wrong = [
            TemplateFile(
                name=name, source=f"/agents/{name}/AGENTS.md", scope=Scope.USER, problems=(BadTemplate(f"{name}: bad"),)
            )
            for name in sorted(self.broken)
        ]
        return [*right, *wrong, *self.hidden]

    def at(self, path: str, *, cwd: str) -> TemplateFile:
        found = next((file for file in (*self.files(cwd=cwd), *self.elsewhere) if file.source == path), None)
        if found is None:
            raise NotFound(f"there is no template file {path}")
        return found

    def new(self, name: str, *, cwd: str, scope: Scope | None, base: str | None) -> str:
        if name in self.known:
            raise Conflict(f"{name} is there already")
        prompt = self.known[base].prompt if base else "new"
        return self.add(name, scope=scope or Scope.USER, prompt=prompt).source

    def blame(self, template: Template, field: str, message: str, *, hint: str = "") -> BadTemplate:
        return BadTemplate(f"{template.source}:2: field '{field}': {message}", hint=hint, field=field)

    def places(self, cwds: Iterable[str]) -> list[str]:
        return []

    def team_file(self, path: str | None, *, cwd: str) -> TeamFile:
        if path not in self.team_files:
            raise NotFound(f"there is no team file {path}")
        return self.team_files[path]


def _file(template: Template) -> TemplateFile:
    return TemplateFile(name=template.name, source=template.source, scope=template.scope, template=template)


@dataclass
class MemoryTeamFiles:
    """`genie.ports.TeamFiles`."""

    found: tuple[ClaudeTeam, ...] = ()
    warnings: tuple[str, ...] = ()
    newest: dict[str, str] = field(default_factory=dict)

    def teams(self, *, env: Mapping[str, str]) -> tuple[tuple[ClaudeTeam, ...], tuple[str, ...]]:
        return self.found, self.warnings

    def newest_session(self, cwd: str, *, env: Mapping[str, str]) -> str | None:
        return self.newest.get(cwd)


@dataclass
class MemoryPlaces:
    """`genie.ports.Places`: every directory is there but the `missing`. `changed` are work trees, by directory;
    `looked` those that were asked for."""

    missing: frozenset[str] = frozenset({"/nowhere"})
    changed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    looked: list[str] = field(default_factory=list)

    def changes(self, directory: str, *, env: Mapping[str, str]) -> Sequence[str] | None:
        self.looked.append(directory)
        return self.changed.get(directory)

    def directory(self, path: str, *, base: str) -> str:
        whole = path if path.startswith("/") else (base if path == "." else f"{base.rstrip('/')}/{path}")
        if whole in self.missing:
            raise BadInput(f"no directory '{whole}'")
        return whole
