"""Worktrees: made beside everything of the user's without touching it, and removed only when nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from genie.adapters.worktrees import GitWorktrees
from genie.domain.errors import BadInput, Conflict, Failed, MissingProgram, NotFound, Refused, TimedOut
from genie.paths import Home
from genie.ports import Worktree, WorktreeState

STATE = WorktreeState
HOSTILE = ["with space", "quo'te\"s", "-rf", "new\nline", "é😀", "$(touch x);&", ".hidden", "back\\slash", "*?[a]"]


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of a user who has told git who he is; nothing of the machine's configuration counts."""
    home = tmp_path / "user"
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = T\n\temail = t@example.org\n[init]\n\tdefaultBranch = main\n")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    return home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "genie home")


@pytest.fixture
def worktrees(home: Home) -> GitWorktrees:
    return GitWorktrees(home)


def git(directory: Path | str, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=directory, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.removesuffix("\n")


def commit(directory: Path | str, name: str, text: str = "x") -> str:
    path = Path(directory) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    git(directory, "add", "--", name)
    git(directory, "commit", "-qm", f"add {name}")
    return git(directory, "rev-parse", "HEAD")


def repository(path: Path) -> Path:
    path.mkdir(parents=True)
    git(path, "init", "-q")
    commit(path, "file")
    return path


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "project")


def branches(repo: Path | str) -> list[str]:
    return git(repo, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below it, byte for byte."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


# ---- making ---------------------------------------------------------------------------------


def test_a_worktree_is_made_on_a_branch_of_its_own(worktrees: GitWorktrees, repo: Path, home: Home) -> None:
    made = worktrees.make(str(repo), "fix")
    path = Path(made.path)
    assert (path / "file").read_text() == "x"
    assert (made.name, made.branch, made.cwd, made.submodules) == ("fix", "genie/fix", made.path, False)
    assert made.base == git(path, "rev-parse", "HEAD") == git(repo, "rev-parse", "HEAD")
    assert git(path, "symbolic-ref", "HEAD") == "refs/heads/genie/fix"
    assert path.parent.parent == home.root / "worktrees"
    assert path.parent.name.startswith("project-")
    assert len(path.parent.name) == len("project-") + 8
    assert sorted(entry.name for entry in path.parent.iterdir()) == [".fix.json", "fix"]
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert worktrees.state(made.path) is STATE.CLEAN
    assert worktrees.list() == [made]


def test_a_name_that_is_taken_gets_the_next_number(worktrees: GitWorktrees, repo: Path) -> None:
    git(repo, "branch", "genie/b")
    git(repo, "update-ref", "refs/remotes/origin/genie/c", "HEAD")
    git(repo, "branch", "genie/d/below")
    names = [worktrees.make(str(repo), name).branch for name in ("a", "a", "a", "b", "c", "d")]
    assert names == ["genie/a", "genie/a-2", "genie/a-3", "genie/b-2", "genie/c-2", "genie/d-2"]


def test_a_directory_of_the_users_is_not_taken(worktrees: GitWorktrees, repo: Path) -> None:
    folder = Path(worktrees.make(str(repo), "a").path).parent
    (folder / "b").mkdir()
    (folder / "c").symlink_to("/nowhere")
    assert [worktrees.make(str(repo), name).name for name in ("b", "c")] == ["b-2", "c-2"]
    with pytest.raises(NotFound):
        worktrees.remove(str(folder / "b"))
    assert (folder / "b").is_dir()


def test_many_at_once_get_names_of_their_own(worktrees: GitWorktrees, repo: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: worktrees.make(str(repo), "a"), range(6)))
    assert sorted(each.name for each in made) == ["a", *(f"a-{number}" for number in range(2, 7))]
    assert {worktrees.state(each.path) for each in made} == {STATE.CLEAN}


