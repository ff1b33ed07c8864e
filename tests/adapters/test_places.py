"""What is changed in a work tree: short, at once, and without running anything of the repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from genie.adapters.places import MOST_LINES, LocalPlaces
from genie.domain.errors import BadInput

ENV = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit."""
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q")
    (work / "a.txt").write_text("one\n")
    git(work, "add", ".")
    git(work, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "-m", "first")
    return work


def git(where: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=where, env=ENV, capture_output=True, text=True, check=True)
    return done.stdout


def changes(where: Path) -> list[str] | None:
    found = LocalPlaces().changes(str(where), env=ENV)
    return None if found is None else list(found)


def test_what_is_changed_and_what_is_new(tree: Path) -> None:
    assert changes(tree) == []
    (tree / "a.txt").write_text("two\n")
    (tree / "b.txt").write_text("new\n")
    assert changes(tree) == [" M a.txt", "?? b.txt"]


def test_many_lines_are_cut(tree: Path) -> None:
    for number in range(MOST_LINES + 5):
        (tree / f"f{number:02}").write_text("")
    (tree / ("x" * 250)).write_text("")
    found = changes(tree)
    assert found is not None
    assert (len(found), found[-1]) == (MOST_LINES + 1, "… and 6 more")
    git(tree, "clean", "-qfd", "-e", "x*")
    found = changes(tree)
    assert found is not None
    assert len(found[0]) == 200


def test_what_is_no_work_tree_has_none(tmp_path: Path, tree: Path) -> None:
    assert changes(tmp_path) is None
    assert changes(tmp_path / "gone") is None
    assert LocalPlaces().changes(str(tree), env={"PATH": "/nonexistent"}) is None


def test_a_git_that_stands_in_the_directory_is_not_run(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tree / "git"
    program.write_text(f"#!/bin/sh\ntouch {tree}/ran\n")
    program.chmod(0o755)
    monkeypatch.chdir(tree)
    assert LocalPlaces().changes(str(tree), env={"PATH": "."}) is None
    assert not (tree / "ran").exists()


def test_a_lock_that_somebody_holds_is_not_waited_for_and_nothing_is_written(tree: Path) -> None:
    lock, index = tree / ".git" / "index.lock", tree / ".git" / "index"
    lock.write_text("")
    os.utime(tree / "a.txt", (1, 1))  # the index would be refreshed
    before = index.stat()
    assert changes(tree) == []
    assert (index.stat().st_mtime_ns, index.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_no_program_of_the_repository_is_run(tree: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >> {mark}\ncat\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "filter.own.clean", "filter.own.process"):
        git(tree, "config", name, str(program))
    git(tree, "config", "filter.own.required", "true")
    (tree / ".gitattributes").write_text("*.txt filter=own\n")
    os.utime(tree / "a.txt", (1, 1))
    (tree / "a.txt").write_text("six\n")
    assert changes(tree) == [" M a.txt", "?? .gitattributes"]
    assert not mark.exists()


def test_a_git_that_takes_too_long_is_not_waited_for(tree: Path, tmp_path: Path) -> None:
    slow = tmp_path / "bin"
    slow.mkdir()
    (slow / "git").write_text("#!/bin/sh\nexec tail -f /dev/null\n")
    (slow / "git").chmod(0o755)
    assert LocalPlaces(patience=0.2).changes(str(tree), env={"PATH": f"{slow}:{ENV['PATH']}"}) is None


def test_a_directory_is_there_or_the_reason_is_told(tmp_path: Path) -> None:
    places = LocalPlaces()
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").write_text("")
    assert places.directory("sub", base=str(tmp_path)) == str(tmp_path / "sub")
    assert places.directory("sub/..", base=str(tmp_path)) == str(tmp_path.resolve())
    for name, why in {"file": "is no directory", "none": "is not there"}.items():
        with pytest.raises(BadInput, match=why):
            places.directory(name, base=str(tmp_path))
    with pytest.raises(BadInput, match=r"cannot look|is not there"):
        places.directory("x" * 5000, base=str(tmp_path))
