"""The invariants of docs/lifecycle.md, on real tmux, PostgreSQL and processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from genie.adapters.processes import SystemProcesses
from genie.client import Daemon
from genie.client.api import Genie as Client
from genie.paths import Home
from tests.fixtures.daemon import Genie, belonging
from tests.fixtures.tmux import until

DIES_AFTER_3 = (sys.executable, "-c", "import time; time.sleep(3); raise SystemExit(7)")


def test_a_command_that_dies_after_3_s_is_resumed_exactly_3_times_and_then_is_silent(genie: Genie) -> None:
    genie("spawn", "mayfly", "--", *DIES_AFTER_3)
    row = genie.until_state("mayfly", "failed", within=40)
    assert (row["reason"], row["resume_attempts"], row["exit_code"]) == ("exhausted", 3, 7)
    kinds = genie.kinds("mayfly")
    assert kinds.count("resumed") == 3
    assert kinds.count("died") == 4
    assert kinds.count("exhausted") == 1
    runs = genie.json("show", "mayfly")["runs"]
    assert [run["attempt"] for run in runs] == [3, 2, 1, 0]
    starts = [event["at"] for event in genie.json("history", "mayfly") if event["kind"] == "agent.resume_claimed"]
    assert len(set(starts)) == 3
    passes = genie.json("daemon", "status")["heartbeat"]["passes"]
    until(lambda: genie.json("daemon", "status")["heartbeat"]["passes"] >= passes + 4, what="four more passes")
    assert genie.kinds("mayfly") == kinds
    genie("resume", "mayfly")
    assert genie.agent("mayfly")["resume_attempts"] == 0


def test_fifty_spawns_of_one_name_at_once_give_one_canonical_and_49_parallels(genie: Genie) -> None:
    genie("team", "create", "crowd")
    genie("daemon", "start")
    client = Client(Daemon(Home(genie.home), start=False))
    caller = {"cwd": str(genie.project), "env": genie.env, "pid": os.getpid()}
    body = {"name": "one", "team": "crowd", "command": ["sleep", "1000"], "caller": caller}
    with ThreadPoolExecutor(50) as pool:
        made = list(pool.map(lambda _: Daemon(Home(genie.home)).request("POST", "/v1/agents", body), range(50)))
    assert sorted(row["decision"] for row in made) == ["create"] + ["parallel"] * 49
    assert len({row["name"] for row in made}) == 50
    rows = client.ls()
    assert {row["state"] for row in rows} == {"running"}
    owned = {(row["pane"], row["run_id"]) for row in rows}
    assert {(pane, run) for pane, run, _ in genie.panes()} == owned
    assert len(owned) == 50
    client.kill(team="crowd")
    assert genie.panes() == []


def test_a_recycled_pane_id_is_never_touched(genie: Genie) -> None:
    """After a restart of the tmux server its ids begin anew: a stranger has the number of an agent's pane."""
    genie("team", "create", "simone")
    before = genie.json("spawn", "engineer", "--team", "simone", "--no-auto-resume")
    genie.kill_daemon()
    genie.tmux.end()
    strangers = [genie.tmux("new-session", "-d", "-P", "-F", "#{pane_id}", "cat")]
    while before["pane"] not in strangers:
        strangers.append(genie.tmux("new-window", "-d", "-P", "-F", "#{pane_id}", "cat"))
    pid = genie.tmux("display-message", "-p", "-t", before["pane"], "#{pane_pid}")

    row = genie.until_state("engineer", "failed")
    assert row["reason"] == "exit"
    assert genie.run("read", "engineer").returncode in (5, 6)
    genie("kill", "engineer")
    assert genie.tmux("display-message", "-p", "-t", before["pane"], "#{pane_pid}") == pid
    assert genie.tmux("capture-pane", "-p", "-t", before["pane"]).strip() == ""


def test_a_pane_that_somebody_else_took_over_is_left_alone(genie: Genie) -> None:
    row = genie.json("spawn", "engineer")
    genie.tmux("respawn-pane", "-k", "-t", row["pane"], "cat")
    after = genie.until_again("engineer", row)
    assert after["pane"] != row["pane"]
    assert "pane_foreign" in genie.kinds("engineer")
    assert genie.tmux("display-message", "-p", "-t", row["pane"], "#{pane_current_command}") == "cat"
    genie("kill", "engineer")
    assert genie.tmux("display-message", "-p", "-t", row["pane"], "#{pane_current_command}") == "cat"


def test_a_tmux_server_that_does_not_answer_changes_nothing(genie: Genie) -> None:
    row = genie.json("spawn", "engineer")
    server = int(genie.tmux("display-message", "-p", "#{pid}"))
    kinds = genie.kinds("engineer")
    os.kill(server, signal.SIGSTOP)
    try:
        passes = genie.json("daemon", "status")["heartbeat"]["passes"]
        until(lambda: genie.json("daemon", "status")["heartbeat"]["passes"] >= passes + 2, within=40, what="two passes")
        assert genie.agent("engineer")["state"] == "running"
        assert genie.kinds("engineer") == kinds
        assert genie.json("ls")[0]["name"] == "engineer"
    finally:
        os.kill(server, signal.SIGCONT)
    assert genie.agent("engineer")["run_id"] == row["run_id"]