@pytest.mark.parametrize("name", ["", "-x", ".x", "A", "a b", "a/b", "../a", "a..b", "a.", "a.lock", "a\n", "x" * 64])
def test_a_name_that_no_branch_can_have_is_refused(worktrees: GitWorktrees, repo: Path, name: str) -> None:
    with pytest.raises(BadInput, match="illegal worktree name"):
        worktrees.make(str(repo), name)
    assert branches(repo) == ["main"]


def test_a_repository_without_commits_is_refused(worktrees: GitWorktrees, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "-q")
    with pytest.raises(Refused, match="has no commits"):
        worktrees.make(str(tmp_path / "new"), "a")
    assert worktrees.list() == []


def test_a_directory_in_no_repository_is_refused(worktrees: GitWorktrees, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="in no git repository"):
        worktrees.make(str(tmp_path), "a")
    with pytest.raises(BadInput, match="is not there"):
        worktrees.make(str(tmp_path / "none"), "a")


def test_a_branch_genie_is_in_the_way(worktrees: GitWorktrees, repo: Path) -> None:
    git(repo, "branch", "genie")
    with pytest.raises(Conflict, match="branch 'genie' is in the way"):
        worktrees.make(str(repo), "a")
    assert worktrees.list() == []


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_repositories(worktrees: GitWorktrees, tmp_path: Path, name: str) -> None:
    repo = repository(tmp_path / "r" / name)
    before = contents(repo / ".git" / "refs")
    made = worktrees.make(str(repo), "a")
    assert Path(made.path).parent.name.isascii()
    assert Path(made.path).parent.name[0] not in "-."
    assert worktrees.state(made.path) is STATE.CLEAN
    (Path(made.path) / name).write_text("mine")
    assert worktrees.state(made.path) is STATE.UNCOMMITTED
    (Path(made.path) / name).unlink()
    worktrees.remove(made.path)
    assert contents(repo / ".git" / "refs") == before
    assert [entry.name for entry in (tmp_path / "r").iterdir()] == [name]


def test_a_user_who_is_careful_with_bare_repositories(worktrees: GitWorktrees, repo: Path) -> None:
    git(repo, "config", "--global", "safe.bareRepository", "explicit")
    made = worktrees.make(str(repo), "a")
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert branches(repo) == ["main"]


def test_two_repositories_of_one_name_are_apart(worktrees: GitWorktrees, tmp_path: Path) -> None:
    made = [worktrees.make(str(repository(tmp_path / each / "project")), "a") for each in ("x", "y")]
    assert [each.name for each in made] == ["a", "a"]
    assert len({Path(each.path).parent for each in made}) == 2


def test_a_hostile_home(tmp_path: Path, repo: Path) -> None:
    worktrees = GitWorktrees(Home(tmp_path / "-ho me\n'"))
    made = worktrees.make(str(repo), "a")
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert worktrees.list() == []


