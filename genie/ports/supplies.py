"""What a session is supplied with before it starts: files, a worktree, a sandbox, the schema of its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol
from uuid import UUID

from genie.domain.attach import Attachment


class ReadAttachment(Protocol):
    def __call__(self, path: str, *, base: str) -> Attachment:
        """The file of that path, seen from the directory `base`. Raises BadInput for what is missing, unreadable, too
        large, or no regular file."""
        ...


# ---- worktrees ------------------------------------------------------------------------------


class WorktreeState(Enum):
    """What would be lost if it were removed."""

    CLEAN = "clean"
    UNCOMMITTED = "uncommitted"
    UNPUSHED = "unpushed"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worktree:
    """A worktree of genie's. `cwd` is the directory in it that corresponds to where it was asked for; `repo` is git's
    directory of the repository, `base` the commit it began at. `submodules` says that the repository has some: they are
    not checked out."""

    path: str
    cwd: str
    name: str
    branch: str
    repo: str
    base: str
    submodules: bool

    def holds(self, directory: str) -> bool:
        """Whether that directory is in it, or is it."""
        return f"{directory}/".startswith(f"{self.path}/")


class Worktrees(Protocol):
    """Directories of their own for sessions that change files. Every method but `holding` and `list` raises
    MissingProgram where git is not installed, TimedOut where it does not end, and Failed with git's own words."""

    def make(self, repo_dir: str, name: str) -> Worktree:
        """A worktree at the current commit of the repository that `repo_dir` is in, on a new branch genie/NAME. Where
        that name is taken it is NAME-2, NAME-3 … Raises BadInput for a directory in no repository and for a name that
        no branch can have, Refused for a repository without commits, Conflict where a branch `genie` is in the way."""
        ...

    def check(self, repo_dir: str) -> None:
        """Raises what `make` raises for that directory, whatever the name."""
        ...

    def state(self, path: str) -> WorktreeState:
        """`uncommitted` comes before `unpushed`: commits of its branch, or of what is checked out, that no other ref
        holds, be it one of a remote. `gone`: the directory is not there any more. `unknown`: git does not know it any
        more, because its repository was moved or something else is in its place. Raises NotFound for what genie did
        not make."""
        ...

    def remove(self, path: str) -> None:
        """Remove a worktree in which nothing would be lost, and its branch, unless that holds what nothing else does or
        is checked out elsewhere. Ignored files go with it. Raises NotFound for what genie did not make, and Refused
        with what would be lost."""
        ...

    def holding(self, directory: str) -> Worktree | None:
        """The one of genie's that this directory is in, by its path and its marker; None where it is in none."""
        ...

    def list(self) -> list[Worktree]:
        """Those of genie's, gone ones too, in the order of their paths."""
        ...


# ---- sandboxes ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Where a session's command is to run: in a container of that image, by a client ("docker" or "podman", and its
    program) whose engine has answered. `env` are names of the caller's variables that go along."""

    kind: str
    program: str
    image: str
    network: str
    env: tuple[str, ...] = ()


class Sandboxes(Protocol):
    def find(self, provider: str, *, name: str, network: str | None, env: Mapping[str, str]) -> Sandbox:
        """What there is for a session of that provider; starts nothing. `name` is one of the settings, an image, or
        empty for the provider's own. Raises BadConfig where no image is set, BadInput for what is no name of an image
        or network, Refused where no engine answers."""
        ...

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
        """What to run in place of `argv`. `workspace` and `cwd`, which is in it, are the same inside; `env` are names:
        their values come from the client's own environment; `reads` are files that can be read inside. Raises BadInput
        for what would be read as something else."""
        ...

    def made(self, session: UUID, argv: Sequence[str]) -> bool:
        """Whether `wrap` has made that argv for the session."""
        ...

    def end(self, session: UUID, argv: Sequence[str], *, env: Mapping[str, str]) -> bool:
        """Kill the container of a session that has such an argv: it outlives its client. Whether there was one to be
        killed. Raises Failed where it cannot be killed, or that cannot be told."""
        ...


# ---- schemas --------------------------------------------------------------------------------


class Schemas(Protocol):
    """JSON schemas that the answers of sessions have to fit."""

    def keep(self, said: str, *, base: str) -> str:
        """The path of a private copy of a schema that was said as JSON, or as the path of a file seen from the
        directory `base`. Raises BadInput with what is wrong in it."""
        ...

    def violations(self, path: str, value: object) -> list[str]:
        """What is wrong with the value, a sentence each; empty when it fits. Raises BadInput where the schema refers to
        what it does not hold, Failed where the copy is not there any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplies:
    attachment: ReadAttachment
    worktrees: Worktrees
    sandboxes: Sandboxes
    schemas: Schemas
