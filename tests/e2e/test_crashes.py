"""SIGKILL of the daemon at each step of a spawn, a resume, a stop and a kill, and a restart after it."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from tests.e2e.dying import crash_at
from tests.fixtures.daemon import Genie, belonging
from tests.fixtures.tmux import until

START = ("start.created", "start.dressed", "start.released", "start.before_commit", "start.committed")
SPAWN = ("spawn.committed", *START)
RESUME = ("reconcile.declared", "resume.before_commit", "resume.claimed", "resume.cleared", *START)
FINISH = ("finish.ended", "finish.closed", "finish.before_commit")


def mains(genie: Genie) -> list[int]:
    """The processes of agents that live in panes."""
    panes = genie.tmux("list-panes", "-a", "-F", "#{pane_pid}").split()
    return [process.pid for process in belonging(genie.home) if str(process.pid) in panes]


def whole(genie: Genie, name: str, *, starts: int) -> None:
    """The agent runs once, in one pane, on one session, and was started no more often than it should."""
    row = genie.until_state(name, "running")
    until(lambda: len(genie.starts()) == starts, what=f"{starts} starts")
    until(lambda: mains(genie) == [row["pid"]], what="its process alone")
    assert [(pane, run) for pane, run, _ in genie.panes()] == [(row["pane"], row["run_id"])]
    assert not list((genie.home / "launch").iterdir())
    assert set(sessions(genie)) == {row["session_id"]}


def sessions(genie: Genie) -> list[str]:
    """The session id of each start of a fake agent."""
    argvs = [start["argv"] for start in genie.starts() if "argv" in start]
    return [argv[argv.index(flag) + 1] for argv in argvs for flag in ("--session-id", "--resume") if flag in argv]


@pytest.mark.parametrize("point", SPAWN)
def test_a_daemon_that_dies_in_a_spawn(genie: Genie, point: str) -> None:
    pid = crash_at(genie, point)
    assert genie.run("spawn", "engineer", "--prompt", "once").returncode != 0
    genie.until_gone(pid)
    whole(genie, "engineer", starts=1)
    until(lambda: "ok: once" in genie.screen("engineer"), what="the answer to the prompt")
    assert genie.agent("engineer")["resume_attempts"] == 0


def test_a_spawn_that_was_not_written_leaves_nothing(genie: Genie) -> None:
    pid = crash_at(genie, "spawn.before_commit")
    assert genie.run("spawn", "engineer").returncode == 7
    genie.until_gone(pid)
    assert genie.json("ls", "--all") == []
    assert genie.panes() == []
    assert genie.json("spawn", "engineer")["decision"] == "create"


@pytest.mark.parametrize("point", RESUME)
def test_a_daemon_that_dies_in_a_resume(genie: Genie, point: str) -> None:
    row = genie.json("spawn", "engineer", "--prompt", "[[child:setsid]] once")
    until(lambda: "ok:" in genie.screen("engineer"), what="the answer to the prompt")
    until(lambda: genie.agent("engineer")["activity"] == "idle", what="the end of its turn")
    pid = crash_at(genie, point)
    children = {process.pid for process in belonging(genie.home)} - {row["pid"]}
    os.kill(row["pid"], signal.SIGKILL)
    genie.until_gone(pid)
    genie.until_again("engineer", row)
    whole(genie, "engineer", starts=3)
    after = genie.agent("engineer")
    assert (after["pane"], after["resume_attempts"]) == (row["pane"], 1)
    until(lambda: not any(map(psutil.pid_exists, children)), what="the end of what the dead run left behind")


@pytest.mark.parametrize(("verb", "state"), [("stop", "suspended"), ("kill", "terminated")])
@pytest.mark.parametrize("point", ["wanted", *FINISH])
def test_a_daemon_that_dies_in_a_stop_or_kill(genie: Genie, verb: str, state: str, point: str) -> None:
    pid = crash_at(genie, f"{verb}.wanted" if point == "wanted" else point)
    genie.json("spawn", "engineer")
    assert genie.run(verb, "engineer").returncode != 0
    genie.until_gone(pid)
    genie.until_state("engineer", state)
    assert not belonging(genie.home)
    assert genie.panes() == []


def hooked(genie: Genie) -> bool:
    """Whether a daemon is there. tmux may miss the signal of its child's end, and is reminded as by any other child."""
    server = genie.tmux.call("display-message", "-p", "#{pid}").stdout.strip()
    if server:
        os.kill(int(server), signal.SIGCHLD)
    return genie.daemon_pid() is not None


def test_the_hook_of_tmux_starts_a_daemon_that_is_gone(genie: Genie) -> None:
    row = genie.json("spawn", "engineer")
    genie.kill_daemon()
    os.kill(row["pid"], signal.SIGKILL)
    until(lambda: hooked(genie), within=20, what="a daemon started by the hook")
    genie.until_again("engineer", row)


def test_what_died_while_the_daemon_was_away_comes_back_with_it(genie: Genie) -> None:
    rows = [genie.json("spawn", name, "--role", "engineer") for name in ("one", "two")]
    genie.kill_daemon()
    genie.tmux("set-hook", "-pu", "-t", rows[0]["pane"], "pane-died")
    os.kill(rows[0]["pid"], signal.SIGKILL)
    genie("daemon", "start")
    again = genie.until_again("one", rows[0])
    assert again["session_id"] == rows[0]["session_id"]
    assert genie.agent("two")["run_id"] == rows[1]["run_id"]


def test_many_panes_that_die_together_start_one_daemon(genie: Genie) -> None:
    genie("team", "create", "crowd")
    for number in range(6):
        genie("spawn", f"w{number}", "--team", "crowd", "--restart", "never", "--", "sleep", "1000")
    pids = [row["pid"] for row in genie.json("ls")]
    genie.kill_daemon()
    before = (genie.home / "logs" / "daemon.log").read_text().count('"event": "started"')
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    until(lambda: hooked(genie), within=20, what="a daemon started by a hook")
    for number in range(6):
        genie.until_state(f"w{number}", "failed")
    assert (genie.home / "logs" / "daemon.log").read_text().count('"event": "started"') == before + 1
    out = genie.home / "logs" / "daemon.out"
    assert "a daemon runs already" not in (out.read_text() if out.exists() else "")
