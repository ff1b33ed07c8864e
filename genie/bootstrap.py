"""The only module that picks adapters: it binds the ports to this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from genie import paths, settings
from genie.adapters.attachments import read_attachment
from genie.adapters.channels import SessionChannels
from genie.adapters.claude_teams import ClaudeTeams
from genie.adapters.inputs import FifoInputs
from genie.adapters.launches import FileLaunches
from genie.adapters.leavings import FileLeavings
from genie.adapters.notices import DesktopNotices, FileMemory, UserPrograms
from genie.adapters.places import LocalPlaces
from genie.adapters.postgres.binaries import Owner, programs
from genie.adapters.postgres.connect import parameters
from genie.adapters.postgres.embedded import Embedded, data_dir
from genie.adapters.postgres.feed import PostgresFeed
from genie.adapters.postgres.migrate import migrate, schema
from genie.adapters.postgres.registry import PostgresRegistry
from genie.adapters.processes import SystemProcesses, open_cgroups
from genie.adapters.processes import Watcher as ProcessWatcher
from genie.adapters.providers import HookProgram, InstalledProviders, ProviderOptions
from genie.adapters.providers._dialogs import ProviderDialogs
from genie.adapters.providers._signs import ProviderSigns
from genie.adapters.providers._sockets import ClaudeSockets
from genie.adapters.recordings import FileRecordings
from genie.adapters.records import Listener
from genie.adapters.runlogs import FileRunLogs
from genie.adapters.sandbox import Containers
from genie.adapters.schedules import StoredAlarms, TriggerCalendar
from genie.adapters.schemas import StoredSchemas
from genie.adapters.system import KillAt, RandomIds, RandomTokens, SystemClock, boot_id, host_id, host_name
from genie.adapters.teamfiles import ClaudeFiles
from genie.adapters.templates import FileTemplates
from genie.adapters.tmux import Tmux
from genie.adapters.transcripts import read as read_transcript
from genie.adapters.wakes import Wakes
from genie.adapters.worktrees import GitWorktrees
from genie.domain.errors import MissingProgram
from genie.domain.session import Run
from genie.paths import Home
from genie.ports import (
    Alarms,
    Calendar,
    Clock,
    Dialogs,
    Feed,
    Memory,
    Programs,
    Recordings,
    Registry,
    Supplies,
    Terminal,
    Watcher,
)
from genie.ports.signs import Signs
from genie.services.notify import Outlets
from genie.services.world import Rules, World
from genie.settings import Settings
from genie.settings.model import LogSettings

PANE = ("TMUX", "TMUX_PANE")
UNSWEPT = timedelta(minutes=10)
HERE = Path(__file__).resolve().parent
PG_OPTIONS = {"host": "host", "port": "port", "user": "username", "dbname": "dbname"}

__all__ = ["Database", "Open", "configure", "database", "migrate", "open_registry", "open_world", "schema", "watcher"]


def configure(home: Home) -> Settings:
    """The daemon's own settings: the user's file and this process's environment. Raises BadConfig."""
    return settings.load(home, project=None, env=os.environ)


# ---- the database ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Database:
    """A PostgreSQL server: one of the user's, or the embedded one, which is started and stopped here."""

    url: str | None
    embedded: Embedded | None

    @property
    def kind(self) -> str:
        return "embedded" if self.embedded else "external"

    def start(self) -> str:
        """See that the embedded server runs; returns the connection string. Raises RegistryAway."""
        return self.embedded.start() if self.embedded else self.url or ""

    def stop(self) -> None:
        """Stop the embedded server; one of the user's is left alone."""
        if self.embedded:
            self.embedded.stop()

    def pids(self) -> list[int]:
        """The embedded server, which belongs to no run though a daemon that was started in one has started it."""
        pid = self.embedded.pid if self.embedded else None
        return [pid] if pid else []

    def program(self, name: str) -> str:
        """psql, pg_dump or pg_restore: genie's own, which know every older server; where it brings none, that on
        PATH."""
        if self.embedded:
            return str(self.embedded.bin(name))
        try:
            return str(programs(Owner(os.geteuid(), os.getegid(), other=False)) / name)
        except MissingProgram:
            return name


def database(home: Home, configured: Settings) -> Database:
    if configured.database_url:
        return Database(configured.database_url, None)
    return Database(None, Embedded(data_dir(home, configured.postgres_dir), home=home.root))