def test_a_home_behind_a_link(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    worktrees = GitWorktrees(Home(tmp_path / "link"))
    made = worktrees.make(str(repo), "a")
    by_link = tmp_path / "link" / "worktrees" / Path(made.path).parent.name / "a"
    assert worktrees.state(str(by_link)) is worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(str(by_link))
    assert worktrees.list() == []


def test_the_directory_it_was_asked_for_is_found_again(worktrees: GitWorktrees, repo: Path) -> None:
    commit(repo, "deep/er/file")
    (repo / "untracked").mkdir()
    made = worktrees.make(str(repo / "deep" / "er"), "a")
    assert made.cwd == f"{made.path}/deep/er/"[:-1]
    other = worktrees.make(str(repo / "untracked"), "b")
    assert other.cwd == other.path


def test_a_bare_repository(worktrees: GitWorktrees, repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare.git")
    made = worktrees.make(str(tmp_path / "bare.git"), "a")
    assert Path(made.path).parent.name.startswith("bare.git-")
    assert (Path(made.path) / "file").is_file()
    commit(made.path, "more")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    git(made.path, "push", "-q", ".", "HEAD:refs/heads/kept")
    worktrees.remove(made.path)
    assert branches(tmp_path / "bare.git") == ["kept", "main"]


def test_a_detached_head(worktrees: GitWorktrees, repo: Path) -> None:
    git(repo, "checkout", "-q", "--detach")
    base = commit(repo, "held by nothing but HEAD")
    made = worktrees.make(str(repo), "a")
    assert made.base == base
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert git(repo, "rev-parse", "HEAD") == base


def test_a_worktree_of_a_worktree_belongs_to_the_same_repository(worktrees: GitWorktrees, repo: Path) -> None:
    first = worktrees.make(str(repo), "a")
    base = commit(first.path, "more")
    second = worktrees.make(first.path, "b")
    assert (Path(second.path).parent, second.repo, second.base) == (Path(first.path).parent, first.repo, base)


@pytest.fixture
def with_submodule(repo: Path, tmp_path: Path) -> Path:
    repository(tmp_path / "library")
    git(repo, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "library"), "lib")
    git(repo, "commit", "-qm", "add lib")
    return repo


def test_submodules_are_said_and_not_checked_out(worktrees: GitWorktrees, with_submodule: Path) -> None:
    made = worktrees.make(str(with_submodule), "a")
    assert made.submodules
    assert list((Path(made.path) / "lib").iterdir()) == []
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)


