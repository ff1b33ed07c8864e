"""One genie for many tests. To start a daemon costs more than what most of them do with it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from psycopg.errors import DeadlockDetected
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random

from genie.client import Genie as Api
from tests.e2e.dying import armed
from tests.e2e.runs import one_for_all
from tests.fixtures.daemon import belonging
from tests.fixtures.postgres import ask
from tests.fixtures.quick import Quick
from tests.fixtures.tmux import until

STAYS = ("alembic_version", "hosts", "agent_templates", "apscheduler_jobs", "shelved")
"""Tables of what the daemon knows by heart, and of how far it has come."""
TABLES = f"select tablename::text from pg_tables where schemaname = 'public' and tablename not in {STAYS}"  # noqa: S608
OWN = {"home", "genie", "s"}
"""What stays in a test's directory: the home of tmux, that of genie, and the socket of tmux."""


class Keeper:
    """Has one genie ready. Between two tests its daemon is stopped, in the sense of signals. When a test has left
    another daemon than the one that it was given, that one serves the next; when none, the next starts one."""

    def __init__(self, server: str, **env: str) -> None:
        self._server = server
        self._env = env
        self._stack = ExitStack()
        self._kept: Quick | None = None

    def give(self) -> Quick:
        """One without agents, events, teams and files of a project; its daemon runs."""
        if self._kept is None:
            self._kept = self._stack.enter_context(one_for_all(self._server, **self._env))
        genie = self._kept
        pid = genie.daemon_pid()
        if pid:
            os.kill(pid, signal.SIGCONT)
        else:
            genie("daemon", "start")
        return Quick(genie.directory, genie.tmux, dict(genie.env), genie.daemons)

    def take_back(self) -> None:
        genie = self._kept
        assert genie is not None
        if not armed(genie) or (genie.home / "config.toml").exists():
            _end_daemon(genie)
        _clear(genie)
        pid = genie.daemon_pid()
        if pid:
            os.kill(pid, signal.SIGSTOP)

    def end(self) -> None:
        if self._kept:
            pid = self._kept.daemon_pid()
            if pid:
                os.kill(pid, signal.SIGCONT)
        self._kept = None
        self._stack.close()


def _end_daemon(genie: Quick) -> None:
    """One that was started by tmux cannot be told to die, and one with a configuration has that in mind."""
    pid = genie.daemon_pid()
    if pid:
        os.kill(pid, signal.SIGTERM)
        genie.until_gone(pid)


def _clear(genie: Quick) -> None:
    if genie.daemon_pid():
        until(lambda: not _kill(genie.api), what="the end of all agents")
    genie.tmux.end()
    for process in belonging(genie.home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    dsn = genie.env["GENIE_DATABASE_URL"]
    _empty(dsn)
    for path in genie.directory.iterdir():
        if path.name not in OWN:
            _remove(path)
    for name in ("user", "project"):
        (genie.directory / name).mkdir()
    _clear_home(genie.home)


@retry(
    retry=retry_if_exception_type(DeadlockDetected), stop=stop_after_attempt(10), wait=wait_random(0, 0.1), reraise=True
)
def _empty(dsn: str) -> None:
    """Its daemon may be writing what the agents' transcripts say."""
    tables = ", ".join(str(name) for (name,) in ask(dsn, TABLES))
    ask(dsn, f"truncate {tables}")


def _clear_home(home: Path) -> None:
    """What is of agents, projects and the user; the directories stay, which the daemon has made and looks at."""
    (home / "config.toml").unlink(missing_ok=True)
    (home / "logs" / "daemon.log").write_text("")
    for folder in [path for path in (*home.iterdir(), *(home / "logs").iterdir()) if path.is_dir()]:
        if folder.name not in ("run", "logs", "hooks"):
            for path in folder.iterdir():
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _kill(api: Api) -> list[str]:
    """Have those killed that are there still; their names."""
    names = [row["name"] for row in api.ls(everything=True) if row["state"] != "terminated"]
    if names:
        api.kill(*names)
    return names


@pytest.fixture(scope="session")
def keeper(template: str) -> Iterator[Keeper]:
    found = Keeper(template)
    yield found
    found.end()


@pytest.fixture
def kept(keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Quick]:
    """For tests that ask for no settings of their own: a daemon that has served others before."""
    failed = request.session.testsfailed
    yield keeper.give()
    if request.session.testsfailed > failed:
        keeper.end()
    else:
        keeper.take_back()


@pytest.fixture
def genie(kept: Quick) -> Quick:
    """The genie of a test here. One that wants its own from the first start asks for `make_genie`."""
    return kept