def test_a_killed_tmux_server_with_two_teams_comes_back_as_it_was(genie: Genie) -> None:
    names = {"red": [f"r{n}" for n in range(4)], "blue": [f"b{n}" for n in range(4)]}
    for team, members in names.items():
        genie("team", "create", team, "--layout", "mosaic" if team == "red" else "vertical")
        for name in members:
            genie("spawn", name, "--role", "engineer", "--team", team, "--prompt", f"I am {name}")
    for name in (name for members in names.values() for name in members):
        until(lambda: "ok:" in genie.screen(name), what=f"the answer of {name}")  # noqa: B023
    before = {row["name"]: row for row in genie.json("ls")}
    layouts = _geometry(genie)

    genie.tmux.end()
    for name in before:
        genie.until_again(name, before[name], within=40)

    after = {row["name"]: row for row in genie.json("ls")}
    for name, row in after.items():
        kept = ("session_id", "tmux_session", "window", "team")
        assert [row[key] for key in kept] == [before[name][key] for key in kept]
        until(lambda: f"resumed {row['session_id']} (2 messages)" in genie.screen(name), what=f"the talk of {name}")  # noqa: B023
    assert _geometry(genie) == layouts


def _geometry(genie: Genie) -> list[str]:
    """Session, window and place of every agent's pane, without who is where."""
    said = genie.tmux("list-panes", "-a", "-F", "#{session_name} #{window_name} #{pane_left} #{pane_top} #{pane_width}")
    return sorted(said.splitlines())


def test_stop_and_kill_say_what_is_wanted_before_they_do_it(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie(GENIE_FAULT_POINT="kill.wanted")
    row = genie.json("spawn", "engineer")
    done = genie.run("kill", "engineer")
    assert done.returncode != 0
    assert psutil.pid_exists(row["pid"])
    genie.env.pop("GENIE_FAULT_POINT")
    genie.until_state("engineer", "terminated")
    assert SystemProcesses().started(row["pid"]) is None  # its parent may not have taken note of it yet
    assert genie.panes() == []


def test_tools_of_a_dead_run_are_ended_before_the_resume(genie: Genie) -> None:
    row = genie.json("spawn", "engineer", "--prompt", "[[child:setsid]][[child:double]][[child:nohup]]")
    until(lambda: sum("child" in start for start in map(str, genie.starts())) >= 3, what="three children")
    until(lambda: len(belonging(genie.home)) >= 4, what="the tree")
    old = {process.pid for process in belonging(genie.home)}
    os.kill(row["pid"], signal.SIGKILL)
    genie.until_again("engineer", row)
    assert not old & {process.pid for process in belonging(genie.home)}


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_the_whole_tree_is_ended(genie: Genie, verb: str) -> None:
    genie.json("spawn", "engineer", "--prompt", "[[child:setsid]][[child:double]][[child:nohup]][[child:plain]]")
    until(lambda: len(belonging(genie.home)) >= 5, what="the tree")
    genie(verb, "engineer")
    assert not belonging(genie.home)


def test_reading_writes_nothing(genie: Genie) -> None:
    genie.json("spawn", "engineer")
    before = genie.kinds("engineer")
    for words in (("ls",), ("show", "engineer"), ("explain", "engineer"), ("read", "engineer"), ("doctor",)):
        genie.run(*words)
    assert genie.kinds("engineer") == before


def test_explain_says_what_the_daemon_will_do(make_genie: Callable[..., Genie]) -> None:
    genie = make_genie(GENIE_RESUME__COOLDOWN="1h")
    row = genie.json("spawn", "engineer")
    os.kill(row["pid"], signal.SIGKILL)
    again = genie.until_again("engineer", row)
    os.kill(again["pid"], signal.SIGKILL)
    dead = genie.until_state("engineer", "dead")
    said = genie.json("explain", "engineer")
    assert (said["next"]["decision"], said["next"]["reason"]) == ("wait", "cooldown between attempts")
    assert said["next"]["until"] == dead["next_resume_at"]


def test_a_faulty_agent_does_not_stop_the_pass_over_the_others(genie: Genie) -> None:
    """One agent's environment file is damaged: it cannot be resumed, the others can."""
    bad, good = genie.json("spawn", "bad", "--role", "engineer"), genie.json("spawn", "good", "--role", "engineer")
    (genie.home / "environments" / f"{bad['session_id']}.json").write_text("{")
    os.kill(bad["pid"], signal.SIGKILL)
    genie.until_state("bad", "dead")
    os.kill(good["pid"], signal.SIGKILL)
    genie.until_again("good", good)
    assert genie.state("bad") in ("dead", "failed")
