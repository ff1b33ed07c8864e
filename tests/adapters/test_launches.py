"""Private files: whole, closed to others, byte for byte, and swept without touching anything else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.launches import FileLaunches
from genie.domain.errors import Failed
from genie.paths import Home

BYTES = b"\xff\xfe raw".decode("utf-8", "surrogateescape")


@pytest.fixture
def launches(home: Home) -> FileLaunches:
    return FileLaunches(home)


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_an_environment_comes_back_as_it_was(launches: FileLaunches) -> None:
    env = {"A": "1", "raw": BYTES, "lines": "a\nb", "é": "😀", "": "x"}
    session = uuid4()
    launches.keep_environment(session, env)
    assert launches.environment(session) == env


def test_no_environment_is_an_empty_one(launches: FileLaunches) -> None:
    assert launches.environment(uuid4()) == {}


def test_a_torn_environment_is_an_error(launches: FileLaunches, home: Home) -> None:
    session = uuid4()
    (home.environments / f"{session}.json").write_text("{")
    with pytest.raises(Failed, match=str(session)):
        launches.environment(session)


def test_a_later_environment_takes_the_place_of_the_first(launches: FileLaunches, home: Home) -> None:
    session = uuid4()
    launches.keep_environment(session, {"A": "1", "B": "2"})
    launches.keep_environment(session, {"A": "3"})
    assert launches.environment(session) == {"A": "3"}
    assert files(home.environments) == [f"{session}.json"]


def test_a_launch_is_whole_and_for_its_owner_only(launches: FileLaunches, home: Home) -> None:
    run = uuid4()
    launches.release(run, argv=("claude", BYTES), env={"SECRET": "x"}, cwd="/tmp")
    path = home.launch / f"{run}.json"
    assert json.loads(path.read_bytes()) == {"argv": ["claude", BYTES], "env": {"SECRET": "x"}, "cwd": "/tmp"}
    assert path.read_bytes().isascii()
    assert path.stat().st_mode & 0o777 == 0o600
    assert files(home.launch) == [path.name]


def test_files_are_closed_whatever_the_umask(launches: FileLaunches, home: Home) -> None:
    before = os.umask(0)
    try:
        launches.keep_environment(uuid4(), {"A": "1"})
        path = launches.keep_prompt(uuid4(), "secret")
    finally:
        os.umask(before)
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert [entry.stat().st_mode & 0o777 for entry in home.environments.iterdir()] == [0o600]


def test_a_withdrawn_launch_is_gone_and_again_is_nothing(launches: FileLaunches, home: Home) -> None:
    run = uuid4()
    launches.release(run, argv=("x",), env={}, cwd="/")
    launches.withdraw(run)
    launches.withdraw(run)
    assert files(home.launch) == []


def test_a_prompt_is_kept_as_text(launches: FileLaunches, home: Home) -> None:
    session = uuid4()
    path = Path(launches.keep_prompt(session, f"do\n'this' 😀 {BYTES}"))
    assert path == home.prompts / f"{session}.md"
    assert path.read_bytes() == "do\n'this' 😀 ".encode() + b"\xff\xfe raw"


def test_a_sweep_takes_only_what_is_over(launches: FileLaunches, home: Home) -> None:
    kept, over, run, old_run = uuid4(), uuid4(), uuid4(), uuid4()
    for session in (kept, over):
        launches.keep_environment(session, {"A": "1"})
        launches.keep_prompt(session, "x")
    for launch in (run, old_run):
        launches.release(launch, argv=("x",), env={}, cwd="/")
    launches.sweep(sessions=frozenset({kept}), runs=frozenset({run}))
    assert (files(home.environments), files(home.prompts)) == ([f"{kept}.json"], [f"{kept}.md"])
    assert files(home.launch) == [f"{run}.json"]


def test_a_sweep_leaves_what_genie_did_not_name(launches: FileLaunches, home: Home) -> None:
    strange = [
        "notes.md",
        "x.json",
        f"{uuid4()}.txt",
        f"{uuid4()}.json.bak",
        f"{uuid4()}x.json",
        str(uuid4()),
        f"a{uuid4()}.md",
    ]
    for name in strange:
        (home.prompts / name).write_text("mine")
    launches.sweep(sessions=frozenset(), runs=frozenset())
    assert files(home.prompts) == sorted(strange)


def test_a_sweep_takes_what_a_crash_left_half_written(launches: FileLaunches, home: Home) -> None:
    (home.environments / f".{uuid4()}.json.a_b1c2d3.tmp").write_text("{")
    launches.sweep(sessions=frozenset(), runs=frozenset())
    assert files(home.environments) == []


def test_a_sweep_where_nothing_was_made_yet(tmp_path: Path) -> None:
    FileLaunches(Home(tmp_path / "none")).sweep(sessions=frozenset(), runs=frozenset())
    assert files(tmp_path) == []


def test_a_directory_that_is_missing_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot write"):
        FileLaunches(Home(tmp_path / "none")).keep_environment(uuid4(), {})


def test_what_has_been_told_is_not_told_again_and_stays_to_be_read(launches: FileLaunches, home: Home) -> None:
    run = uuid4()
    launches.told(run)
    assert files(home.prompts) == []
    path = launches.keep_prompt(run, "do it")
    assert launches.prompt(run) == "do it"
    launches.told(run)
    assert launches.prompt(run) is None
    assert Path(path).read_text() == "do it"
    assert launches.was_told(run)
    launches.untold(run)
    launches.untold(run)
    assert not launches.was_told(run)
    assert launches.prompt(run) == "do it"
    launches.told(run)
    launches.sweep(sessions=frozenset(), runs=frozenset())
    assert files(home.prompts) == []


def test_a_token_is_private_and_kept_until_it_is_forgotten(launches: FileLaunches, home: Home) -> None:
    run = uuid4()
    assert launches.token(run) is None
    launches.keep_token(run, "secret")
    (path,) = home.launch.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert launches.token(run) == "secret"
    launches.forget_token(run)
    launches.forget_token(run)
    assert launches.token(run) is None


def test_a_token_of_nobody_is_swept(launches: FileLaunches, home: Home) -> None:
    kept, lost = uuid4(), uuid4()
    for run in (kept, lost):
        launches.keep_token(run, "secret")
    launches.sweep(sessions=frozenset(), runs=frozenset({kept}))
    assert [path.name for path in home.launch.iterdir()] == [f"{kept}.token"]
    launches.withdraw(kept)
    assert launches.token(kept) is None


def test_a_token_that_cannot_be_read_is_an_error(launches: FileLaunches, home: Home) -> None:
    run = uuid4()
    (home.launch / f"{run}.token").mkdir()
    with pytest.raises(Failed, match="cannot read"):
        launches.token(run)


def test_a_sweep_takes_what_status_lines_of_runs_that_are_over_have_told(launches: FileLaunches, home: Home) -> None:
    home.status.mkdir(parents=True)
    kept, over = uuid4(), uuid4()
    for name in (str(kept), str(over), "mine"):
        (home.status / name).write_text("0.1")
    launches.sweep(sessions=frozenset({over}), runs=frozenset({kept}))
    assert {path.name for path in home.status.iterdir()} == {str(kept), "mine"}
