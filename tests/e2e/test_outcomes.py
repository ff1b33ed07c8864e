"""What sessions come to, submit and leave behind: with real panes and a real registry."""

from __future__ import annotations

import json
import shutil
import subprocess

from tests.fixtures.daemon import Genie
from tests.fixtures.tmux import until

SCHEMA = '{"type": "object", "required": ["green"]}'
SUBMITS = """
genie done --result 'all green'; echo "not JSON: $?"
genie done --result '{}'; echo "not the schema: $?"
genie done --result '{"green": 1}'; echo "it fits: $?"
printf '{"green": 2}\\n' | genie done --result-file -; echo "again: $?"
"""
ENDS = "printf 'half a line'; exit 3"


def test_what_sessions_come_to(genie: Genie) -> None:
    genie("run", "--name", "ada", "--tag", "t", "--json-schema", SCHEMA, "--wait", "--", "sh", "-c", SUBMITS)
    assert genie("output", "ada") == '{"green": 2}\n'
    told = genie("events", "ada", "--type", "stdout", "--json").splitlines()
    assert "\n".join(json.loads(line)["payload"]["text"] for line in told).splitlines() == [
        "not JSON: 2",
        "not the schema: 2",
        "it fits: 0",
        "again: 0",
    ]
    assert genie.run("run", "--name", "bob", "--tag", "t", "--wait", "--", "sh", "-c", ENDS).returncode == 3
    genie("run", "--name", "cyd", "--tag", "t", "--", "sleep", "1000")
    assert genie("output", "bob") == "half a line"
    assert "has no result yet" in genie.refused("output", "cyd", code=1)
    assert "you are nobody" in genie.refused("done", "--result", "x", code=3)
    ada, bob, cyd = genie.json("collect", "ada", "--tag", "t")
    assert (ada["status"], ada["structured"], ada["error"]) == ("completed", {"green": 2}, None)
    assert (bob["status"], bob["result_text"], bob["error"]) == ("failed", "half a line", "exit (exit code 3)")
    assert (cyd["status"], cyd["result_text"]) == ("running", None)
    assert cyd["usage"] == {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0, "cost": None}
    assert [row["name"] for row in genie.json("summary", "--tag", "t", "--stats")] == ["ada", "bob", "cyd"]
    assert genie.json("summary", "bob")[0]["duration"] > 0


def files(genie: Genie) -> set[str]:
    return {path.name for path in genie.home.glob("sessions/*")} | {
        path.stem for path in genie.home.glob("logs/sessions/*")
    }


def test_what_is_left_behind_goes_and_nothing_else(genie: Genie) -> None:
    _repository(genie)
    genie("run", "--name", "work", "--worktree", "work", "--wait", "--", "sh", "-c", "echo x > new")
    genie("run", "--name", "kept", "--keep", "--worktree", "spare", "--wait", "--", "true")
    lives = genie.json("run", "--name", "lives", "--", "sleep", "1000")["session_id"]
    genie.until_state("lives", "running")
    pane = genie.agent("kept")["pane"]
    before = files(genie)
    assert all(pile["count"] == 0 for pile in genie.json("gc"))
    dry = {pile["what"]: pile for pile in genie.json("gc", "--older-than", "0s")}
    assert (files(genie), dry["logs"]["count"], dry["panes"]["names"]) == (before, 4, [f"{pane} (kept)"])
    done = {pile["what"]: pile for pile in genie.json("gc", "--older-than", "0s", "--force")}
    assert {what: pile["removed"] for what, pile in done.items() if what != "samples"} == {
        what: pile["count"] for what, pile in dry.items() if what != "samples"
    }
    assert files(genie) == {lives}
    until(lambda: pane not in [one for one, _, _ in genie.panes()], what="the pane to be closed")
    assert [path.name for path in genie.home.glob("worktrees/*/*") if path.is_dir()] == ["work"]
    assert genie.state("lives") == "running"
    assert genie.json("collect", "kept")[0]["status"] == "completed"
    assert genie.kinds("kept")[-2:] == ["done", "worktree_removed"]


def _repository(genie: Genie) -> None:
    """The project is one, with a commit."""
    git = shutil.which("git")
    assert git
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run([git, *words], cwd=genie.project, env=genie.env, check=True)
