"""`genie demo`, and the scripted agent that it starts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from genie.paths import Home
from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error, row

SCRIPT = Path(__file__).parents[2] / "genie" / "cli" / "demo_agent.py"


def agent(folder: Path, name: str, *flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-u", str(SCRIPT), str(folder), name, "engineer", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_until(process: subprocess.Popen[str], word: str) -> list[str]:
    assert process.stdout is not None
    seen = []
    for text in process.stdout:
        seen.append(text)
        if word in text:
            return seen
    pytest.fail(f"{word!r} was not said: {seen}")


def test_the_one_that_crashes_does_so_once_and_remembers(tmp_path: Path) -> None:
    began = time.monotonic()
    with agent(tmp_path, "e3", "--crash") as first:
        lines_until(first, "crashing now, on purpose")
        assert first.wait(20) == -signal.SIGKILL
    assert 4 < time.monotonic() - began < 15
    kept = (tmp_path / "e3.jsonl").read_text().splitlines()
    with agent(tmp_path, "e3", "--crash") as second:
        seen = lines_until(second, "resumed: ")
        assert f"resumed: {len(kept) - 1} lines of my conversation are back" in seen[-1]
        lines_until(second, "●")
        second.kill()
    assert [json.loads(line)["kind"] for line in kept].count("crash") == 1


def test_a_torn_line_does_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "e1.jsonl").write_text('{"kind": "start", "text": ""}\n{"kind": "think", "te')
    with agent(tmp_path, "e1") as process:
        lines_until(process, "resumed: 0 lines")
        process.kill()


def spawning(asked: Asked) -> dict[str, Any]:
    return row(asked.body["name"], team="demo", team_tier=1) | {"decision": "create", "warnings": []}


@pytest.fixture
def demo(peer: Peer) -> Peer:
    peer.answers["POST /v1/teams"] = (409, error("conflict", "there is a team 'demo'"))
    peer.answers["POST /v1/agents"] = spawning
    peer.answers["GET /v1/agents"] = []
    peer.answers["GET /v1/agents/demo-lead/place"] = {
        "socket": "/s",
        "session": "demo",
        "window_id": "@1",
        "pane": "%1",
    }
    return peer


def test_demo_spawns_its_cast_and_says_what_to_try(demo: Peer, genie: Run, home: Home) -> None:
    said = genie("demo")
    assert said.code == 0, said.err
    bodies = [asked.body for asked in demo.asked if f"{asked.method} {asked.path}" == "POST /v1/agents"]
    assert [body["name"] for body in bodies] == ["demo-lead", "demo-engineer-1", "demo-engineer-2", "demo-engineer-3"]
    assert all(body["provider"] == "shell" and body["tags"] == ["demo"] and body["team"] == "demo" for body in bodies)
    assert len({body["color"] for body in bodies}) == 4
    assert [body["name"] for body in bodies if "--crash" in body["command"]] == ["demo-engineer-3"]
    assert bodies[0]["command"][:4] == [sys.executable, "-I", "-u", str(SCRIPT)]
    for words in (
        "kill -9 4711",
        "genie demo --stop",
        "genie attach --team demo",
        "tmux -S /s attach-session -t '=demo'",
    ):
        assert words in said.out


def test_demo_leaves_alone_what_runs_already(demo: Peer, genie: Run) -> None:
    demo.answers["GET /v1/agents"] = [
        row("demo-lead", team="demo"),
        row("demo-engineer-1", team="demo", state="failed"),
    ]
    assert genie("demo", "-h").code == 0
    assert len(genie("demo", "--json").json) == 4
    spawned = [asked.body["name"] for asked in demo.asked if f"{asked.method} {asked.path}" == "POST /v1/agents"]
    assert spawned == ["demo-engineer-1", "demo-engineer-2", "demo-engineer-3"]


def test_demo_stop_takes_back_what_the_demo_made_and_no_more(demo: Peer, genie: Run, home: Home) -> None:
    genie("demo")
    folder = home.root / "demo"
    (folder / "demo-lead.jsonl").touch()
    (folder / "mine.txt").touch()
    demo.answers["GET /v1/agents"] = [row("demo-lead"), row("demo-engineer-1", state="terminated")]
    demo.answers["POST /v1/agents/kill"] = []
    demo.answers["POST /v1/teams/demo/close"] = {"closed": True}
    said = genie("demo", "--stop")
    assert said.out == "ended 1 agents of the demo, closed its tmux session\n"
    assert demo.last("POST /v1/agents/kill").body["names"] == ["demo-lead"]
    assert demo.last("GET /v1/agents").query == {"tag": ["demo"], "team": ["demo"], "all": ["true"]}
    assert [path.name for path in folder.iterdir() if path.name != ".genie-demo"] == ["mine.txt"]
    (folder / "mine.txt").unlink()
    genie("demo", "--stop")
    assert not folder.exists()


def test_demo_stop_without_a_demo(demo: Peer, genie: Run) -> None:
    said = genie("demo", "--stop")
    assert (said.code, said.err) == (0, "genie: no demo runs\n")
