"""What sessions are supplied with, and what is cleared up after them: real git, a recording container client."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures.daemon import FAKES, Genie
from tests.fixtures.tmux import until

SCHEMA = '{"type": "object", "required": ["said"]}'
ANSWERS = """import json, os, sys
told = {name.lower(): os.environ.get(name) for name in ("HOME", "OPENAI_API_KEY", "OTHER", "OWN")}
print(json.dumps({"said": sys.stdin.read(), "in": os.getcwd(), **told}))"""


@pytest.fixture
def repo(genie: Genie) -> Path:
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        (genie.project / "deep").mkdir(exist_ok=True)
        (genie.project / "deep" / "file").write_text("x")
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *who, *words], cwd=genie.project, check=True, timeout=60)
    return genie.project


def kinds(genie: Genie, name: str) -> list[str]:
    return [row["kind"].partition(".")[2] for row in genie.json("history", name)]


def test_a_worktree_from_the_spawn_to_the_end(genie: Genie, repo: Path) -> None:
    config = (repo / ".git" / "config").read_bytes()
    sleeps, writes = "pwd > /dev/null; exec sleep 1000", "echo x > new; exec sleep 1000"
    ada = genie.json("spawn", "ada", "--role", "engineer", "--worktree", "--", "sh", "-c", sleeps, cwd=repo / "deep")
    assert (ada["branch"], ada["cwd"]) == ("genie/ada", f"{ada['worktree']}/deep")
    assert Path(f"/proc/{ada['pid']}/cwd").readlink() == Path(ada["cwd"])
    bob = genie.json("spawn", "bob", "--role", "engineer", "--worktree=fix", "--", "sh", "-c", writes)
    until((Path(bob["worktree"]) / "new").exists, what="bob writes")
    rows = {row["name"]: (row["state"], row["agents"]) for row in genie.api.worktrees()}
    assert rows == {"ada": ("clean", ["ada"]), "fix": ("uncommitted", ["bob"])}
    assert "'ada' lives in the worktree 'ada'" in genie.refused("worktree", "remove", "ada", code=6)
    genie("kill", "ada", "bob")
    assert [row["name"] for row in genie.api.worktrees()] == ["fix"]
    assert (kinds(genie, "ada")[-1], kinds(genie, "bob")[-1]) == ("worktree_removed", "worktree_kept")
    assert "1 uncommitted file (new)" in genie.refused("worktree", "remove", "fix", code=5)
    (Path(bob["worktree"]) / "new").unlink()
    assert genie("worktree", "remove", "fix") == f"removed {bob['worktree']}\n"
    assert (repo / ".git" / "config").read_bytes() == config
    branches = ["git", "for-each-ref", "--format=%(refname:short)", "refs/heads/genie"]
    assert subprocess.run(branches, cwd=repo, capture_output=True, check=True, timeout=60).stdout == b""


def put_docker(genie: Genie) -> dict[str, str]:
    """A client of containers, for those who ask for it."""
    path = genie.directory / "containers" / "docker"
    path.parent.mkdir()
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(FAKES / "container.py")])} "$@"\n')
    path.chmod(0o755)
    where = f"{path.parent}{os.pathsep}{genie.env['PATH']}"
    return {
        "PATH": where,
        "FAKE_CONTAINER_LOG": str(genie.directory / "calls"),
        "OPENAI_API_KEY": "s3cret",
        "OTHER": "x",
    }


def test_a_session_in_a_sandbox_with_a_file_and_a_schema(genie: Genie, repo: Path) -> None:
    genie("daemon", "stop")
    (genie.home / "config.toml").write_text('[sandbox.images]\nshell = "box/shell:1"\n')
    docker, command = put_docker(genie), ("--", sys.executable, "-c", ANSWERS)
    asked = ("run", "say it", "--name", "ada", "--sandbox", "--network", "none", "--worktree", "--json-schema", SCHEMA)
    message = genie.refused(*asked, *command, code=5, env=docker | {"FAKE_CONTAINER_ENGINE": "down"})
    assert "no container engine answers: docker: Cannot connect" in message
    assert (genie.rows(), genie.api.worktrees()) == ([], [])
    genie(*asked, "--file", "deep/file", "--env", "OWN=1", "--wait", *command, env=docker)
    answer = json.loads(genie("output", "ada"))
    attached = f'<attached-files>\n<file path="{repo}/deep/file">x</file>\n</attached-files>\n\nsay it'
    assert answer.pop("in").startswith(f"{genie.home}/worktrees/")
    assert answer == {"said": attached, "home": "/tmp", "openai_api_key": "s3cret", "other": None, "own": "1"}
    until(lambda: genie.api.worktrees() == [], what="its worktree is removed")
    until(lambda: [call[0] for call in calls(genie)][-1:] == ["kill"], what="its container is killed")
    (run,) = [call for call in calls(genie) if call[0] == "run"]
    assert {"--network", "none", "box/shell:1"} <= set(run)
    assert "s3cret" not in json.dumps(run)


def calls(genie: Genie) -> list[list[str]]:
    """What the client of containers was called with."""
    return [json.loads(line)["argv"] for line in (genie.directory / "calls").read_text().splitlines()]


def test_an_answer_that_does_not_fit_has_failed(genie: Genie) -> None:
    done = genie.run("run", "--name", "ada", "--json-schema", SCHEMA, "--wait", "--", "echo", '{"say": 1}')
    assert done.returncode == 1
    (row,) = genie.json("collect", "ada")
    assert row["status"] == "failed"
    assert "'said' is a required property" in row["error"]