def test_submodules_that_were_checked_out_keep_it(worktrees: GitWorktrees, with_submodule: Path) -> None:
    made = worktrees.make(str(with_submodule), "a")
    git(made.path, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    with pytest.raises(Refused, match="repositories of submodules"):
        worktrees.remove(made.path)
    commit(f"{made.path}/lib", "more")
    assert worktrees.state(made.path) is STATE.UNCOMMITTED


def test_a_worktree_of_a_submodule(worktrees: GitWorktrees, with_submodule: Path) -> None:
    config = (with_submodule / ".git/modules/lib/config").read_bytes()
    made = worktrees.make(str(with_submodule / "lib"), "a")
    assert sorted(entry.name for entry in Path(made.path).iterdir()) == [".git", "file"]
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert (with_submodule / ".git/modules/lib/config").read_bytes() == config


# ---- what is not touched --------------------------------------------------------------------


def plain(repo: Path, user: Path) -> None:
    pass


def worktree_config(repo: Path, user: Path) -> None:
    git(repo, "config", "extensions.worktreeConfig", "true")
    git(repo, "config", "--worktree", "core.sparseCheckout", "false")


def tracking(repo: Path, user: Path) -> None:
    git(repo, "clone", "-q", "--bare", ".", "../up.git")
    git(repo, "remote", "add", "origin", str(repo.parent / "up.git"))
    git(repo, "fetch", "-q")
    git(repo, "branch", "-q", "-u", "origin/main")
    for key, value in (("branch.autoSetupMerge", "always"), ("branch.autoSetupRebase", "always")):
        git(repo, "config", key, value)
    git(repo, "config", "--global", "worktree.guessRemote", "true")


def relative_paths(repo: Path, user: Path) -> None:
    git(repo, "config", "--global", "worktree.useRelativePaths", "true")
    git(repo, "config", "--global", "gc.auto", "1")


@pytest.mark.parametrize("prepare", [plain, worktree_config, tracking, relative_paths])
def test_no_configuration_is_written(
    worktrees: GitWorktrees, repo: Path, user: Path, prepare: Callable[[Path, Path], None]
) -> None:
    prepare(repo, user)
    config = {path: path.read_bytes() for path in (repo / ".git").glob("config*")}
    known, worked_on = contents(user), contents(repo / ".git" / "refs")
    made = worktrees.make(str(repo), "a")
    worktrees.state(made.path)
    worktrees.list()
    commit(made.path, "more")
    with pytest.raises(Refused):
        worktrees.remove(made.path)
    git(made.path, "reset", "-q", "--hard", "HEAD~1")
    worktrees.remove(made.path)
    assert {path: path.read_bytes() for path in (repo / ".git").glob("config*")} == config
    assert contents(user) == known
    assert contents(repo / ".git" / "refs") == worked_on
    assert not list((repo / ".git").glob("worktrees/*"))


def test_nothing_of_the_users_checkout_changes(worktrees: GitWorktrees, repo: Path) -> None:
    (repo / "file").write_text("half done")
    (repo / "new").write_text("untracked")
    before = {name: seen for name, seen in contents(repo).items() if not name.startswith(".git/logs")}
    worktrees.remove(worktrees.make(str(repo), "a").path)
    assert {name: seen for name, seen in contents(repo).items() if not name.startswith(".git/logs")} == before


def test_no_hook_and_no_monitor_of_the_repository_is_run(worktrees: GitWorktrees, repo: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    names = ("post-checkout", "reference-transaction", "post-index-change", "pre-commit", "post-merge")
    for hook in (*(repo / ".git/hooks" / name for name in names), tmp_path / "monitor"):
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\necho {hook.name} >> '{ran}'\n")
        hook.chmod(0o755)
    git(repo, "config", "core.fsmonitor", str(tmp_path / "monitor"))
    git(repo, "worktree", "add", "-q", "-b", "theirs", str(tmp_path / "theirs"))
    assert "post-checkout" in ran.read_text(), "the hooks of this test do run where git is called without care"
    ran.unlink()
    made = worktrees.make(str(repo), "a")
    worktrees.state(made.path)
    worktrees.remove(made.path)
    assert not ran.exists()


def test_variables_of_the_callers_git_do_not_count(
    worktrees: GitWorktrees, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = repository(tmp_path / "other")
    before = contents(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    made = worktrees.make(str(repo), "a")
    assert worktrees.state(made.path) is STATE.CLEAN
    assert made.repo == str(repo / ".git")
    worktrees.remove(made.path)
    assert contents(other) == before
    assert not (tmp_path / "index").exists()


# ---- what would be lost ---------------------------------------------------------------------


@pytest.fixture
def made(worktrees: GitWorktrees, repo: Path) -> Worktree:
    return worktrees.make(str(repo), "a")


def refused(worktrees: GitWorktrees, made: Worktree) -> Refused:
    before = contents(Path(made.path))
    with pytest.raises(Refused) as refusal:
        worktrees.remove(made.path)
    assert contents(Path(made.path)) == before
    return refusal.value


def untracked(path: Path) -> None:
    (path / "deep").mkdir()
    (path / "deep" / "new").write_text("x")


def changed(path: Path) -> None:
    (path / "file").write_text("y")


def deleted(path: Path) -> None:
    (path / "file").unlink()


def staged(path: Path) -> None:
    (path / "staged").write_text("y")
    git(path, "add", "staged")


def renamed(path: Path) -> None:
    git(path, "mv", "file", "renamed")


def hidden_by_the_user(path: Path) -> None:
    git(path, "config", "--global", "status.showUntrackedFiles", "no")
    untracked(path)


def repository_within(path: Path) -> None:
    repository(path / "deep")


@pytest.mark.parametrize(
    ("work", "named"),
    [
        (untracked, "deep/new"),
        (changed, "file"),
        (deleted, "file"),
        (staged, "staged"),
        (renamed, "renamed"),
        (hidden_by_the_user, "deep/new"),
        (repository_within, "deep/"),
    ],
)
def test_uncommitted_work_keeps_it(
    worktrees: GitWorktrees, made: Worktree, work: Callable[[Path], None], named: str
) -> None:
    work(Path(made.path))
    assert worktrees.state(made.path) is STATE.UNCOMMITTED
    refusal = refused(worktrees, made)
    assert f"is kept: it has 1 uncommitted file ({named})" in refusal.message
    assert refusal.details["files"] == (named,)


def test_many_files_are_counted_and_some_named(worktrees: GitWorktrees, made: Worktree) -> None:
    for number in range(7):
        (Path(made.path) / f"n{number}\x1b").write_text("x")
    message = refused(worktrees, made).message
    assert "7 uncommitted files ('n0\\x1b', " in message
    assert message.endswith("'n4\\x1b' …)")


def test_ignored_files_are_not_work(worktrees: GitWorktrees, repo: Path) -> None:
    commit(repo, ".gitignore", "*.log\n")
    made = worktrees.make(str(repo), "a")
    (Path(made.path) / "x.log").write_text("x")
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert not Path(made.path).exists()


def test_commits_that_nothing_else_holds_keep_it(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    sha = commit(made.path, "more")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    refusal = refused(worktrees, made)
    assert f"it has 1 commit ({sha[:7]}) that nothing but it and genie/a holds" in refusal.message
    git(repo, "merge", "-q", "--ff-only", "genie/a")
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert branches(repo) == ["main"]
    assert git(repo, "rev-parse", "HEAD") == sha


def test_a_pushed_commit_is_held_by_the_remote(worktrees: GitWorktrees, repo: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(repo), "up.git")
    git(repo, "remote", "add", "origin", str(tmp_path / "up.git"))
    made = worktrees.make(str(repo), "a")
    commit(made.path, "more")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    git(made.path, "push", "-q", "origin", "HEAD")
    assert worktrees.state(made.path) is STATE.CLEAN
    worktrees.remove(made.path)
    assert branches(repo) == ["main"]
    assert worktrees.make(str(repo), "a").branch == "genie/a-2"


def test_commits_on_a_detached_head_keep_it(worktrees: GitWorktrees, made: Worktree) -> None:
    git(made.path, "checkout", "-q", "--detach")
    commit(made.path, "more")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    refused(worktrees, made)


def test_commits_left_on_the_branch_keep_it_when_another_is_checked_out(
    worktrees: GitWorktrees, repo: Path, made: Worktree
) -> None:
    sha = commit(made.path, "more")
    git(made.path, "checkout", "-q", "-b", "other", "HEAD~1")
    assert worktrees.state(made.path) is STATE.UNPUSHED
    refused(worktrees, made)
    git(repo, "branch", "kept", sha)
    worktrees.remove(made.path)
    assert branches(repo) == ["kept", "main", "other"]


@pytest.mark.parametrize("ref", ["refs/worktree/mine", "refs/bisect/bad"])
def test_refs_that_go_with_the_worktree_hold_nothing(worktrees: GitWorktrees, made: Worktree, ref: str) -> None:
    commit(made.path, "more")
    git(made.path, "update-ref", ref, "HEAD")
    assert worktrees.state(made.path) is STATE.UNPUSHED


def test_very_many_commits_are_not_counted_to_the_end(worktrees: GitWorktrees, made: Worktree) -> None:
    tree = git(made.path, "rev-parse", "HEAD^{tree}")
    sha = made.base
    for number in range(101):
        sha = git(made.path, "commit-tree", tree, "-p", sha, "-m", str(number))
    git(made.path, "reset", "-q", "--hard", sha)
    assert "100 or more commits" in refused(worktrees, made).message


def test_a_lock_keeps_it(worktrees: GitWorktrees, made: Worktree) -> None:
    git(made.path, "worktree", "lock", made.path)
    assert "git worktree unlock" in refused(worktrees, made).message


def test_a_branch_that_is_checked_out_elsewhere_stays(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    git(made.path, "checkout", "-q", "--detach")
    git(repo, "checkout", "-q", "genie/a")
    worktrees.remove(made.path)
    assert branches(repo) == ["genie/a", "main"]


# ---- gone, moved, not ours ------------------------------------------------------------------


def remove_by_hand(path: str) -> None:
    subprocess.run(["rm", "-r", "--", path], check=True, timeout=60)


def test_one_that_is_gone_is_forgotten_with_its_branch(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    remove_by_hand(made.path)
    assert worktrees.state(made.path) is STATE.GONE
    assert worktrees.list() == [made]
    worktrees.remove(made.path)
    assert (worktrees.list(), branches(repo)) == ([], ["main"])
    assert not list((repo / ".git").glob("worktrees/*"))


def test_the_branch_of_one_that_is_gone_stays_when_it_holds_commits(
    worktrees: GitWorktrees, repo: Path, made: Worktree
) -> None:
    sha = commit(made.path, "more")
    remove_by_hand(made.path)
    worktrees.remove(made.path)
    assert (worktrees.list(), git(repo, "rev-parse", "genie/a")) == ([], sha)


def test_git_keeps_the_record_of_one_that_is_gone_when_only_that_holds_commits(
    worktrees: GitWorktrees, repo: Path, made: Worktree
) -> None:
    git(made.path, "checkout", "-q", "--detach")
    commit(made.path, "more")
    remove_by_hand(made.path)
    with pytest.raises(Refused, match="1 commit"):
        worktrees.remove(made.path)
    assert [path.name for path in (repo / ".git/worktrees").iterdir()] == ["a"]


def test_one_that_was_removed_by_git_is_forgotten(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    git(repo, "worktree", "remove", made.path)
    assert worktrees.state(made.path) is STATE.GONE
    worktrees.remove(made.path)
    assert (worktrees.list(), branches(repo)) == ([], ["main"])


def test_one_whose_repository_was_moved_is_kept(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    repo.rename(repo.with_name("moved"))
    assert worktrees.state(made.path) is STATE.UNKNOWN
    assert "git worktree repair" in refused(worktrees, made).hint
    repo.with_name("moved").rename(repo)
    worktrees.remove(made.path)


def test_one_whose_repository_is_gone_too_is_forgotten(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    remove_by_hand(made.path)
    remove_by_hand(str(repo))
    assert worktrees.state(made.path) is STATE.GONE
    worktrees.remove(made.path)
    assert worktrees.list() == []


def other_repository(path: Path) -> None:
    repository(path)


def plain_directory(path: Path) -> None:
    path.mkdir()


def link_to_a_directory(path: Path) -> None:
    repository(path.parents[3] / "elsewhere")
    path.symlink_to(path.parents[3] / "elsewhere")


@pytest.mark.parametrize("put", [other_repository, plain_directory, link_to_a_directory])
def test_what_is_in_its_place_is_not_touched(
    worktrees: GitWorktrees, made: Worktree, put: Callable[[Path], None]
) -> None:
    remove_by_hand(made.path)
    put(Path(made.path))
    assert worktrees.state(made.path) is STATE.UNKNOWN
    assert "git does not know it any more" in refused(worktrees, made).message


def test_one_that_was_moved_behind_a_link_is_kept(worktrees: GitWorktrees, made: Worktree, tmp_path: Path) -> None:
    Path(made.path).rename(tmp_path / "moved")
    Path(made.path).symlink_to(tmp_path / "moved")
    assert worktrees.state(made.path) is STATE.UNKNOWN
    refused(worktrees, made)


def test_what_genie_did_not_make_is_not_removed(
    worktrees: GitWorktrees, made: Worktree, repo: Path, tmp_path: Path
) -> None:
    beside = Path(made.path).with_name("theirs")
    for path in (tmp_path / "theirs", beside):
        git(repo, "worktree", "add", "-q", str(path))
        git(path, "checkout", "-q", "--detach")
        git(repo, "branch", "-q", "-D", "theirs")
    relative = f"{made.path}/../theirs"
    for wrong in (str(tmp_path / "theirs"), str(beside), relative, str(repo), "/", "", ".", str(beside.parent)):
        for use in (worktrees.remove, worktrees.state):
            with pytest.raises(NotFound, match="is no worktree that genie has made"):
                use(wrong)
    assert beside.is_dir()
    assert (tmp_path / "theirs").is_dir()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"path": "/etc"}', b"\xff"])
def test_a_torn_marker_makes_nothing_ours(worktrees: GitWorktrees, made: Worktree, content: bytes) -> None:
    Path(made.path).with_name(".a.json").write_bytes(content)
    assert worktrees.list() == []
    with pytest.raises(NotFound):
        worktrees.remove(made.path)


def test_a_marker_that_was_copied_makes_nothing_ours(worktrees: GitWorktrees, made: Worktree) -> None:
    there = Path(made.path)
    there.with_name("b").mkdir()
    there.with_name(".b.json").write_bytes(there.with_name(".a.json").read_bytes())
    assert worktrees.list() == [made]
    with pytest.raises(NotFound):
        worktrees.remove(str(there.with_name("b")))


# ---- git fails ------------------------------------------------------------------------------


def test_git_is_missing(worktrees: GitWorktrees, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingProgram, match="'git' is not installed"):
        worktrees.make(str(repo), "a")


def test_what_was_begun_is_taken_back_when_git_fails(worktrees: GitWorktrees, repo: Path) -> None:
    (repo / ".gitattributes").write_text("file filter=broken\n")
    git(repo, "add", ".gitattributes")
    git(repo, "commit", "-qm", "attributes")
    git(repo, "config", "filter.broken.smudge", "false")
    git(repo, "config", "filter.broken.required", "true")
    with pytest.raises(Failed, match=r"git worktree failed in '.*': file: smudge filter broken failed"):
        worktrees.make(str(repo), "a")
    assert (worktrees.list(), branches(repo)) == ([], ["main"])
    assert not list((repo / ".git").glob("worktrees/*"))


def ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_git_that_does_not_end_is_ended_and_its_work_taken_back(home: Home, repo: Path, tmp_path: Path) -> None:
    (repo / ".gitattributes").write_text("file filter=slow\n")
    git(repo, "add", ".gitattributes")
    git(repo, "commit", "-qm", "attributes")
    git(repo, "config", "filter.slow.smudge", f"echo $$ > '{tmp_path}/pid'; exec sleep 600")
    worktrees = GitWorktrees(home, patience=2)
    with pytest.raises(TimedOut, match="git did not end within 2 s"):
        worktrees.make(str(repo), "a")
    assert ended(int((tmp_path / "pid").read_text()))
    assert (worktrees.list(), branches(repo)) == ([], ["main"])


def test_what_a_crash_left_behind_can_be_removed(worktrees: GitWorktrees, repo: Path, made: Worktree) -> None:
    """It died between branch and directory, or between marker and branch."""
    git(repo, "worktree", "remove", made.path)
    assert worktrees.state(made.path) is STATE.GONE
    git(repo, "branch", "-q", "-D", "genie/a")
    assert worktrees.state(made.path) is STATE.GONE
    worktrees.remove(made.path)
    assert worktrees.list() == []


def test_a_home_that_cannot_be_written(tmp_path: Path, repo: Path) -> None:
    (tmp_path / "full").write_text("no directory")
    with pytest.raises(Failed, match="cannot make"):
        GitWorktrees(Home(tmp_path / "full")).make(str(repo), "a")
    assert branches(repo) == ["main"]


def test_what_was_removed_is_not_found_again(worktrees: GitWorktrees, made: Worktree) -> None:
    worktrees.remove(made.path)
    with pytest.raises(NotFound):
        worktrees.remove(made.path)


def test_the_one_that_a_directory_is_in(worktrees: GitWorktrees, repo: Path, home: Home) -> None:
    made = worktrees.make(str(repo), "ada")
    for inside in (made.path, f"{made.path}/deep/er"):
        assert worktrees.holding(inside) == made
        assert made.holds(inside)
    outside = (str(repo), f"{made.path}-2", str(Path(made.path).parent), str(home.root), f"{made.path}/../ada", "ada")
    assert not [directory for directory in outside if worktrees.holding(directory)]
    assert not made.holds(f"{made.path}-2")
    (Path(made.path).parent / "by-hand").mkdir()
    assert worktrees.holding(str(Path(made.path).parent / "by-hand")) is None
