"""`genie doctor`: is everything there that genie needs, and as it should be?"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from genie import settings
from genie.daemon.engine import Engine
from genie.domain.errors import GenieError
from genie.paths import project_of

INSTALL = {"claude-sdk": "pip install 'genie-agents[sdk]'"}
"""How to install what is no program of its own."""


class Status(Enum):
    """How a check came out."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's; `fix` says what to do where it is not ok."""

    check: str
    status: Status
    detail: str
    fix: str = ""

    def as_json(self) -> dict[str, str]:
        return {"check": self.check, "status": self.status.value, "detail": self.detail, "fix": self.fix}


def examine(engine: Engine, cwd: Path) -> list[Check]:
    """Every check; one that fails by itself is a failed check, never an error."""
    checks: list[Callable[[Engine, Path], Iterator[Check]]] = [
        _tmux,
        _database,
        _providers,
        _home,
        _configuration,
        _templates,
        _panes,
        _memory,
        _log,
    ]
    return [check for examiner in checks for check in _safely(examiner, engine, cwd)]


def _safely(examiner: Callable[[Engine, Path], Iterator[Check]], engine: Engine, cwd: Path) -> list[Check]:
    try:
        return list(examiner(engine, cwd))
    except GenieError as error:
        return [Check(examiner.__name__.strip("_"), Status.FAIL, error.message, error.hint)]


def _tmux(engine: Engine, _: Path) -> Iterator[Check]:
    terminal = engine.world.terminal
    version = terminal.version()
    number = tuple(int(part) for part in "".join(c if c.isdigit() else " " for c in version).split()[:2])
    fix = "install tmux 3.2 or newer"
    yield Check("tmux", Status.OK if number >= (3, 2) else Status.WARN, version, "" if number >= (3, 2) else fix)
    socket = engine.world.rules.socket or terminal.default_socket()
    snapshot = terminal.panes(socket)
    running = f"{len(snapshot.panes)} panes, server pid {snapshot.server.pid}" if snapshot.server else "not running"
    yield Check("tmux server", Status.OK, f"{socket}: {running}")


def _database(engine: Engine, _: Path) -> Iterator[Check]:
    if engine.problem:
        yield Check("database", Status.FAIL, engine.problem.message, engine.problem.hint or "genie db status")
        return
    engine.world.registry.last_event()
    yield Check("database", Status.OK, f"{engine.database.kind}, {settings.masked(engine.dsn or '')}")


def _providers(engine: Engine, _: Path) -> Iterator[Check]:
    providers = engine.world.providers
    for name in providers.names():
        try:
            provider = providers.get(name)
            if not provider.conversational:
                continue
            version = provider.version()
        except GenieError:
            continue
        if version is None:
            fix = INSTALL.get(name, f"install it to spawn agents of {name}")
            yield Check(f"provider {name}", Status.WARN, "not installed", fix)
        else:
            yield Check(f"provider {name}", Status.OK, version)
    for problem in providers.problems():
        yield Check("provider", Status.WARN, problem.message, problem.hint)


def _home(engine: Engine, _: Path) -> Iterator[Check]:
    home = engine.home
    for path in (home.root, home.run, home.launch, home.environments, home.prompts):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            yield Check("permissions", Status.FAIL, f"{path} is open to others ({mode:o})", f"chmod 700 {path}")
            return
    yield Check("permissions", Status.OK, f"{home.root} is closed to others")


def _configuration(engine: Engine, cwd: Path) -> Iterator[Check]:
    problems = settings.check(engine.home, project=project_of(cwd), env=os.environ)
    for problem in problems:
        yield Check("configuration", Status.FAIL, str(problem), problem.hint)
    if not problems:
        yield Check("configuration", Status.OK, str(engine.home.config))


def _templates(engine: Engine, cwd: Path) -> Iterator[Check]:
    found = engine.world.templates.all(cwd=str(cwd))
    problems = engine.world.templates.problems(cwd=str(cwd))
    for problem in problems:
        yield Check("template", Status.WARN, problem.message, problem.hint)
    yield Check("templates", Status.OK, ", ".join(sorted(one.name for one in found)))


def _panes(engine: Engine, _: Path) -> Iterator[Check]:
    """Dead panes that stay to be read are shown; a kill of their agent closes them."""
    world = engine.world
    socket = world.rules.socket or world.terminal.default_socket()
    dead = [seen for seen in world.terminal.panes(socket).panes if seen.command_run and seen.dead]
    owners = world.registry.owners([seen.command_run for seen in dead if seen.command_run])
    names = sorted({owner.agent.name for owner in owners.values()})
    if names:
        yield Check("stale panes", Status.WARN, f"dead panes of {', '.join(names)}", f"genie kill {names[0]}")
    else:
        yield Check("stale panes", Status.OK, "none")


def _memory(engine: Engine, _: Path) -> Iterator[Check]:
    """What holds the processes of a run together, and how their memory is measured. Only a cgroup that was named in
    the configuration and cannot be used is wrong."""
    line, named = engine.world.processes.confinement(), engine.configured.cgroup.path
    if named in ("auto", "off") or line.startswith("cgroup"):
        yield Check("memory", Status.OK, line)
    else:
        fix = "set cgroup.path to a directory of cgroup v2 that you may write to, or to 'auto'"
        yield Check("memory", Status.WARN, line, fix)


def _log(engine: Engine, _: Path) -> Iterator[Check]:
    free = shutil.disk_usage(engine.home.logs).free // 2**20
    status = Status.OK if free > 200 else Status.WARN
    yield Check("disk", status, f"{free} MiB free under {engine.home.root}", "" if status is Status.OK else "make room")
