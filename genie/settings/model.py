"""What can be configured: sections, keys and defaults."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from genie.domain import tree
from genie.domain.activity import Patience
from genie.domain.amounts import parse_size
from genie.domain.layout import SMALLEST_HEIGHT, SMALLEST_WIDTH
from genie.domain.notice import Medium, Occasion, Wishes
from genie.domain.resume import Policy
from genie.domain.rule import Rule, kinds_like
from genie.domain.team import Layout
from genie.domain.tree import Breach, Limits, Rate, Termination
from genie.settings.values import (
    AnswerWait,
    Argv,
    Arrangement,
    Bytes,
    Cgroup,
    Count,
    Dialogs,
    Directory,
    Duration,
    Events,
    Flag,
    Images,
    Interval,
    Level,
    LogLevel,
    Media,
    Mode,
    Occasions,
    OnBreach,
    SpawnRate,
    Text,
    TreeEnd,
    TreeMode,
    Url,
    Whole,
    Words,
)


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

    path: Cgroup = "auto"
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


class ActivitySettings(_Section):
    """`stall_after` is how long the model may have the word and say nothing."""

    stall_after: Interval = Patience().stall


class NotifySettings(_Section):
    """Of what people are told, and how. An agent is told of once within `throttle`. `command` is run for each notice
    that goes by the way of that name; it, and the desktop's program, may take `timeout`."""

    occasions: Occasions = tuple(one.value for one in Occasion)
    ways: Media = tuple(one.value for one in Medium)
    command: Words = ()
    timeout: Interval = timedelta(seconds=10)
    throttle: Duration = timedelta(minutes=1)

    @property
    def wishes(self) -> Wishes:
        return Wishes(
            occasions=frozenset(map(Occasion, self.occasions)),
            media=frozenset(map(Medium, self.ways)),
            command=self.command,
            timeout=self.timeout,
            throttle=self.throttle,
        )


class RuleSettings(_Section):
    """An [[on]] rule: `run` is the command for each event of these types, of agents that fit the patterns. It may take
    `timeout`, and is run `rate` at most. `place` is where the rule is written."""

    event: Events
    run: Argv
    agent: Text | None = None
    team: Text | None = None
    tag: Text | None = None
    timeout: Interval = timedelta(seconds=30)
    cwd: Directory | None = None
    rate: SpawnRate = Rate(60, timedelta(minutes=1))
    place: str = ""

    @property
    def rule(self) -> Rule:
        return Rule(
            place=self.place,
            kinds=frozenset(kind for word in self.event for kind in kinds_like(word)),
            run=self.run,
            agent=self.agent,
            team=self.team,
            tag=self.tag,
            timeout=self.timeout,
            cwd=str(self.cwd) if self.cwd else None,
            rate=self.rate,
        )


class ProgramSettings(_Section):
    """`binary` is a path, or a name to look for in PATH."""

    binary: Text | None = None
    extra_args: Words = ()


class CodexSettings(ProgramSettings):
    """`hooks` gives it hooks of genie's, and has it run every hook without asking. Then `answer_wait` is how long its
    permission prompts can be answered by `genie answer`: meanwhile it shows none."""

    hooks: Flag = False
    answer_wait: AnswerWait = timedelta(0)


class ClaudeSettings(ProgramSettings):
    """`answer_wait` is how long its permission prompts can be answered by `genie answer`; 0 for not at all. With
    `status_line` its status line tells genie what it uses. `accept_dialogs` are those of its start that genie answers
    with yes. `native_teams` says that agents of new teams are members of teams of Claude Code's own, too."""

    status_line: Flag = True
    accept_dialogs: Dialogs = ()
    permission_mode: Mode | None = None
    answer_wait: AnswerWait = timedelta(hours=12)
    native_teams: Flag = False


class ClaudeSdkSettings(_Section):
    """`python` is the interpreter that has the package claude-agent-sdk, where that is not genie's own. All else of
    provider claude-sdk is that of claude."""

    python: Text | None = None


class Settings(BaseSettings):
    """Everything that can be configured, with defaults. `max_running` agents live on one host;
    `postgres_dir` is where the embedded server keeps its data when there is no `database_url`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: Annotated[Url | None, Field(repr=False)] = None
    postgres_dir: Directory | None = None
    max_running: Annotated[Whole, Field(ge=1)] = 50
    resume: ResumeSettings = ResumeSettings()
    tmux: TmuxSettings = TmuxSettings()
    spawn: SpawnSettings = SpawnSettings()
    stop: StopSettings = StopSettings()
    cgroup: CgroupSettings = CgroupSettings()
    log: LogSettings = LogSettings()
    sandbox: SandboxSettings = SandboxSettings()
    notify: NotifySettings = NotifySettings()
    activity: ActivitySettings = ActivitySettings()
    claude: ClaudeSettings = ClaudeSettings()
    claude_sdk: ClaudeSdkSettings = ClaudeSdkSettings()
    codex: CodexSettings = CodexSettings()

    on: tuple[RuleSettings, ...] = ()

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
RULES = "on"
"""What is written as [[on]], as often as wanted: it is no key."""
TOP = tuple(name for name in Settings.model_fields if name not in SECTIONS and name != RULES)
KEYS = (*TOP, *(f"{section}.{key}" for section, model in SECTIONS.items() for key in model.model_fields))
"""Every key, as `max_running` or `resume.cooldown`."""
