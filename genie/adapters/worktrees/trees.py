"""Making, looking at and removing worktrees."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import count
from pathlib import Path

from genie.adapters.worktrees.git import MOST_COMMITS, Git
from genie.adapters.worktrees.marks import alone, claim, holds_something, leads_to, marker, put, read, record
from genie.domain.errors import BadInput, Conflict, Failed, GenieError, MissingProgram, NotFound, Refused
from genie.domain.words import check_name
from genie.paths import PRIVATE, Home
from genie.ports import Worktree, WorktreeState

BRANCHES = "genie"
_MARKER = re.compile(r"\.[a-z0-9][a-z0-9._-]*\.json")
_UNFIT = re.compile(r"\.\.|\.lock$|\.$")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")
_SHOWN = 5


class GitWorktrees:
    """Implements `Worktrees`. `patience` is how long making or removing one may take, in seconds."""

    def __init__(self, home: Home, *, program: str = "git", patience: float = 300.0) -> None:
        self._root = home.root / "worktrees"
        self._program = program
        self._patience = patience

    def make(self, repo_dir: str, name: str) -> Worktree:
        _check(name)
        git, repo, base = self._base(repo_dir)
        folder, prefix = self._folder(repo), git.line("rev-parse", "--show-prefix")
        for each in _names(name):
            path = str(folder / each)
            cwd = str(folder / each / prefix)
            branch = f"{BRANCHES}/{each}"
            made = Worktree(path=path, cwd=cwd, name=each, branch=branch, repo=repo, base=base, submodules=False)
            if not git.has_branch(branch) and not os.path.lexists(path) and claim(made):
                return self._checkout(git, made)
        raise AssertionError("there is always a next name")

    def check(self, repo_dir: str) -> None:
        self._base(repo_dir)

    def state(self, path: str) -> WorktreeState:
        return self._losses(self._ours(path)).state()

    def remove(self, path: str) -> None:
        made = self._ours(path)
        losses = self._losses(made)
        if losses.unknown:
            raise Refused(
                f"the worktree '{path}' is kept: git does not know it any more",
                hint=f"if {made.repo} was moved: git worktree repair; else remove the directory by hand",
                path=path,
            )
        if losses.any():
            raise Refused(
                f"the worktree '{path}' is kept: it has {losses.words(made.branch)}",
                hint="commit and push it, or remove it by hand with git worktree remove",
                path=path,
                files=losses.files,
                commits=losses.commits,
            )
        with alone(Path(made.path).parent):
            self._unlink(made, keep_branch=bool(losses.commits))

    def holding(self, directory: str) -> Worktree | None:
        root = self._root.resolve()
        steps = Path(directory).parts[len(root.parts) :]
        if not directory.startswith(f"{root}/") or len(steps) < 2 or ".." in steps:
            return None
        return read(marker(str(root / steps[0] / steps[1])))

    def list(self) -> list[Worktree]:
        markers = (path for path in self._root.resolve().glob("*/.*.json") if _MARKER.fullmatch(path.name))
        found = [made for path in markers if (made := read(path))]
        return sorted(found, key=lambda made: made.path)

    # ---- how it is done ----

    def _base(self, repo_dir: str) -> tuple[Git, str, str]:
        """The repository of a directory, and the commit that a worktree of it begins at."""
        if not Path(repo_dir).is_dir():
            raise BadInput(f"directory '{repo_dir}' is not there")
        git = self._git(repo_dir)
        repo = git.common_dir()
        base = git.commit("HEAD")
        if base is None:
            raise Refused(
                f"the repository of '{repo_dir}' has no commits: there is nothing to make a worktree of",
                hint="commit something first, or leave out the worktree",
            )
        if git.commit(f"refs/heads/{BRANCHES}"):
            raise Conflict(f"a branch '{BRANCHES}' is in the way of branches {BRANCHES}/NAME", hint="rename it")
        return git, repo, base

    def _git(self, directory: str, *, git_dir: str | None = None) -> Git:
        found = shutil.which(self._program)
        if found is None:
            raise MissingProgram(f"'{self._program}' is not installed: a worktree needs it", hint="install git")
        return Git(found, directory, self._patience, git_dir)

    def _folder(self, repo: str) -> Path:
        """The directory for worktrees of that repository, made where it is missing."""
        whole = Path(repo)
        named = whole.parent if whole.name == ".git" else whole
        plain = _NOT_PLAIN.sub("-", named.name).strip("-.")[:40] or "repository"
        folder = self._root.resolve() / f"{plain}-{sha256(os.fsencode(named)).hexdigest()[:8]}"
        try:
            for directory in (self._root, folder):
                directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        except OSError as error:
            raise Failed(f"cannot make {folder}: {error.strerror}", hint="genie doctor") from error
        return folder

    def _checkout(self, git: Git, made: Worktree) -> Worktree:
        """Let git make it; what was begun is taken back when that fails."""
        try:
            git.begin(made.branch, made.base)
        except GenieError:
            marker(made.path).unlink(missing_ok=True)
            raise
        try:
            with alone(Path(made.path).parent):
                git.run("worktree", "add", made.path, made.branch, slow=True)
        except GenieError:
            if not os.path.lexists(made.path):
                with suppress(GenieError):
                    git.drop(made.branch, made.base)
                marker(made.path).unlink(missing_ok=True)
            raise
        cwd = made.cwd if Path(made.cwd).is_dir() else made.path
        whole = replace(made, cwd=cwd, submodules=(Path(made.path) / ".gitmodules").is_file())
        put(whole).replace(marker(made.path))
        return whole

    def _ours(self, path: str) -> Worktree:
        """What the marker of that path says. Raises NotFound where there is none."""
        whole = Path(path).parent.resolve() / Path(path).name
        made = read(marker(str(whole))) if whole.parent.parent == self._root.resolve() else None
        if made is None:
            raise NotFound(f"'{path}' is no worktree that genie has made", hint="genie removes only its own", path=path)
        return made

    def _losses(self, made: Worktree) -> _Losses:
        path = Path(made.path)
        gone = not os.path.lexists(path)
        at = record(made)
        if not gone and (at is None or not leads_to(path, at)):
            return _Losses(unknown=True)
        if not Path(made.repo).is_dir():
            return _Losses(gone=True)
        repo = self._git(made.repo, git_dir=made.repo)
        head = self._git(str(at), git_dir=str(at)).commit("HEAD") if at else None
        branch = repo.commit(f"refs/heads/{made.branch}")
        return _Losses(
            gone=gone,
            files=() if gone else self._git(made.path).changes(),
            commits=repo.unheld({head, branch}, but=made.branch),
            loose=bool(repo.unheld({head})),
            modules=at is not None and holds_something(at / "modules"),
            locked=at is not None and (at / "locked").exists(),
        )

    def _unlink(self, made: Worktree, *, keep_branch: bool) -> None:
        if Path(made.repo).is_dir():
            repo = self._git(made.repo, git_dir=made.repo)
            if record(made) is not None:
                repo.run("worktree", "remove", made.path, slow=True)
            sha = repo.commit(f"refs/heads/{made.branch}")
            if sha and not keep_branch and not repo.checked_out(made.branch):
                repo.drop(made.branch, sha)
        marker(made.path).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Losses:
    """What removing a worktree would lose. `commits` are held by nothing but it and its branch, `loose` ones not even
    by that; `modules` are repositories of submodules."""

    gone: bool = False
    unknown: bool = False
    files: tuple[str, ...] = ()
    commits: tuple[str, ...] = ()
    loose: bool = False
    modules: bool = False
    locked: bool = False

    def state(self) -> WorktreeState:
        if self.gone or self.unknown:
            return WorktreeState.GONE if self.gone else WorktreeState.UNKNOWN
        if self.files:
            return WorktreeState.UNCOMMITTED
        return WorktreeState.UNPUSHED if self.commits or self.modules else WorktreeState.CLEAN

    def any(self) -> bool:
        """The branch of a worktree that is gone stays when it is needed: then its commits are not lost."""
        commits = self.loose if self.gone else bool(self.commits)
        return commits or bool(self.files) or self.modules or self.locked

    def words(self, branch: str) -> str:
        most = " or more" if len(self.commits) == MOST_COMMITS else ""
        parts = [
            _several(self.files, "uncommitted file") if self.files else "",
            f"{_several(self.commits, 'commit', most)} that nothing but it and {branch} holds" if self.commits else "",
            "repositories of submodules" if self.modules else "",
            "a lock (git worktree unlock)" if self.locked else "",
        ]
        return "; ".join(part for part in parts if part)


def _several(what: tuple[str, ...], kind: str, more: str = "") -> str:
    shown = ", ".join(what[:_SHOWN]) + (" …" if len(what) > _SHOWN else "")
    return f"{len(what)}{more} {kind}{'' if len(what) == 1 else 's'} ({shown})"


def _check(name: str) -> None:
    check_name("worktree", name)
    if _UNFIT.search(name):
        raise BadInput(
            f"illegal worktree name {name!r}", hint="a branch has no '..', and ends in neither '.' nor '.lock'"
        )


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))
