"""A session's command in a container: the argv of docker or podman, which is to be run in its place."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from genie.domain.errors import BadConfig, BadInput, Refused

CLIENTS = ("docker", "podman")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*")
_NETWORK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Engine:
    """A client whose engine answers: "docker" or "podman", and its program."""

    kind: str
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What a container of a session is given. `workspace` and `cwd` are absolute and the same inside; `env` are names:
    their values come from the client's own environment. `network` is none, bridge, host or the name of one."""

    image: str
    workspace: str
    cwd: str
    network: str
    env: tuple[str, ...]
    uid: int
    gid: int
    terminal: bool


def engine(env: Mapping[str, str], *, timeout: float = 10.0) -> Engine:
    """The first client, found by the PATH of that environment, whose engine answers within so many seconds. Raises
    Refused where none does."""
    complaints = []
    for kind in CLIENTS:
        program = shutil.which(kind, path=env.get("PATH", ""))
        wrong = _complaint(program, env, timeout) if program else "not installed"
        if program and not wrong:
            return Engine(kind, program)
        complaints.append(f"{kind}: {wrong}")
    raise Refused(
        f"no container engine answers: {'; '.join(complaints)}",
        hint="install docker or start it, or leave out --sandbox",
    )


def image_of(provider: str, images: Mapping[str, str]) -> str:
    """The image that the settings name for a provider. Raises BadConfig where they name none."""
    if provider in images:
        return images[provider]
    raise BadConfig(f"no image is set for sandboxes of provider '{provider}'", hint="name one that holds its program")


def run_argv(engine: Engine, box: Box, *, run: UUID, argv: Sequence[str]) -> tuple[str, ...]:
    """What to run in place of `argv`: the same in a container that is removed when it ends. An image whose entry point
    does not run what it is given gets it as arguments. A workspace that is missing would be made by the engine, as
    root: the caller has looked. Raises BadInput for what would be read as something else."""
    _check(box, argv)
    streams = ("-i", "-t") if box.terminal else ("-i",)
    # Without this, rootless podman shows the workspace as belonging to another user.
    users = ("--userns", "keep-id") if engine.kind == "podman" and box.uid else ()
    return (
        *(engine.program, "run", "--rm", *streams, "--init"),
        *("--name", container(run), "--label", "genie.session=1", "--label", f"genie.run={run}"),
        *("-v", f"{box.workspace}:{box.workspace}", "-w", box.cwd, "--network", box.network),
        *(word for name in dict.fromkeys(box.env) for word in ("--env", name)),
        *("--user", f"{box.uid}:{box.gid}", *users),
        *(box.image, *argv),
    )


def kill_argv(engine: Engine, run: UUID) -> tuple[str, ...]:
    """What ends the container of a run: it is a child of the engine, and outlives its client."""
    return (engine.program, "kill", container(run))


def container(run: UUID) -> str:
    return f"genie-{run.hex[:8]}"


def _complaint(program: str, env: Mapping[str, str], timeout: float) -> str:
    """Why that client's engine does not answer; empty when it does."""
    try:
        done = subprocess.run(  # noqa: S603 (a program that the user has installed)
            [program, "version"], stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout:g} s"
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    if done.returncode == 0:
        return ""
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return said[-1].rstrip(".") if said else f"exit code {done.returncode}"


def _check(box: Box, argv: Sequence[str]) -> None:
    if not argv or not argv[0]:
        raise BadInput("there is no command to run in the sandbox")
    for kind, value, rule in (("image", box.image, _WORD), ("network", box.network, _NETWORK)):
        if not rule.fullmatch(value):
            raise BadInput(f"{value!r} is no name of a container {kind}")
    for name in box.env:
        if not _VARIABLE.fullmatch(name):
            raise BadInput(f"{name!r} is no name of a variable that can be given to a sandbox")
    workspace, cwd = PurePosixPath(box.workspace), PurePosixPath(box.cwd)
    if not workspace.is_absolute() or ":" in box.workspace:
        raise BadInput(f"'{workspace}' cannot be mounted in a sandbox", hint="an absolute path without ':' can")
    if ".." in cwd.parts or not cwd.is_relative_to(workspace):
        raise BadInput(f"'{cwd}' is not in the workspace '{workspace}' of the sandbox")
