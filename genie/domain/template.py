"""Agent templates: what a team lead writes in an AGENTS.md file."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from genie.domain.agent import Restart
from genie.domain.errors import BadTemplate
from genie.domain.team import Layout
from genie.domain.tree import Wish
from genie.domain.words import Color, PermissionMode


class PromptMode(Enum):
    """Whether the role prompt is added to the provider's system prompt or takes its place."""

    APPEND = "append"
    REPLACE = "replace"


class Scope(Enum):
    """Where a template was found; the nearer one wins."""

    PROJECT = "project"
    USER = "user"
    BUILTIN = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One AGENTS.md, checked. None means "not said": the configuration or the provider decides.

    `checksum` is the SHA-256 of the file, `source` its path, `prompt` its body. `spawn` is what it
    wishes for the spawn trees of its agents, `cross_team` says that they may write to other teams, or names these.
    """

    name: str
    source: str
    scope: Scope
    checksum: str
    prompt: str
    description: str = ""
    provider: str = "claude"
    model: str | None = None
    effort: str | None = None
    permission_mode: PermissionMode | None = None
    prompt_mode: PromptMode = PromptMode.APPEND
    team: str | None = None
    color: Color | None = None
    layout: Layout | None = None
    skills: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    disallowed_tools: tuple[str, ...] = ()
    mcp: tuple[str, ...] = ()
    add_dirs: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    extra_args: tuple[str, ...] = ()
    auto_resume: bool | None = None
    restart: Restart | None = None
    max_resume_attempts: int | None = None
    cooldown: timedelta | None = None
    stable_after: timedelta | None = None
    ttl: timedelta | None = None
    spawn: Wish = field(default_factory=Wish)
    on_resume: str | None = None
    cwd: str | None = None
    worktree: bool = False
    stdin: bool = False
    cross_team: bool | tuple[str, ...] = False

    def writes_to(self, team: str) -> bool:
        """Whether its agents may send messages to that other team without being told to each time."""
        return self.cross_team if isinstance(self.cross_team, bool) else team in self.cross_team


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFile:
    """A file that has a template, or is meant to: then `problems` tell all that is wrong with it.

    `shadowed_by` is the nearer file of the same name that is used in its place.
    """

    name: str
    source: str
    scope: Scope
    template: Template | None = None
    problems: tuple[BadTemplate, ...] = ()
    shadowed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A template as the registry has it; `checksum` is that of the file it was read from."""

    source: str
    name: str
    checksum: str
