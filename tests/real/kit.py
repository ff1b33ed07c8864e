"""Running the real claude and codex in a test: on a fake model API, in a tmux server of the test's own.

api = Api()                                   # tests.real.fake_model_api
seed(directory, project, api=api.url)         # configurations that show no dialog
environment = env(directory, api=api.url)     # loopback only; both programs are on its PATH
with Desk(directory) as desk:
    desk.start(argv, env=environment, cwd=project)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil

from tests.real.install import cache_dir, find_claude, find_codex

KEY = "sk-ant-dummy-0000000000000000000000000000"
T = TypeVar("T")

_EXEC = (
    "import json, os, sys\n"
    "with open(sys.argv[1], encoding='utf-8', errors='surrogateescape') as file: launch = json.load(file)\n"
    "os.chdir(launch['cwd'])\n"
    "os.execvpe(launch['argv'][0], launch['argv'], launch['env'])\n"
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """The native programs, None where they are not installed."""

    claude: Path | None
    codex: Path | None


def binaries(directory: Path | None = None) -> Binaries:
    """What is installed under `directory`, by default where `make test-real` installs."""
    where = directory or cache_dir()
    return Binaries(find_claude(where), find_codex(where))


def until(look: Callable[[], T | None], *, within: float = 30.0, what: str = "it") -> T:
    """The first true answer of `look`; AssertionError after `within` seconds."""
    end, beat = time.monotonic() + within, threading.Event()
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        beat.wait(0.03)
    raise AssertionError(f"{what} did not happen within {within} s")


# ---- configuration --------------------------------------------------------------------------


def env(directory: Path, *, api: str, programs: Binaries | None = None) -> dict[str, str]:
    """The whole environment of a real program: nothing of the caller's but PATH, and no network."""
    found = programs or binaries()
    folders = [str(path.parent) for path in (found.claude, found.codex) if path]
    return {
        "HOME": str(directory / "home"),
        "PATH": os.pathsep.join([*folders, os.environ.get("PATH", os.defpath)]),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "SHELL": "/bin/sh",
        "TMPDIR": str(directory / "tmp"),
        "ANTHROPIC_BASE_URL": api,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CONFIG_DIR": str(directory / "claude"),
        "CLAUDE_CODE_TMPDIR": str(directory / "tmp"),
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CODEX_HOME": str(directory / "codex"),
        "FAKE_KEY": "dummy",
    }


def seed(directory: Path, cwd: Path, *, api: str) -> None:
    """Write the configurations of both programs, so that they start in `cwd` without any dialog."""
    for name in ("home", "tmp", "claude", "codex"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    cwd.mkdir(parents=True, exist_ok=True)
    _seed_claude(directory / "claude", cwd)
    _seed_codex(directory / "codex", cwd, api)


def _seed_claude(config: Path, cwd: Path) -> None:
    project = {
        "hasTrustDialogAccepted": True,
        "hasCompletedProjectOnboarding": True,
        "projectOnboardingSeenCount": 5,
        "allowedTools": [],
    }
    state = {
        "hasCompletedOnboarding": True,
        "lastOnboardingVersion": "99.0.0",
        "theme": "dark",
        "numStartups": 5,
        "bypassPermissionsModeAccepted": True,
        "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        "projects": {os.path.realpath(cwd): project},
    }
    (config / ".claude.json").write_text(json.dumps(state), encoding="utf-8")
    settings = {"skipDangerousModePermissionPrompt": True}
    (config / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _seed_codex(home: Path, cwd: Path, api: str) -> None:
    lines = [
        'model = "fake-model"',
        'model_provider = "fake"',
        "check_for_update_on_startup = false",
        "[model_providers.fake]",
        'name = "fake"',
        f'base_url = "{api}/v1"',
        'wire_api = "responses"',
        'env_key = "FAKE_KEY"',
        f"[projects.{json.dumps(os.path.realpath(cwd))}]",
        'trust_level = "trusted"',
    ]
    (home / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


# ---- a terminal -----------------------------------------------------------------------------


class Desk:
    """A tmux server of one test, on a socket under `directory`, with one window a program."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "tmux.sock"
        self._launches = 0

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._tmux("new-session", "-d", "-s", "desk", "-x", "120", "-y", "40", "cat")
        self._tmux("set-option", "-g", "remain-on-exit", "on")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        panes = self._tmux("list-panes", "-a", "-F", "#{pane_pid}").split()
        server = int(self._tmux("display-message", "-p", "#{pid}"))
        for process in [member for pid in panes for member in _tree(int(pid))]:
            _kill(process)
        self._tmux("kill-server")
        until(lambda: not _alive(server), what="the end of tmux")
        self.socket.unlink(missing_ok=True)

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), "-f", os.devnull, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def start(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path) -> str:
        """Run a program in a window of its own; returns the pane's id. The pane's process becomes the program."""
        self._launches += 1
        file = self.directory / f"launch-{self._launches}.json"
        launch = {"argv": list(argv), "env": dict(env), "cwd": str(cwd)}
        file.write_text(json.dumps(launch, ensure_ascii=False), encoding="utf-8", errors="surrogateescape")
        command = [sys.executable, "-I", "-c", _EXEC, str(file)]
        return self._tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "-t", "=desk:", *command)

    def pid(self, pane: str) -> int:
        return int(self._tmux("display-message", "-p", "-t", pane, "#{pane_pid}"))

    def screen(self, pane: str) -> str:
        return self._tmux("capture-pane", "-p", "-t", pane)

    def line(self, pane: str, text: str) -> None:
        """Type a short line and Enter."""
        self._tmux("send-keys", "-t", pane, "-l", text)
        self._tmux("send-keys", "-t", pane, "Enter")

    def keys(self, pane: str, *names: str) -> None:
        self._tmux("send-keys", "-t", pane, *names)

    def end(self, pane: str) -> int:
        """The exit code of a program that has ended by itself; a signal's number is negative."""

        def ended() -> list[str]:
            # tmux can miss the SIGCHLD of a pane, and then neither reaps it nor shows its status.
            if not _alive(self.pid(pane)):
                os.kill(int(self._tmux("display-message", "-p", "#{pid}")), signal.SIGCHLD)
            shown = self._tmux("display-message", "-p", "-t", pane, "#{pane_dead_signal}|#{pane_dead_status}")
            killed, _, left = shown.partition("|")
            return [f"-{killed}"] if killed else [left] if left else []

        return int(until(ended, what=f"the end of {pane}")[0])

    def crash(self, pane: str) -> None:
        """Kill the program with SIGKILL, with all that it has started, and wait until it is gone."""
        pid = self.pid(pane)
        for process in _tree(pid):
            _kill(process)
        until(lambda: not _alive(pid), what=f"the death of {pid}")


def _tree(pid: int) -> list[psutil.Process]:
    """A process and its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _alive(pid: int) -> bool:
    """Whether it runs; a zombie that tmux has not taken yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def remove(directory: Path) -> None:
    """Remove what the programs have written, also while a late helper still writes."""

    def gone() -> bool:
        shutil.rmtree(directory, ignore_errors=True)
        return not directory.exists()

    until(gone, what=f"the removal of {directory}")
