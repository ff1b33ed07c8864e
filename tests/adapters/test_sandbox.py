"""A command in a container: what the client is told, what never stands on its command line, and who answers."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from genie.adapters.sandbox import Box, Containers, Engine, container, engine, image_of, kill_argv, run_argv
from genie.domain.errors import BadConfig, BadInput, Failed, Refused
from tests.fakes.container import DOWN

SESSION = UUID("0123abcd-1111-4222-8333-444455556666")
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
    assert run_argv(docker, box, session=SESSION, argv=("claude", "-p", "do it; $HOME")) == (
        *(docker.program, "run", "--rm", "-i", "--init", "--name", "genie-0123abcd"),
        *("--label", f"genie.session={SESSION}"),
        *("-v", f"{box.workspace}:{box.workspace}", "-w", box.cwd, "--network", "none"),
        *("--env", "HOME=/tmp", "--env", "TOKEN", "--env", "GOAL", "--user", "1000:1001"),
        *("example.org/agents/claude:1.2", "claude", "-p", "do it; $HOME"),
    )


def test_a_terminal_is_asked_for(docker: Engine, box: Box) -> None:
    argv = run_argv(docker, replace(box, terminal=True), session=SESSION, argv=("sh",))
    assert argv[:6] == (docker.program, "run", "--rm", "-i", "-t", "--init")


def test_the_command_runs_with_the_variables_that_were_named_and_their_values_are_on_no_command_line(
    docker: Engine, box: Box, env: dict[str, str]
) -> None:
    script = 'printf "%s|%s|%s|%s" "$PWD" "$TOKEN" "$GOAL" "$OTHER"; exit 7'
    argv = run_argv(docker, box, session=SESSION, argv=("sh", "-c", script))
    given = env | {"TOKEN": "s3cret value", "GOAL": "a\nb", "OTHER": "not yours"}
    done = subprocess.run(argv, env=given, capture_output=True, text=True, check=False, timeout=30)
    assert (done.stdout, done.returncode) == (f"{box.cwd}|s3cret value|a\nb|", 7)
    (call,) = calls(env)
    assert "s3cret" not in json.dumps(call)
    assert call["said"]["argv"] == ["sh", "-c", script]


def test_a_variable_named_twice_is_given_once(docker: Engine, box: Box) -> None:
    argv = run_argv(docker, replace(box, env=("A", "B", "A")), session=SESSION, argv=("x",))
    assert [argv[at + 1] for at, word in enumerate(argv) if word == "--env"] == ["HOME=/tmp", "A", "B"]


def test_files_are_mounted_to_be_read(docker: Engine, box: Box, env: dict[str, str], tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text("{}")
    argv = run_argv(docker, replace(box, reads=(str(schema),)), session=SESSION, argv=("cat", str(schema)))
    assert f"{schema}:{schema}:ro" in argv
    assert subprocess.run(argv, env=env, capture_output=True, text=True, check=True, timeout=30).stdout == "{}"


def test_podman_shows_the_workspace_to_its_owner(box: Box) -> None:
    podman = Engine("podman", "/usr/bin/podman")
    assert "--userns" not in run_argv(podman, replace(box, uid=0, gid=0), session=SESSION, argv=("x",))
    argv = run_argv(podman, box, session=SESSION, argv=("x",))
    assert argv[argv.index("--userns") + 1] == "keep-id"


def test_the_end_of_a_container(docker: Engine, env: dict[str, str]) -> None:
    assert kill_argv(docker.program, SESSION) == (docker.program, "kill", container(SESSION))
    subprocess.run(kill_argv(docker.program, SESSION), env=env, check=True, timeout=30)
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
        ({"reads": ("/a:b",)}, "cannot be mounted"),
        ({"reads": ("relative",)}, "cannot be mounted"),
        ({"workspace": "/work", "cwd": "/etc"}, "is not in the workspace"),
        ({"workspace": "/work", "cwd": "/workshop"}, "is not in the workspace"),
        ({"workspace": "/work", "cwd": "/work/../etc"}, "is not in the workspace"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(
    docker: Engine, box: Box, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        run_argv(docker, replace(box, **wrong), session=SESSION, argv=("x",))


@pytest.mark.parametrize("argv", [(), ("",)])
def test_no_command_is_refused(docker: Engine, box: Box, argv: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match="no command"):
        run_argv(docker, box, session=SESSION, argv=argv)


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


# ---- as the use cases have it ----------------------------------------------------------------


@pytest.fixture
def containers() -> Containers:
    return Containers({"claude": "agents/claude", "slim": "agents/slim:2"}, network="none", passed=("KEY", "OTHER"))


@pytest.mark.parametrize(
    ("name", "image"), [("", "agents/claude"), ("slim", "agents/slim:2"), ("registry/own:1", "registry/own:1")]
)
def test_the_image_of_the_provider_one_of_the_settings_or_one_that_is_named(
    containers: Containers, docker: Engine, env: dict[str, str], name: str, image: str
) -> None:
    found = containers.find("claude", name=name, network=None, env=env | {"KEY": "s3cret"})
    assert (found.kind, found.program, found.image, found.network) == ("docker", docker.program, image, "none")
    assert found.env == ("KEY",)
    assert containers.find("claude", name=name, network="host", env=env).network == "host"


def test_what_no_container_could_be_made_of_is_told_before_the_engine_is_asked(
    containers: Containers, docker: Engine, env: dict[str, str]
) -> None:
    with pytest.raises(BadConfig, match="provider 'codex'") as refusal:
        containers.find("codex", name="", network=None, env=env)
    assert "[sandbox.images]" in refusal.value.hint
    with pytest.raises(BadInput, match="no name of a container image"):
        containers.find("codex", name="--privileged", network=None, env=env)
    with pytest.raises(BadInput, match="no name of a container network"):
        containers.find("claude", name="", network="-x", env=env)
    assert not calls(env)


def test_nothing_answers_nothing_is_found(containers: Containers, docker: Engine, env: dict[str, str]) -> None:
    with pytest.raises(Refused, match="no container engine answers"):
        containers.find("claude", name="", network=None, env=env | {"FAKE_CONTAINER_ENGINE": "down"})


def wrapped(containers: Containers, env: dict[str, str], box: Box) -> tuple[str, ...]:
    found = containers.find("claude", name="", network=None, env=env)
    words = ("sh", "-c", 'echo "$GOAL|$HOME"; id -u')
    return containers.wrap(found, words, session=SESSION, workspace=box.workspace, cwd=box.cwd, env=["GOAL"], reads=[])


def test_a_command_is_wrapped_for_the_user_who_runs_it(
    containers: Containers, docker: Engine, box: Box, env: dict[str, str]
) -> None:
    argv = wrapped(containers, env, box)
    assert argv[argv.index("--user") + 1] == f"{os.getuid()}:{os.getgid()}"
    assert "-t" not in argv[: argv.index("agents/claude")]
    given = env | {"GOAL": "ship it", "HOME": "/home/me"}
    done = subprocess.run(argv, env=given, capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == f"ship it|/tmp\n{os.getuid()}\n"


def test_the_container_of_a_session_is_killed_and_no_other(
    containers: Containers, docker: Engine, box: Box, env: dict[str, str]
) -> None:
    argv = wrapped(containers, env, box)
    other = UUID("0123abcd-9999-4222-8333-444455556666")
    ours_or_not = [(other, argv), (SESSION, ("docker", "run", "--rm", "busybox")), (SESSION, argv[1:]), (SESSION, ())]
    assert not [each for each in ours_or_not if containers.made(*each)]
    assert containers.made(SESSION, argv)
    assert containers.end(SESSION, argv, env=env)
    assert [call["argv"] for call in calls(env) if call["said"]["verb"] == "kill"] == [["kill", "genie-0123abcd"]]


@pytest.mark.parametrize(
    "complaint",
    [
        "Error response from daemon: cannot kill container: genie-0123abcd: No such container: genie-0123abcd",
        'Error: no container with name or ID "genie-0123abcd" found: no such container',
        "Error response from daemon: container 5d2e is not running",
    ],
)
def test_a_container_that_has_ended_is_no_trouble(
    containers: Containers, docker: Engine, box: Box, env: dict[str, str], complaint: str
) -> None:
    argv = wrapped(containers, env, box)
    assert not containers.end(SESSION, argv, env=env | {"FAKE_CONTAINER_KILL": complaint})


def test_a_container_that_cannot_be_killed_is_told(
    containers: Containers, docker: Engine, box: Box, env: dict[str, str]
) -> None:
    argv = wrapped(containers, env, box)
    with pytest.raises(Failed, match="genie-0123abcd cannot be killed: Cannot connect"):
        containers.end(SESSION, argv, env=env | {"FAKE_CONTAINER_KILL": DOWN})
    Path(docker.program).unlink()
    with pytest.raises(Failed, match=r"cannot be killed: .*No such file"):
        containers.end(SESSION, argv, env=env)
