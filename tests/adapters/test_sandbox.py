"""A command in a container: what the client is told, what never stands on its command line, and who answers."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from genie.adapters.sandbox import Box, Engine, container, engine, image_of, kill_argv, run_argv
from genie.domain.errors import BadConfig, BadInput, Refused
from tests.fakes.container import DOWN

RUN = UUID("0123abcd-1111-4222-8333-444455556666")
FAKE = Path(__file__).parents[1] / "fakes" / "container.py"


def put_client(directory: Path, kind: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / kind
    path.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", str(FAKE)])} "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path / "bin"), "FAKE_CONTAINER_LOG": str(tmp_path / "calls")}


@pytest.fixture
def docker(tmp_path: Path) -> Engine:
    return Engine("docker", str(put_client(tmp_path / "bin", "docker")))


@pytest.fixture
def box(tmp_path: Path) -> Box:
    (tmp_path / "work space" / "deep").mkdir(parents=True)
    work = str(tmp_path / "work space")
    return Box(
        image="example.org/agents/claude:1.2",
        workspace=work,
        cwd=f"{work}/deep",
        network="none",
        env=("TOKEN", "GOAL"),
        uid=1000,
        gid=1001,
        terminal=False,
    )


def calls(env: dict[str, str]) -> list[dict[str, Any]]:
    path = Path(env["FAKE_CONTAINER_LOG"])
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_whole_command_line(docker: Engine, box: Box) -> None:
    assert run_argv(docker, box, run=RUN, argv=("claude", "-p", "do it; $HOME")) == (
        *(docker.program, "run", "--rm", "-i", "--init", "--name", "genie-0123abcd"),
        *("--label", "genie.session=1", "--label", f"genie.run={RUN}"),
        *("-v", f"{box.workspace}:{box.workspace}", "-w", box.cwd, "--network", "none"),
        *("--env", "TOKEN", "--env", "GOAL", "--user", "1000:1001"),
        *("example.org/agents/claude:1.2", "claude", "-p", "do it; $HOME"),
    )


def test_a_terminal_is_asked_for(docker: Engine, box: Box) -> None:
    argv = run_argv(docker, replace(box, terminal=True), run=RUN, argv=("sh",))
    assert argv[:6] == (docker.program, "run", "--rm", "-i", "-t", "--init")


def test_the_command_runs_with_the_variables_that_were_named_and_their_values_are_on_no_command_line(
    docker: Engine, box: Box, env: dict[str, str]
) -> None:
    script = 'printf "%s|%s|%s|%s" "$PWD" "$TOKEN" "$GOAL" "$OTHER"; exit 7'
    argv = run_argv(docker, box, run=RUN, argv=("sh", "-c", script))
    given = env | {"TOKEN": "s3cret value", "GOAL": "a\nb", "OTHER": "not yours"}
    done = subprocess.run(argv, env=given, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.returncode) == (f"{box.cwd}|s3cret value|a\nb|", 7)
    (call,) = calls(env)
    assert "s3cret" not in json.dumps(call)
    assert call["said"]["argv"] == ["sh", "-c", script]


def test_a_variable_named_twice_is_given_once(docker: Engine, box: Box) -> None:
    argv = run_argv(docker, replace(box, env=("A", "B", "A")), run=RUN, argv=("x",))
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "--env"] == ["A", "B"]


def test_podman_shows_the_workspace_to_its_owner(box: Box) -> None:
    podman = Engine("podman", "/usr/bin/podman")
    assert "--userns" not in run_argv(podman, replace(box, uid=0, gid=0), run=RUN, argv=("x",))
    argv = run_argv(podman, box, run=RUN, argv=("x",))
    assert argv[argv.index("--userns") + 1] == "keep-id"


def test_the_end_of_a_container(docker: Engine, env: dict[str, str]) -> None:
    assert kill_argv(docker, RUN) == (docker.program, "kill", container(RUN))
    subprocess.run(kill_argv(docker, RUN), env=env, check=True, timeout=30)
    assert [call["said"]["name"] for call in calls(env)] == ["genie-0123abcd"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"image": "--privileged"}, "no name of a container image"),
        ({"image": ""}, "no name of a container image"),
        ({"network": "--privileged"}, "no name of a container network"),
        ({"network": "a b"}, "no name of a container network"),
        ({"env": ("TOKEN=value",)}, "no name of a variable"),
        ({"env": ("",)}, "no name of a variable"),
        ({"workspace": "/a:b", "cwd": "/a:b"}, "cannot be mounted"),
        ({"workspace": "relative", "cwd": "relative"}, "cannot be mounted"),
        ({"workspace": "/work", "cwd": "/etc"}, "is not in the workspace"),
        ({"workspace": "/work", "cwd": "/workshop"}, "is not in the workspace"),
        ({"workspace": "/work", "cwd": "/work/../etc"}, "is not in the workspace"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(
    docker: Engine, box: Box, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        run_argv(docker, replace(box, **wrong), run=RUN, argv=("x",))


@pytest.mark.parametrize("argv", [(), ("",)])
def test_no_command_is_refused(docker: Engine, box: Box, argv: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="no command"):
        run_argv(docker, box, run=RUN, argv=argv)


def test_an_image_for_each_provider() -> None:
    assert image_of("claude", {"claude": "agents/claude"}) == "agents/claude"
    with pytest.raises(BadConfig, match="provider 'codex'"):
        image_of("codex", {"claude": "agents/claude"})


def test_an_engine_that_answers_is_found(docker: Engine, env: dict[str, str]) -> None:
    assert engine(env) == docker
    assert [call["argv"] for call in calls(env)] == [["version"]]


def test_podman_serves_where_docker_is_not(tmp_path: Path, env: dict[str, str]) -> None:
    assert engine(env | {"PATH": str(put_client(tmp_path / "bin", "podman").parent)}).kind == "podman"


def test_podman_serves_where_docker_does_not_answer(tmp_path: Path, docker: Engine, env: dict[str, str]) -> None:
    Path(docker.program).write_text("#!/bin/sh\nexit 1\n")
    assert engine(env | {"PATH": str(put_client(tmp_path / "bin", "podman").parent)}).kind == "podman"


def test_nothing_on_the_path_is_refused_with_what_to_do(tmp_path: Path) -> None:
    for env in ({"PATH": str(tmp_path)}, {"PATH": ""}, {}):
        with pytest.raises(Refused, match="no container engine answers: docker: not installed; podman: not") as refusal:
            engine(env)
        assert refusal.value.hint == "install docker or start it, or leave out --sandbox"


@pytest.mark.parametrize(
    ("order", "reason"), [("down", DOWN.rstrip(".")), ("silent", "exit code 1"), ("hangs", "no answer within 0.5 s")]
)
def test_an_engine_that_does_not_answer_is_named_with_its_reason(
    docker: Engine, env: dict[str, str], order: str, reason: str
) -> None:
    with pytest.raises(Refused) as refusal:
        engine(env | {"FAKE_CONTAINER_ENGINE": order}, timeout=0.5 if order == "hangs" else 30)
    assert refusal.value.message == f"no container engine answers: docker: {reason}; podman: not installed"


def test_a_client_that_cannot_be_started_is_named(docker: Engine, env: dict[str, str]) -> None:
    Path(docker.program).write_text("#!/nowhere/at/all\n")
    with pytest.raises(Refused, match="docker: cannot be started: No such file"):
        engine(env)