def client_options(dsn: str) -> tuple[list[str], dict[str, str]]:
    """Options and environment that make psql, pg_dump and pg_restore reach the registry. No secret is in
    the options."""
    parts = {key: str(value) for key, value in parameters(dsn).items()}
    options = [f"--{name}={parts[key]}" for key, name in PG_OPTIONS.items() if key in parts]
    secret = {"PGPASSWORD": parts["password"]} if "password" in parts else {}
    return options, dict(os.environ) | secret


# ---- the world ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open:
    """A registry that answers: as a port, the feed of its events, and alarms that are kept in its database."""

    registry: Registry
    feed: Feed
    alarms: Alarms
    close: Callable[[], None]


def open_registry(home: Home, dsn: str, *, on_lost: Callable[[], None]) -> Open:
    """Connect, join the host, listen. Raises RegistryAway, and Conflict where another daemon serves this
    host in that registry."""
    registry = PostgresRegistry(dsn)
    host = this_host(home)
    feed = PostgresFeed(dsn, registry, host=host, on_lost=on_lost)

    def close() -> None:
        feed.stop()
        registry.retire()

    try:
        feed.start()
        registry.join_host(host, name=host_name(), boot=boot_id(), at=clock().now())
    except BaseException:
        close()
        raise
    jobs = registry.jobs(host)
    return Open(registry, feed, StoredAlarms(jobs, jobs.prefix), close)


def open_world(
    home: Home, configured: Settings, registry: Registry, data: Database, *, watch: Callable[[Run], None]
) -> World:
    """Bind every port. Nothing is started."""
    servers: dict[str, int] = {}
    processes = SystemProcesses(
        lambda: [*servers.values(), *data.pids()],
        cgroups=open_cgroups(
            configured.cgroup.path,
            owner=f"{this_host(home)}:{home.root}",
            max_processes=configured.cgroup.max_processes,
        ),
    )
    terminal = Tmux(
        processes=processes,
        servers=servers,
        run_command=_runner(home),
        hook_command=_hook(home),
        log_command=_logger(configured.log),
        environment=_clean_environment(),
        width=configured.tmux.width,
        height=configured.tmux.height,
    )
    providers = InstalledProviders(_provider_options(configured, home), home.providers)
    inputs, launches, recorded = FifoInputs(), FileLaunches(home, young=UNSWEPT), recordings(home)
    return World(
        registry=registry,
        terminal=terminal,
        processes=processes,
        providers=providers,
        templates=FileTemplates(home, paths.package_dir("agents")),
        team_files=ClaudeFiles(),
        inputs=inputs,
        channels=SessionChannels(
            terminal=terminal,
            inputs=inputs,
            fifo=recorded.fifo,
            providers=providers,
            launches=launches,
            signs=signs(),
            sockets=ClaudeSockets(),
            environment=_clean_environment(),
        ),
        launches=launches,
        run_logs=FileRunLogs(home, age=timedelta(days=configured.log.runs_days), total=configured.log.runs_total_size),
        recordings=recorded,
        leavings=FileLeavings(home),
        natives=ClaudeTeams(home.native_teams, owner=f"{this_host(home)}:{home.root}"),
        places=LocalPlaces(),
        supplies=_supplies(home, configured),
        clock=clock(),
        ids=RandomIds(),
        secrets=RandomTokens(),
        fault=KillAt(os.environ.get("GENIE_FAULT_POINT")),
        host=this_host(home),
        home=str(home.root),
        rules=rules_of(configured, configured, terminal),
        rules_at=_rules_at(home, configured, terminal),
        watch=watch,
    )


def recordings(home: Home) -> Recordings:
    return FileRecordings(home=home, read=read_transcript, listen=Listener, now=clock().now)


def wakes(*, poll: float) -> Wakes:
    """Who tells that files have changed; every `poll` seconds it looks for itself."""
    return Wakes(poll=poll)


def _supplies(home: Home, configured: Settings) -> Supplies:
    sandbox = configured.sandbox
    return Supplies(
        attachment=read_attachment,
        worktrees=GitWorktrees(home),
        sandboxes=Containers(sandbox.images, network=sandbox.network, passed=sandbox.env),
        schemas=StoredSchemas(home),
    )


def calendar() -> Calendar:
    return TriggerCalendar()


def clock() -> Clock:
    return SystemClock()


def watcher() -> Watcher:
    return ProcessWatcher()


@lru_cache(maxsize=1)
def this_host(home: Home) -> str:
    return host_id(home.root / "host-id")


