"""`genie worktree`."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error

TREE: dict[str, Any] = {
    "name": "fix",
    "path": "/h/worktrees/app-1/fix",
    "branch": "genie/fix",
    "repository": "/src/app",
    "base": "0" * 40,
    "state": "clean",
    "problem": None,
    "agents": ["ada", "bob"],
}


def test_the_list(peer: Peer, genie: Run) -> None:
    broken = TREE | {"name": "old", "state": None, "problem": "git status failed", "agents": []}
    peer.answers["GET /v1/worktrees"] = [TREE, broken]
    header, one, two = genie("worktree", "ls").out.splitlines()
    assert header.split() == ["NAME", "STATE", "AGENTS", "BRANCH", "REPOSITORY", "PATH"]
    assert one.split() == ["fix", "clean", "ada,", "bob", "genie/fix", "/src/app", "/h/worktrees/app-1/fix"]
    assert "git status failed" in two
    assert genie("worktree", "ls", "-q").out == "fix\nold\n"
    assert genie("worktree", "ls", "--json").json == [TREE, broken]


def test_one_is_removed(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/worktrees/remove"] = TREE
    assert genie("worktree", "remove", "fix").out == "removed /h/worktrees/app-1/fix\n"
    assert peer.last("POST /v1/worktrees/remove").body == {"name": "fix"}
    assert genie("worktree", "remove", "fix", "--json").json == TREE


def test_what_would_be_lost_is_told(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/worktrees/remove"] = (403, error("refused", "it has 1 uncommitted file (notes)"))
    done = genie("worktree", "remove", "fix")
    assert (done.code, done.out) == (5, "")
    assert "1 uncommitted file (notes)" in done.err
    assert genie("worktree", "remove", "fix", "--force").code == 2


def test_names_are_completed(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/worktrees"] = [TREE, TREE | {"name": "other"}]
    assert genie("__complete", "bash", "worktree", "remove", "f").out == "fix\n"
