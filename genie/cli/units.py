"""What starts the daemon with the user's session: a systemd user unit or a launchd agent."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from genie.paths import Home


@dataclass(frozen=True, slots=True)
class Unit:
    """A file to write, and the commands that make the system take notice of it or forget it."""

    path: Path
    content: str
    enable: tuple[tuple[str, ...], ...]
    disable: tuple[tuple[str, ...], ...]


def unit(home: Home) -> Unit:
    """The unit for this home on this system."""
    return _launchd(home) if sys.platform == "darwin" else _systemd(home)


def run(commands: Sequence[Sequence[str]]) -> str:
    """Run them in order; what the first that failed said, or nothing."""
    for command in commands:
        program = shutil.which(command[0])
        if program is None:
            return f"{command[0]} is not here"
        done = subprocess.run(  # noqa: S603 — our own words
            [program, *command[1:]], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            return (done.stderr or done.stdout).strip().splitlines()[-1:][0] if done.stderr or done.stdout else "failed"
    return ""


def _program() -> list[str]:
    return [sys.executable, "-P", "-m", "genie.daemon", "run"]


def _name(home: Home) -> str:
    """One unit a home: the usual one gets the plain name."""
    if home.root == Path.home() / ".genie":
        return "genie"
    return f"genie-{zlib.crc32(os.fsencode(home.root)):08x}"


def _systemd(home: Home) -> Unit:
    name = f"{_name(home)}.service"
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    control = ("systemctl", "--user")
    content = f"""[Unit]
Description=genie: coding agents in tmux panes, brought back when they die

[Service]
ExecStart={" ".join(_escaped(word) for word in _program())}
Environment={_escaped(f"GENIE_HOME={home.root}")}
Environment={_escaped(f"PATH={os.environ.get('PATH', os.defpath)}")}
Restart=on-failure
RestartSec=1
# another daemon of this home, or a configuration that does not read: no reason to try again
RestartPreventExitStatus=2 4 5
# the tmux server and the agents outlive the daemon
KillMode=process

[Install]
WantedBy=default.target
"""
    return Unit(
        folder / "systemd" / "user" / name,
        content,
        ((*control, "daemon-reload"), (*control, "enable", "--now", name)),
        ((*control, "disable", "--now", name), (*control, "daemon-reload")),
    )


def _escaped(word: str) -> str:
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"'


def _launchd(home: Home) -> Unit:
    label = f"dev.{_name(home)}.daemon"
    path = Path.home() / "Library" / "LaunchAgents" / f"{label}.plist"
    output = str(home.logs / "daemon.out")
    content = plistlib.dumps(
        {
            "Label": label,
            "ProgramArguments": _program(),
            "EnvironmentVariables": {"GENIE_HOME": str(home.root), "PATH": os.environ.get("PATH", os.defpath)},
            "KeepAlive": {"SuccessfulExit": False},
            "RunAtLoad": True,
            "AbandonProcessGroup": True,  # the tmux server and the agents outlive the daemon
            "StandardOutPath": output,
            "StandardErrorPath": output,
        }
    ).decode()
    return Unit(
        path,
        content,
        (("launchctl", "load", "-w", str(path)),),
        (("launchctl", "unload", "-w", str(path)),),
    )
