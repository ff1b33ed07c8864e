"""What can be configured: sections, keys, defaults and what a value may be."""

from __future__ import annotations

import json
import re
import shlex
from datetime import timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from genie.domain import tree
from genie.domain.amounts import Wrong, parse_duration, parse_size, write_duration
from genie.domain.errors import BadInput
from genie.domain.layout import SMALLEST_HEIGHT, SMALLEST_WIDTH
from genie.domain.resume import Policy
from genie.domain.team import Layout
from genie.domain.tree import Breach, Limits, Rate, Termination, parse_rate
from genie.domain.words import PermissionMode, nearest, one_of

# ---- what a value may be --------------------------------------------------------------------


def masked(url: str) -> str:
    """A database URL that may be shown: without its password."""
    scheme, mark, rest = url.partition("://")
    end = min((rest.find(sign) for sign in "/?#" if sign in rest), default=len(rest))
    login, at, host = rest[:end].rpartition("@")
    user, colon, _ = login.partition(":")
    query = re.sub(r"([?&](?:ssl)?password=)[^&#]*", r"\1***", rest[end:])
    return f"{scheme}{mark}{user}{':***' if colon else ''}{at}{host}{query}"


def _whole(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch("-?[0-9]{1,18}", value):
        return int(value)
    raise Wrong(f"{value!r} is not a whole number")


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip() and value.isprintable():
        return value
    raise Wrong(f"{value!r} is not a text", "write it in quotes")


def _words(value: object) -> list[str]:
    """A list of texts; from the environment as JSON, or as a shell would split it."""
    try:
        if isinstance(value, str):
            value = json.loads(value) if value.lstrip().startswith("[") else shlex.split(value)
    except ValueError as error:
        raise Wrong(f"{value!r} does not read as a list: {error}") from error
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return list(value)
    raise Wrong(f"{value!r} is not a list of texts", 'write ["--flag", "value"]')


def _postgresql(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"postgresql://[^\s]*", value):
        return value
    raise Wrong("not a PostgreSQL URL", "write postgresql://user:password@host:5432/database")


def _directory(value: object) -> Path:
    path = Path(value) if isinstance(value, (str, Path)) else None
    if path and path.is_absolute():
        return path
    raise Wrong(f"{value!r} is not an absolute path")


def _cgroup(value: object) -> str:
    if value in ("auto", "off") or (isinstance(value, str) and Path(value).is_absolute()):
        return str(value)
    raise Wrong(f"{value!r} is not an absolute path", "or write 'auto' or 'off'")


E = TypeVar("E", bound=Enum)


def _member(kind: str, words: type[E], value: object) -> E:
    if isinstance(value, words):
        return value
    if words is PermissionMode and value == "default":
        value = PermissionMode.MANUAL.value  # what older versions of Claude Code call it
    if not isinstance(value, str):
        raise Wrong(f"unknown {kind} {value!r}", nearest("", [str(member.value) for member in words]))
    try:
        return one_of(kind, value, words)
    except BadInput as error:
        raise Wrong(error.message, error.hint) from error


def _rate(value: object) -> Rate:
    return value if isinstance(value, Rate) else parse_rate(value)


def _at_least(least: timedelta, value: timedelta) -> timedelta:
    if value < least:
        raise Wrong(f"must be at least {write_duration(least)}")
    return value


def _images(value: object) -> dict[str, str]:
    """Images by name; from the environment as JSON, or as words NAME=IMAGE."""
    if isinstance(value, str):
        try:
            words = dict(word.partition("=")[::2] for word in shlex.split(value))
            value = json.loads(value) if value.lstrip().startswith("{") else words
        except ValueError as error:
            raise Wrong(f"{value!r} does not read as images: {error}") from error
    if isinstance(value, dict) and all(isinstance(image, str) and image and name for name, image in value.items()):
        return dict(value)
    raise Wrong(f"{value!r} does not name an image each", '{ claude = "registry/claude:latest" }')


class Level(Enum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_MOMENT = timedelta(milliseconds=50)
"""The shortest interval that does not make the daemon a busy loop."""

Whole = Annotated[int, BeforeValidator(_whole)]
Text = Annotated[str, BeforeValidator(_text)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Images = Annotated[dict[str, str], BeforeValidator(_images)]
Bytes = Annotated[int, BeforeValidator(parse_size)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Interval = Annotated[Duration, AfterValidator(partial(_at_least, _MOMENT))]
Mode = Annotated[PermissionMode, BeforeValidator(partial(_member, "permission mode", PermissionMode))]
Arrangement = Annotated[Layout, BeforeValidator(partial(_member, "layout", Layout))]
TreeMode = Annotated[tree.Mode, BeforeValidator(partial(_member, "mode", tree.Mode))]
TreeEnd = Annotated[Termination, BeforeValidator(partial(_member, "termination", Termination))]
OnBreach = Annotated[Breach, BeforeValidator(partial(_member, "on_breach", Breach))]
SpawnRate = Annotated[Rate, BeforeValidator(_rate)]
Count = Annotated[Whole, Field(ge=0)]
LogLevel = Annotated[Level, BeforeValidator(partial(_member, "level", Level))]

# ---- the sections ---------------------------------------------------------------------------


class _Section(BaseModel):
    # Without hide_input_in_errors a traceback would show the values, a password among them.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ResumeSettings(_Section):
    """When the dead are brought back. `second_look` follows a pushed death, `heartbeat` is the beat
    otherwise; `max_in_flight` resumes run at once."""

    max_attempts: Annotated[Whole, Field(ge=0)] = 3
    cooldown: Duration = timedelta(seconds=60)
    stable_after: Duration = timedelta(minutes=5)
    dead_cycles: Annotated[Whole, Field(ge=1)] = 2
    heartbeat: Interval = timedelta(seconds=2)
    second_look: Interval = timedelta(milliseconds=200)
    max_in_flight: Annotated[Whole, Field(ge=1)] = 4

    @property
    def policy(self) -> Policy:
        """The resume policy of an agent whose template says nothing else."""
        return Policy(max_attempts=self.max_attempts, cooldown=self.cooldown, stable_after=self.stable_after)


class TmuxSettings(_Section):
    """`socket` is a name (tmux -L) or a path (tmux -S); sizes are in cells, for windows nobody sees."""

    socket: Text | None = None
    layout: Arrangement = Layout.MOSAIC
    width: Annotated[Whole, Field(ge=SMALLEST_WIDTH, le=10_000)] = 200
    height: Annotated[Whole, Field(ge=SMALLEST_HEIGHT, le=10_000)] = 50


class SpawnSettings(_Section):
    """`start_timeout` is how long a run may take from its pane to its process. The others are the limits of spawn
    trees whose template and team say nothing else: those of docs/trees.md."""

    start_timeout: Interval = timedelta(seconds=30)
    mode: TreeMode = tree.Mode.DYNAMIC
    children: Count = Limits().children
    depth: Count = Limits().depth
    descendants: Count = Limits().descendants
    total: Count = Limits().total
    memory: Annotated[int, BeforeValidator(parse_size)] | None = None
    rate: SpawnRate = Limits().rate
    termination: TreeEnd = Termination.CASCADE
    on_breach: OnBreach = Breach.KILL_NEWEST

    @property
    def limits(self) -> Limits:
        return Limits(**{key: getattr(self, key) for key in tree.KEYS})


class StopSettings(_Section):
    """`grace` is the time between asking a process to leave and killing it, `ttl_grace` the same for one whose time to
    live is over."""

    grace: Duration = timedelta(seconds=5)
    ttl_grace: Duration = timedelta(milliseconds=500)


class CgroupSettings(_Section):
    """`path` is "auto" (the cgroup v2 that systemd delegates to genie, where there is one), "off", or the path of the
    cgroup to make those of runs in. One run may have `max_processes` there at a time."""

    path: Annotated[str, BeforeValidator(_cgroup)] = "auto"
    max_processes: Annotated[Whole, Field(ge=1)] = 4096


class LogSettings(_Section):
    """The daemon's log: `keep` old files of at most `max_size` bytes. The logs of commands, a log a run: `runs_keep`
    old files of at most `runs_max_size` bytes, kept `runs_days` days after their end unless all of them together are
    more than `runs_total_size`."""

    level: LogLevel = Level.INFO
    max_size: Annotated[Bytes, Field(ge=1024)] = 10 * 1024**2
    keep: Annotated[Whole, Field(ge=0)] = 5
    runs_max_size: Annotated[Bytes, Field(ge=1024)] = 10 * 1024**2
    runs_keep: Annotated[Whole, Field(ge=0, le=1000)] = 1
    runs_days: Annotated[Whole, Field(ge=0, le=36500)] = 14
    runs_total_size: Annotated[Bytes, Field(ge=1024)] = 1024**3


class SandboxSettings(_Section):
    """`images` are those of containers, by the name of a provider or any other that --sandbox takes; `network` is the
    network of sessions that ask for none; `env` are the caller's variables that go along."""

    images: Images = Field(default_factory=dict)
    network: Text = "bridge"
    env: Words = (
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL", "CLAUDE_CODE_OAUTH_TOKEN"),
        *("CODEX_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "LANG", "TERM", "TZ"),
    )


class CodexSettings(_Section):
    """`binary` is a path, or a name to look for in PATH."""

    binary: Text | None = None
    extra_args: Words = ()


class ClaudeSettings(CodexSettings):
    permission_mode: Mode | None = None


class Settings(BaseSettings):
    """Everything that can be configured, with defaults. `max_running` agents live on one host;
    `postgres_dir` is where the embedded server keeps its data when there is no `database_url`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[Annotated[str, BeforeValidator(_postgresql)] | None, Field(repr=False)] = None
    postgres_dir: Annotated[Path, BeforeValidator(_directory)] | None = None
    max_running: Annotated[Whole, Field(ge=1)] = 50
    resume: ResumeSettings = ResumeSettings()
    tmux: TmuxSettings = TmuxSettings()
    spawn: SpawnSettings = SpawnSettings()
    stop: StopSettings = StopSettings()
    cgroup: CgroupSettings = CgroupSettings()
    log: LogSettings = LogSettings()
    sandbox: SandboxSettings = SandboxSettings()
    claude: ClaudeSettings = ClaudeSettings()
    codex: CodexSettings = CodexSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (the parameters are those of pydantic-settings)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` passes: it knows the line of each value, and whose environment counts."""
        return (init_settings,)


SECTIONS: dict[str, type[BaseModel]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
}
TOP = tuple(name for name in Settings.model_fields if name not in SECTIONS)
KEYS = (*TOP, *(f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields))
"""Every key, as `max_running` or `resume.cooldown`."""
