"""The programs that agents are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from genie.domain.errors import GenieError
from genie.domain.session import Launch, Session, Way
from genie.domain.words import PermissionMode


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a spawn wants of a provider. `prompt_file` is where a prompt lies that is too long for
    a command line; `skill` is loaded before the prompt, and so are `skills` where there is one. `sdk` are wishes for
    the one provider that knows them, by the names of its flags: max_turns, max_budget, effort, resume."""

    session: UUID
    name: str
    team: str
    role_prompt: str
    replace_system_prompt: bool
    prompt: str | None
    prompt_file: str | None
    command: tuple[str, ...]
    cwd: str
    model: str | None
    effort: str | None
    permission_mode: PermissionMode | None
    skill: str | None
    skills: tuple[str, ...]
    tools: tuple[str, ...]
    disallowed_tools: tuple[str, ...]
    mcp: tuple[str, ...]
    add_dirs: tuple[str, ...]
    extra_args: tuple[str, ...]
    env: Mapping[str, str]
    sdk: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """A provider's answer: argv and the index of the first prompt in it, what to add to the
    environment, and the session id that the provider will use (None: it chooses one itself)."""

    argv: tuple[str, ...]
    prompt: int | None
    env: tuple[tuple[str, str], ...]
    provider_session: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a one-shot or streaming session wants, beyond what an Ask says. None and False: nothing was said.

    `mcp_config` and `schema` are as they were typed: a path or JSON, and the path of a JSON schema that the answer
    has to follow; relative paths are of the Ask's directory. `size` is small, medium or large, and goes before the
    Ask's model."""

    way: Way
    system_prompt: str | None = None
    max_turns: int | None = None
    mcp_config: str | None = None
    auto_approve: bool = False
    schema: str | None = None
    size: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """What the attendant runs. The prompt never stands on the command line (`plan.prompt` is None).

    `form` is what the provider's lines are (the parser's word), `screen` how the attendant shows them (the
    renderer's word: claude, codex, text; any other is shown as lines of JSON), `stdin` what the program reads
    first, `keep_open` that more is to come through the FIFO."""

    plan: Plan
    form: str
    screen: str
    stdin: str | None
    keep_open: bool = False


class Provider(Protocol):
    """One kind of agent program."""

    @property
    def name(self) -> str: ...

    @property
    def conversational(self) -> bool:
        """Whether it keeps a conversation that it can continue. A plain command does not: bringing
        it back is running it again."""
        ...

    @property
    def strip_env(self) -> tuple[str, ...]:
        """Variables of a caller's own session of this provider, which a child must not inherit."""
        ...

    @property
    def prompt_limit(self) -> int:
        """Bytes of a prompt that fit on its command line; longer ones go by file."""
        ...

    def plan(self, ask: Ask) -> Plan:
        """Raises MissingProgram (which, how to install), BadInput for what it cannot honour."""
        ...

    @property
    def ways(self) -> Collection[Way]:
        """How its sessions can be held."""
        ...

    @property
    def models(self) -> Mapping[str, str]:
        """Its own names of the sizes small, medium and large; those that it has."""
        ...

    def attended(self, ask: Ask, task: Task) -> Attended:
        """A session without a screen of its own. Raises MissingProgram (which, how to install), BadInput for what
        the provider cannot honour: nothing that was asked for is left out in silence."""
        ...

    def resume(self, launch: Launch, *, session: Session, env: Mapping[str, str]) -> tuple[str, ...]:
        """The argv that goes on with the session: that of the spawn but for the session flag and the
        first prompt. Where the provider has nothing to go on with (no message was ever kept), the argv
        of a fresh start with the same id. Raises NotAllowed when it cannot be continued at all."""
        ...

    def tell(self, argv: tuple[str, ...], prompt: str) -> tuple[str, ...]:
        """The argv of a resume with something new to do. A first prompt that is still in it stays."""
        ...

    def can_resume(self, session: Session, *, env: Mapping[str, str]) -> bool: ...

    def find_session(self, session: Session, *, env: Mapping[str, str], since: datetime, pid: int) -> str | None:
        """The id that a provider gave to a session of its own choice, once that can be told."""
        ...

    def transcript(self, session: Session, *, env: Mapping[str, str]) -> tuple[str, str] | None:
        """The file in which the provider keeps an interactive session's conversation, and the parser's word for
        what its lines are. None where it keeps none, or while that cannot be told."""
        ...

    def program(self) -> str | None:
        """The path of its program; None when it is not installed, and for one that is any program."""
        ...

    def version(self) -> str | None:
        """What `--version` prints; None when the program is not installed."""
        ...


class Providers(Protocol):
    def names(self) -> Sequence[str]: ...

    def get(self, name: str) -> Provider:
        """Raises BadInput for an unknown one, with the nearest name, and for one whose file is wrong."""
        ...

    def source(self, name: str) -> str | None:
        """The file that declares it; None for one that genie brings."""
        ...

    def problems(self) -> Sequence[GenieError]:
        """All that is wrong in files that declare providers."""
        ...
