"""Spawn trees: whose child is what an agent spawns, by its token or by the kernel's word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.forest import SLEEP, child, env_of, root, rows, token_of
from tests.fixtures.daemon import Genie, environment
from tests.fixtures.tmux import Tmuxes, until

NO_TOKEN = ("env", "-u", "GENIE_AGENT_TOKEN")


def bare(genie: Genie) -> tuple[str, ...]:
    """A session of its own, and an environment with nothing but what is needed to find genie."""
    return ("setsid", "env", "-i", f"PATH={genie.env['PATH']}", f"GENIE_HOME={genie.home}")


def test_what_an_agent_spawns_is_its_child(genie: Genie) -> None:
    a = root(genie)
    b = child(a, "b")
    made = b.spawn("c", "--prompt", "count to three")
    assert (made["parent"], made["depth"], made["team"], made["state"]) == ("b", 2, "a", "running")
    found = rows(genie)
    assert [(found[name]["parent"], found[name]["root"], found[name]["depth"]) for name in "abc"] == [
        (None, "a", 0),
        ("a", "a", 1),
        ("b", "a", 2),
    ]
    assert {found[name]["orphan"] for name in "abc"} == {False}

    env = env_of(found["c"]["pid"])
    told = {
        "GENIE_AGENT_NAME": "c",
        "GENIE_HOME": str(genie.home),
        "GENIE_PARENT": "b",
        "GENIE_PROVIDER": "shell",
        "GENIE_ROOT": "a",
        "GENIE_RUN_ID": found["c"]["run_id"],
        "GENIE_SESSION_ID": found["c"]["session_id"],
        "GENIE_TEAM": "a",
        "LLM_PROVIDER": "shell",
        "SPAWN_DEPTH": "2",
        "SPAWN_PARENT_PID": str(found["b"]["pid"]),
        "AGENT_GOAL": "count to three",
    }
    assert {key: env.get(key) for key in told} == told
    assert len({token_of(genie, name) for name in "abc"}) == 3
    assert not {"GENIE_PARENT", "GENIE_ROOT", "SPAWN_PARENT_PID"} & set(env_of(found["a"]["pid"]))


def test_a_token_is_written_nowhere(genie: Genie) -> None:
    root(genie).spawn("b")
    tokens = [token_of(genie, name).encode() for name in "ab"]
    files = [path for path in genie.home.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not [path for path in files if any(token in path.read_bytes() for token in tokens)]
    assert not any(token.decode() in genie("show", "a", "--json") + genie("history", "b", "--json") for token in tokens)


@pytest.mark.parametrize("way", ["without the token", "without anything", "away from its parent"])
def test_without_the_token_it_is_a_child_all_the_same(genie: Genie, way: str) -> None:
    a = root(genie, "a", "--limit", "children=1")
    b = child(a, "b")
    if way == "without anything":
        b.spawn("c", by=bare(genie))
        assert b.try_spawn("d", by=bare(genie)).error["limit"] == "children"
    elif way == "without the token":
        b.spawn("c", by=NO_TOKEN)
        assert b.try_spawn("d", by=NO_TOKEN).error["limit"] == "children"
    else:
        loose = "setsid env -u GENIE_AGENT_TOKEN genie spawn c -- sleep 1000 >/dev/null 2>&1 </dev/null &"
        assert b.run("sh", "-c", loose).code == 0
        until(lambda: rows(genie).get("c", {}).get("state") == "running", within=20, what="c")
    found = rows(genie)
    assert set(found) == {"a", "b", "c"}
    assert (found["c"]["parent"], found["c"]["root"], found["c"]["depth"]) == ("b", "a", 2)


def test_a_person_makes_roots_and_may_name_a_parent(genie: Genie) -> None:
    root(genie)
    assert genie.json("spawn", "b", *SLEEP)["parent"] is None
    made = genie.json("spawn", "c", "--parent", "a", *SLEEP)
    assert (made["parent"], made["depth"]) == ("a", 1)
    assert "unknown parent 'nobody'" in genie.refused("spawn", "d", "--parent", "nobody", *SLEEP, code=3)


def test_a_forged_token_is_refused(genie: Genie) -> None:
    a = root(genie)
    for forged in ("x", "0" * len(token_of(genie, "a")), token_of(genie, "a")[:-1]):
        by = ("env", f"GENIE_AGENT_TOKEN={forged}")
        done = a.try_spawn("b", by=by)
        assert (done.code, done.error["code"], done.error["token"]) == (5, "refused", "unknown")
        assert forged not in done.error["message"].split()
    assert genie.run("spawn", "b", *SLEEP, env={"GENIE_AGENT_TOKEN": "0" * 64}).returncode == 5
    assert set(rows(genie)) == {"a"}


def test_the_token_of_an_ended_run_is_refused(genie: Genie) -> None:
    a = root(genie)
    old = {"GENIE_AGENT_TOKEN": token_of(genie, "a")}
    genie("stop", "a")
    said = genie.refused("spawn", "b", *SLEEP, env=old, code=5)
    assert "that of an ended run of 'a'" in said
    genie("resume", "a")
    assert "that of an ended run of 'a'" in genie.refused("spawn", "b", *SLEEP, env=old, code=5)
    done = a.try_spawn("b", by=("env", f"GENIE_AGENT_TOKEN={old['GENIE_AGENT_TOKEN']}"))
    assert (done.code, done.error["token"]) == (5, "expired")
    assert token_of(genie, "a") != old["GENIE_AGENT_TOKEN"]
    assert a.spawn("b")["parent"] == "a"
    genie("kill", "a")
    assert "that of an ended run of 'a'" in genie.refused("spawn", "c", *SLEEP, env=old, code=5)


@pytest.fixture
def other(tmux_directory: Path, tmux_server: Tmuxes, empty_dsn: str) -> Iterator[Genie]:
    """Another GENIE_HOME with a registry of its own."""
    directory = tmux_directory / "other"
    for name in ("user", "project"):
        (directory / name).mkdir(parents=True)
    made = Genie(directory, tmux_server, environment(directory, tmux_server, empty_dsn))
    yield made
    made.end()


def test_the_token_of_another_genie_is_refused(genie: Genie, other: Genie) -> None:
    root(genie)
    other("spawn", "x", *SLEEP)
    token = token_of(other, "x")
    assert "is not a token of this genie" in genie.refused(
        "spawn", "b", *SLEEP, env={"GENIE_AGENT_TOKEN": token}, code=5
    )
    assert set(rows(genie)) == {"a"}


def test_an_agent_cannot_spawn_for_another(genie: Genie) -> None:
    a = root(genie)
    genie("spawn", "other", *SLEEP)
    for by in ((), NO_TOKEN, bare(genie)):
        done = a.try_spawn("b", "--parent", "other", by=by)
        assert (done.code, done.error["code"]) == (5, "refused")
        assert done.error["message"] == "you are in 'a', and cannot spawn for 'other'"
    pid = genie.agent("other")["pid"]
    assert a.try_spawn("b", "--parent-pid", str(pid)).code == 5
    assert set(rows(genie)) == {"a", "other"}
    own = genie.agent("a")["pid"]
    assert a.spawn("b", "--parent-pid", str(own))["parent"] == "a"
    assert a.spawn("c", "--parent", "a")["parent"] == "a"
