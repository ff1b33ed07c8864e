"""What the use cases need of worktrees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


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


class Worktrees(Protocol):
    """Directories of their own for sessions that change files. Every method raises MissingProgram where git is not
    installed, TimedOut where it does not end, and Failed with git's own words."""

    def make(self, repo_dir: str, name: str) -> Worktree:
        """A worktree at the current commit of the repository that `repo_dir` is in, on a new branch genie/NAME. Where
        that name is taken it is NAME-2, NAME-3 … Raises BadInput for a directory in no repository and for a name that
        no branch can have, Refused for a repository without commits, Conflict where a branch `genie` is in the way."""
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

    def list(self) -> list[Worktree]:
        """Those of genie's, gone ones too, in the order of their paths."""
        ...