def rules_of(configured: Settings, own: Settings, terminal: Terminal) -> Rules:
    """`configured` as seen from a project, `own` the daemon's: what a project may not set is taken from it."""
    named = configured.tmux.socket
    return Rules(
        policy=configured.resume.policy,
        dead_cycles=own.resume.dead_cycles,
        max_running=own.max_running,
        layout=configured.tmux.layout,
        socket=terminal.socket_path(named) if named else None,
        start_timeout=own.spawn.start_timeout,
        stop_grace=own.stop.grace,
        ttl_grace=own.stop.ttl_grace,
        limits=configured.spawn.limits,
        native_teams=configured.claude.native_teams,
    )


def _rules_at(home: Home, own: Settings, terminal: Terminal) -> Callable[[str, Mapping[str, str]], Rules]:
    def rules_at(cwd: str, env: Mapping[str, str]) -> Rules:
        project = paths.project_of(Path(cwd))
        return rules_of(settings.load(home, project=project, env=dict(os.environ) | dict(env)), own, terminal)

    return rules_at


def _provider_options(configured: Settings, home: Home) -> dict[str, ProviderOptions]:
    claude, codex = configured.claude, configured.codex
    mode = claude.permission_mode.value if claude.permission_mode else None
    command = (sys.executable, "-I", "-S", str(HERE / "hook.py"), str(home.socket), str(home.spool))
    hooks = HookProgram(command, str(home.hooks))
    line = (sys.executable, "-I", "-S", str(HERE / "statusline.py"), str(home.socket), str(home.status))
    codex_hooks = replace(hooks, answer_wait=int(codex.answer_wait.total_seconds()))
    asking = replace(
        hooks, answer_wait=int(claude.answer_wait.total_seconds()), line=line if claude.status_line else ()
    )
    through_sdk = ProviderOptions(
        binary=claude.binary,
        permission_mode=mode,
        python=configured.claude_sdk.python,
        socket=str(home.socket),
        patience=claude.answer_wait.total_seconds(),
    )
    return {
        "claude": ProviderOptions(claude.binary, claude.extra_args, mode, asking),
        "claude-sdk": through_sdk,
        "codex": ProviderOptions(codex.binary, codex.extra_args, None, codex_hooks, hooks_allowed=codex.hooks),
    }


def signs() -> Signs:
    """What interactive providers tell of what they are doing."""
    return ProviderSigns()


def dialogs() -> Dialogs:
    """How providers' hooks ask for leave."""
    return ProviderDialogs()


def programs_of(home: Home) -> Programs:
    """Commands of the user's: they see the daemon's environment, and reach this daemon by GENIE_HOME."""
    return _user_programs(home)


def _user_programs(home: Home) -> UserPrograms:
    return UserPrograms(_clean_environment() | {"GENIE_HOME": str(home.root)}, home=str(Path.home()))


def outlets(home: Home) -> Outlets:
    """How people are reached besides tmux."""
    started = _user_programs(home)
    return Outlets(desktop=DesktopNotices(started, os.environ), programs=started)


def memory(home: Home, name: str) -> Memory:
    """What a part of the daemon remembers over its end."""
    return FileMemory(home.root / f"{name}.json")


def _runner(home: Home) -> Callable[[UUID], tuple[str, ...]]:
    def command(run: UUID) -> tuple[str, ...]:
        program = str(HERE / "runner.py")
        return (sys.executable, "-I", "-S", program, str(run), str(home.launch / f"{run}.json"))

    return command


def _logger(configured: LogSettings) -> Callable[[str, int], tuple[str, ...]]:
    limits = (str(configured.runs_max_size), str(configured.runs_keep))

    def command(path: str, pid: int) -> tuple[str, ...]:
        return (sys.executable, "-I", "-S", str(HERE / "logger.py"), path, *limits, str(pid))

    return command


def _hook(home: Home) -> Callable[[UUID], tuple[str, ...]]:
    def command(run: UUID) -> tuple[str, ...]:
        program, start = (
            str(HERE / "hook.py"),
            (sys.executable, "-P", "-m", "genie.daemon", "run", "--as-before", str(home.root)),
        )
        where = (str(home.socket), str(home.spool))
        return (sys.executable, "-I", "-S", program, *where, "pane-died", f"run={run}", "--", *start)

    return command


def _clean_environment() -> dict[str, str]:
    """For a tmux server that is started here: nothing of the caller's pane, run or genie."""
    return {key: value for key, value in os.environ.items() if not key.startswith("GENIE_") and key not in PANE}
