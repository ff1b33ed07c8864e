"""A session's command in a container: the argv of docker or podman, which is to be run in its place."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID

from genie.domain.errors import BadConfig, BadInput, Failed, Refused
from genie.ports import Sandbox

CLIENTS = ("docker", "podman")
LABEL = "genie.session"
HOME = "HOME=/tmp"
"""The user has no home in the image, and the client's own is not there: programs want one that they can write to."""
ENDING_SECONDS = 20.0
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
    """What a container of a session is given. `workspace` and `cwd` are absolute and the same inside, and so are
    `reads`, files that cannot be written there; `env` are names: their values come from the client's own environment.
    `network` is none, bridge, host or the name of one."""

    image: str
    workspace: str
    cwd: str
    network: str
    env: tuple[str, ...]
    uid: int
    gid: int
    terminal: bool
    reads: tuple[str, ...] = ()


class Containers:
    """`genie.ports.Sandboxes`. `images` are those that the user has named, by provider or by another name; `network` is
    that of sessions for which none is asked; `passed` are variables of the caller's that go along."""

    def __init__(self, images: Mapping[str, str], *, network: str, passed: Sequence[str]) -> None:
        self._images = images
        self._network = network
        self._passed = passed

    def find(self, provider: str, *, name: str, network: str | None, env: Mapping[str, str]) -> Sandbox:
        image = self._images.get(name, name) or image_of(provider, self._images)
        chosen = network or self._network
        _check_words(image, chosen)
        found = engine(env)
        passed = tuple(name for name in self._passed if name in env)
        return Sandbox(kind=found.kind, program=found.program, image=image, network=chosen, env=passed)

    def wrap(
        self,
        sandbox: Sandbox,
        argv: Sequence[str],
        *,
        session: UUID,
        workspace: str,
        cwd: str,
        env: Collection[str],
        reads: Collection[str],
    ) -> tuple[str, ...]:
        box = Box(
            image=sandbox.image,
            workspace=workspace,
            cwd=cwd,
            network=sandbox.network,
            env=tuple(env),
            uid=os.getuid(),
            gid=os.getgid(),
            terminal=False,
            reads=tuple(reads),
        )
        return run_argv(Engine(sandbox.kind, sandbox.program), box, session=session, argv=argv)

    def made(self, session: UUID, argv: Sequence[str]) -> bool:
        label = ("--name", container(session), "--label", f"{LABEL}={session}")
        return tuple(argv[1:3]) == ("run", "--rm") and label in zip(*(argv[at:] for at in range(4)), strict=False)

    def end(self, session: UUID, argv: Sequence[str], *, env: Mapping[str, str]) -> bool:
        words = kill_argv(argv[0], session)
        try:
            done = subprocess.run(  # noqa: S603 (the client that has started it)
                words, stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=ENDING_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"the container {container(session)} cannot be killed: {error}") from error
        said = done.stderr.decode(errors="replace").strip()
        if done.returncode and not _GONE.search(said):
            raise Failed(f"the container {container(session)} cannot be killed: {said or done.returncode}")
        return done.returncode == 0


_GONE = re.compile("no such container|no container with name|is not running", re.IGNORECASE)


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
    raise BadConfig(
        f"no image is set for sandboxes of provider '{provider}'",
        hint=f"name one that holds its program: --sandbox IMAGE, or {provider} under [sandbox.images] in config.toml",
    )


def run_argv(engine: Engine, box: Box, *, session: UUID, argv: Sequence[str]) -> tuple[str, ...]:
    """What to run in place of `argv`: the same in a container that is removed when it ends. An image whose entry point
    does not run what it is given gets it as arguments. A workspace that is missing would be made by the engine, as
    root: the caller has looked. Raises BadInput for what would be read as something else."""
    _check(box, argv)
    streams = ("-i", "-t") if box.terminal else ("-i",)
    # Without this, rootless podman shows the workspace as belonging to another user.
    users = ("--userns", "keep-id") if engine.kind == "podman" and box.uid else ()
    return (
        *(engine.program, "run", "--rm", *streams, "--init"),
        *("--name", container(session), "--label", f"{LABEL}={session}"),
        *("-v", f"{box.workspace}:{box.workspace}", "-w", box.cwd, "--network", box.network),
        *(word for path in box.reads for word in ("-v", f"{path}:{path}:ro")),
        *("--env", HOME),
        *(word for name in dict.fromkeys(box.env) for word in ("--env", name)),
        *("--user", f"{box.uid}:{box.gid}", *users),
        *(box.image, *argv),
    )


def kill_argv(program: str, session: UUID) -> tuple[str, ...]:
    """What ends the container of a session: it is a child of the engine, and outlives its client."""
    return (program, "kill", container(session))


def container(session: UUID) -> str:
    return f"genie-{session.hex[:8]}"


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


def _check_words(image: str, network: str) -> None:
    for kind, value, rule in (("image", image, _WORD), ("network", network, _NETWORK)):
        if not rule.fullmatch(value):
            raise BadInput(f"{value!r} is no name of a container {kind}")


def _check(box: Box, argv: Sequence[str]) -> None:
    if not argv or not argv[0]:
        raise BadInput("there is no command to run in the sandbox")
    _check_words(box.image, box.network)
    for name in box.env:
        if not _VARIABLE.fullmatch(name):
            raise BadInput(f"{name!r} is no name of a variable that can be given to a sandbox")
    for path in box.reads:
        if not PurePosixPath(path).is_absolute() or ":" in path:
            raise BadInput(f"'{path}' cannot be mounted in a sandbox", hint="give it a name without ':'")
    workspace, cwd = PurePosixPath(box.workspace), PurePosixPath(box.cwd)
    if not workspace.is_absolute() or ":" in box.workspace:
        raise BadInput(f"'{workspace}' cannot be mounted in a sandbox", hint="an absolute path without ':' can")
    if ".." in cwd.parts or not cwd.is_relative_to(workspace):
        raise BadInput(f"'{cwd}' is not in the workspace '{workspace}' of the sandbox")
