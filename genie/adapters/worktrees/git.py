"""Calling git so that it runs nothing of the repository's and writes no configuration."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass

from genie.domain.errors import BadInput, Failed, TimedOut

MOST_COMMITS = 100
_LOOKING_SECONDS = 30.0
# Settings of the user's that would run a program, hide work from us, or make git write to its configuration.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "status.showUntrackedFiles=all",
    "branch.autoSetupMerge=false",
    "worktree.useRelativePaths=false",
    "submodule.recurse=false",
    "gc.auto=0",
    "maintenance.auto=false",
)


@dataclass(frozen=True, slots=True)
class Git:
    """git in one directory; with `git_dir`, of that repository wherever it is."""

    program: str
    directory: str
    patience: float
    git_dir: str | None = None

    def run(self, *words: str, slow: bool = False, fine: tuple[int, ...] = (0,)) -> tuple[int, bytes]:
        """Exit code and output. Raises Failed with git's last words for an exit code that is not
        `fine`, BadInput in no repository, TimedOut."""
        where = [f"--git-dir={self.git_dir}"] if self.git_dir else []
        argv = [self.program, *where, *(word for setting in _SETTINGS for word in ("-c", setting)), *words]
        limit = self.patience if slow else _LOOKING_SECONDS
        code, out, complaint = _finish(argv, self.directory, limit)
        if code in fine:
            return code, out
        lines = os.fsdecode(complaint).strip().splitlines() or [f"exit code {code}"]
        said = lines[-1].removeprefix("fatal: ")
        if "not a git repository" in said:
            raise BadInput(f"'{self.directory}' is in no git repository", hint="a worktree needs one: git init")
        raise Failed(f"git {words[0]} failed in '{self.directory}': {said}")

    def line(self, *words: str) -> str:
        """An output of one value, which may hold line breaks itself."""
        return os.fsdecode(self.run(*words)[1].removesuffix(b"\n"))

    def common_dir(self) -> str:
        """git's directory of the repository, the same from all its worktrees."""
        return self.line("rev-parse", "--path-format=absolute", "--git-common-dir")

    def commit(self, ref: str) -> str | None:
        """The commit of a ref; None where it has none."""
        code, out = self.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", fine=(0, 1))
        return os.fsdecode(out).strip() if code == 0 else None

    def has_branch(self, branch: str) -> bool:
        """Whether there is such a branch, here or at a remote, or one below it."""
        _, out = self.run("for-each-ref", "--count=1", f"refs/heads/{branch}", f"refs/remotes/*/{branch}")
        return bool(out)

    def checked_out(self, branch: str) -> bool:
        return bool(self.line("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{branch}"))

    def begin(self, branch: str, base: str) -> None:
        """Make a branch that is not there. (`git branch` would write to the configuration.)"""
        self.run("update-ref", "-m", "genie: worktree", f"refs/heads/{branch}", base, "")

    def drop(self, branch: str, sha: str) -> None:
        """Remove a branch that is still at that commit. (`git branch -d` would write to the configuration.)"""
        self.run("update-ref", "-d", f"refs/heads/{branch}", sha)

    def changes(self) -> tuple[str, ...]:
        """Paths of what is not committed, untracked files too, ignored ones not."""
        words = ("--no-optional-locks", "status", "--porcelain", "-z", "--ignore-submodules=none")
        entries = iter(os.fsdecode(self.run(*words, slow=True)[1]).split("\0")[:-1])
        found = []
        for entry in entries:
            found.append(entry[3:] if entry.isprintable() else repr(entry[3:]))
            if entry[0] in "RC":
                next(entries, None)  # where it was before
        return tuple(found)

    def unheld(self, commits: set[str | None], *, but: str | None = None) -> tuple[str, ...]:
        """Those of these commits and their ancestors, at most 100, that no ref holds, nor what is checked out in the
        repository's own directory. The branch `but` does not count."""
        known = sorted(sha for sha in commits if sha)
        passed = [f"--exclude=refs/heads/{but}"] if but else []
        holders = [*passed, "--glob=refs/*", *filter(None, [self.commit("HEAD")])]
        if not known:
            return ()
        words = ("rev-list", f"--max-count={MOST_COMMITS}", "--abbrev-commit", *known, "--not", *holders)
        return tuple(os.fsdecode(self.run(*words, slow=True)[1]).split())


def _finish(argv: list[str], directory: str, limit: float) -> tuple[int, bytes, bytes]:
    """Run it to its end. When the time is over it gets a chance to clean up after itself."""
    try:
        with subprocess.Popen(  # noqa: S603 (argv, no shell)
            argv,
            cwd=directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            try:
                out, complaint = child.communicate(timeout=limit)
            except subprocess.TimeoutExpired as error:
                _end(child)
                raise TimedOut(f"git did not end within {limit:g} s in '{directory}'") from error
            return child.returncode, out, complaint
    except OSError as error:
        raise Failed(f"cannot start {argv[0]} in '{directory}': {error.strerror}") from error


def _end(child: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.communicate(timeout=seconds)
            return


def _environment() -> dict[str, str]:
    """Ours without what would point git elsewhere: a caller inside a hook has GIT_DIR."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"}
