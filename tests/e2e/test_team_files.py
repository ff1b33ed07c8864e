"""Teams by their file: up, deaths, up again, down, up: the same conversations; and templates that are kept in step."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import psycopg

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

TEAM = """
name: shop
layout: mosaic
lead: boss
members:
  - name: boss
    template: team-lead
    prompt: lead them
  - name: dev
    template: engineer
    count: 3
    prompt: build it
    tags: [code]
    after: [boss]
  - name: judge
    template: reviewer
    prompt: read it
    after: [dev]
"""
FIVE = ["boss", "dev-1", "dev-2", "dev-3", "judge"]


def write(genie: Genie, text: str = TEAM) -> Path:
    path = genie.project / ".genie" / "team.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def sessions(genie: Genie) -> dict[str, str]:
    return {row["name"]: str(row["session_id"]) for row in genie.rows()}


def did(told: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["outcome"] for step in told["steps"]}


def shown(genie: Genie, name: str, text: str) -> None:
    until(lambda: text in genie.screen(name), what=f"{text} in the pane of {name}")


def test_up_deaths_up_down_up_are_the_same_conversations(genie: Genie) -> None:
    write(genie)
    rehearsed = genie.json("team", "up", "--dry-run")
    assert [(step["does"], step["name"]) for step in rehearsed["steps"]] == [
        ("create", "shop"), *(("spawn", name) for name in FIVE),
    ]  # fmt: skip
    assert (genie.rows(), genie.json("team", "ls")) == ([], [])

    told = genie.json("team", "up")
    assert did(told) == {"shop": "created"} | dict.fromkeys(FIVE, "spawned")
    first = sessions(genie)
    assert sorted(first) == FIVE
    prompts = dict.fromkeys(FIVE[1:4], "build it") | {"boss": "lead them", "judge": "read it"}
    for name, prompt in prompts.items():
        shown(genie, name, f"ok: {prompt}")
    (team,) = genie.json("team", "ls")
    assert (team["name"], team["lead"], team["layout"], team["agents"]) == ("shop", "boss", "mosaic", 5)
    assert did(genie.json("team", "up")) == dict.fromkeys(FIVE, "left")

    before = {name: genie.agent(name) for name in ("dev-2", "judge")}
    for row in before.values():
        os.kill(row["pid"], signal.SIGKILL)
    genie("team", "up")  # beside the daemon, which brings them back as well
    for name, row in before.items():
        genie.until_again(name, row)
    assert sessions(genie) == first

    assert set(did(genie.json("team", "down")).values()) == {"stopped"}
    assert {row["state"] for row in genie.rows()} == {"suspended"}
    assert genie.json("team", "down")["steps"] == []
    assert did(genie.json("team", "up")) == dict.fromkeys(FIVE, "resumed")
    assert {name: genie.state(name) for name in FIVE} == dict.fromkeys(FIVE, "running")
    assert sessions(genie) == first
    for name in FIVE:
        shown(genie, name, f"resumed {first[name]}")
    prompted = [start["argv"][-1] for start in genie.starts() if "--session-id" in start["argv"]]
    assert sorted(prompted) == sorted(prompts.values())


def test_a_member_that_waits_for_one_to_be_done(genie: Genie) -> None:
    gate = genie.project / "gate"
    write(
        genie,
        f"""
name: pipe
members:
  - name: build
    command: [sh, -c, 'until [ -e {gate} ]; do sleep 0.1; done']
  - name: tests
    command: [sh, -c, 'echo went; exec sleep 600']
    after: [build]
    until: done
""",
    )
    assert did(genie.json("team", "up")) == {"pipe": "created", "build": "spawned", "tests": "spawned"}
    assert genie.state("tests") == "queued"
    assert genie.json("explain", "tests")["next"]["reason"] == "waits for build"
    gate.touch()
    genie.until_state("tests", "running")
    assert genie.state("build") == "done"
    assert did(genie.json("team", "up")) == {"build": "left", "tests": "left"}


def test_teams_change_and_end(genie: Genie) -> None:
    genie("team", "create", "old")
    genie("spawn", "ada", "--team", "old", "--", "sleep", "600")
    genie("spawn", "bob", "--", "sleep", "600")
    genie("team", "add", "old", "bob")
    assert {row["name"]: row["team"] for row in genie.rows()} == {"ada": "old", "bob": "old"}
    assert "genie team down old" in genie.refused("team", "rename", "old", "new", code=6)
    genie("team", "down", "old")
    genie("team", "rename", "old", "new")
    genie("team", "archive", "new")
    assert genie.json("team", "ls", "--all")[-1]["name"] == "new"
    assert [row["name"] for row in genie.json("ls")] == []
    assert "is archived" in genie.refused("spawn", "ada", code=6)
    genie("team", "unarchive", "new")
    genie("resume", "ada")
    assert genie.agent("ada")["tmux_session"] == "new"
    ended = genie.json("team", "disband", "new")
    assert (ended["agents"], sorted(ended["ended"])) == (["ada", "bob"], ["ada", "bob"])
    assert {row["state"] for row in genie.rows()} == {"terminated"}
    assert [row["name"] for row in genie.json("team", "ls", "--all")] == ["bob"]
    assert "there is no team 'new'" in genie.refused("team", "show", "new", code=3)
    assert genie.json("spawn", "ada", "--team", "bob", "--", "true")["decision"] == "create"
    genie("team", "create", "new")


def test_the_registry_follows_the_template_files(genie: Genie) -> None:
    path = Path(genie("template", "new", "writer", "--user").strip())
    assert path == genie.home / "agents" / "writer" / "AGENTS.md"
    assert "is there already" in genie.refused("template", "new", "writer", "--user", code=4)
    spawned = genie.json("spawn", "writer", "--team", "writer") if genie("team", "create", "writer") else {}
    before = genie.json("show", "writer")["argv"]

    def kept() -> str | None:
        """The prompt that the registry has of it."""
        with psycopg.connect(genie.env["GENIE_DATABASE_URL"]) as connection:
            found = connection.execute("select prompt from agent_templates where source = %s", [str(path)]).fetchone()
        return str(found[0]) if found else None

    path.write_text("---\nmodel: small\n---\nWrite.\n")
    until(
        lambda: kept() == "Write.", what="the daemon's look"
    )  # by itself, and long before it looks without being told
    assert genie.json("show", "writer")["argv"] == before
    assert genie.json("template", "show", "writer")["fields"]["model"] == "small"
    path.write_text("---\nmodle: small\n---\n")
    until(lambda: kept() is None, what="the daemon's look")
    said = genie.run("template", "check", "writer")
    assert said.returncode == 2
    assert f"{path}:2: field 'modle': unknown field — did you mean 'model'?" in said.stderr
    refused = genie.refused("spawn", "other", "--role", "writer", "--team", "writer", code=2)
    assert "did you mean 'model'?" in refused
    assert spawned["state"] == "running"
