"""Where panes go, and that nothing of the user's own tmux is changed by it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.daemon import Genie
from tests.fixtures.quick import quick
from tests.fixtures.tmux import until

GEOMETRY = "#{pane_id} #{pane_left} #{pane_top} #{pane_width} #{pane_height}"
HOSTILE = """
set -g base-index 5
set -g pane-base-index 3
set -g default-command false
set -g automatic-rename on
set -g allow-rename on
set -g destroy-unattached on
set -g history-limit 3
set -g remain-on-exit off
set -g pane-border-status bottom
set -g pane-border-format hostile
set -g synchronize-panes on
set -g mode-keys vi
set -g default-size 60x15
set -g window-size smallest
set -g status-position top
set -g update-environment ''
set -g word-separators ' '
set -g set-titles on
set-hook -g after-split-window 'select-layout even-horizontal'
"""


def inside(genie: Genie, pane: str, verb: str, *words: str) -> dict[str, Any]:
    """What the command prints when it is typed into that pane, whose shell has tmux's own variables."""
    script, result = genie.directory / "typed", genie.directory / "typed.json"
    result.unlink(missing_ok=True)
    env = [f"{key}={value}" for key, value in genie.env.items()]
    command = shlex.join([sys.executable, "-m", "genie", verb, "--json", *words])
    script.write_text(
        f"cd {shlex.quote(str(genie.project))}\n"
        f'env -i {shlex.join(env)} TMUX="$TMUX" TMUX_PANE="$TMUX_PANE" {command} > {result}.new\n'
        f"mv {result}.new {result}\n"
    )
    genie.tmux("send-keys", "-t", pane, f"sh {shlex.quote(str(script))}", "Enter")
    until(result.exists, within=60, what="the answer to what was typed")
    told: dict[str, Any] = json.loads(result.read_text())
    return told


def around(genie: Genie, pane: str) -> dict[str, str]:
    """The environment of a caller in that pane."""
    return {"TMUX": f"{genie.tmux.socket},1,0", "TMUX_PANE": pane}


def global_options(genie: Genie) -> list[str]:
    return [genie.tmux("show-options", flag) for flag in ("-g", "-gw", "-s")] + [genie.tmux("show-hooks", "-g")]


def rows(genie: Genie, target: str, fmt: str) -> list[str]:
    return genie.tmux("list-panes", "-t", target, "-F", fmt).splitlines()


def arranged(genie: Genie, window: str, layout: str) -> bool:
    """Whether the panes lie as tmux itself would put them."""
    before = genie.tmux("display-message", "-p", "-t", window, "#{window_layout}")
    genie.tmux("select-layout", "-t", window, layout)
    return genie.tmux("display-message", "-p", "-t", window, "#{window_layout}") == before


@pytest.fixture
def home(genie: Genie) -> str:
    """A session of the user's with one window of two panes; the pane of its shell."""
    shell = genie.tmux("new-session", "-d", "-s", "mine", "-n", "work", "-x200", "-y50", "-P", "-F", "#{pane_id}", "sh")
    genie.tmux("split-window", "-d", "-h", "-l", "30", "-t", shell, "cat")
    genie.tmux("set-option", "-w", "-t", shell, "pane-border-status", "bottom")
    genie.tmux("set-option", "-w", "-t", shell, "main-pane-width", "77")
    return shell


def test_from_within_tmux_the_pane_is_made_beside_the_caller(genie: Genie, home: str) -> None:
    other = rows(genie, "=mine:work", GEOMETRY)[1]
    options = [genie.tmux("show-options", *flags, "-t", home) for flags in ((), ("-w",), ("-p",))]
    unchanged = global_options(genie)
    made = inside(genie, home, "spawn", "build", "--", "cat")
    assert (made["tmux_session"], made["window"], made["team"]) == ("mine", "work", "build")
    panes = {line.split()[0]: line for line in rows(genie, "=mine:work", GEOMETRY)}
    assert len(panes) == 3
    assert made["pane"] in panes
    assert panes[other.split()[0]] == other
    assert genie.tmux("display-message", "-p", "-t", "=mine:", "#{pane_id}") == home
    assert [genie.tmux("show-options", *flags, "-t", home) for flags in ((), ("-w",), ("-p",))] == options
    assert "mine" not in [row["tmux_session"] for row in genie.json("team", "ls")]

    os.kill(made["pid"], signal.SIGKILL)
    again = genie.until_again("build", made)
    assert again["pane"] == made["pane"]
    genie("kill", "build")
    assert rows(genie, "=mine:work", "#{pane_id}") == [home, other.split()[0]]
    assert global_options(genie) == unchanged

    genie("team", "create", "simone")
    asked = inside(genie, home, "spawn", "build", "--team", "simone", "--", "cat")
    assert (asked["tmux_session"], asked["window"]) == ("simone", "simone")
    beside = genie.json("spawn", "second", "--team", "simone", "--", "cat", env=around(genie, home))
    assert (beside["tmux_session"], beside["window"]) == ("simone", "simone")
    assert genie.tmux("show-options", "-p", "-t", asked["pane"], "remain-on-exit") == "remain-on-exit on"
    for pane in (home, other.split()[0]):
        assert genie.tmux("show-options", "-p", "-t", pane) == ""
    genie.tmux("send-keys", "-t", home, "exit", "Enter")
    until(lambda: home not in genie.tmux("list-panes", "-a", "-F", "#{pane_id}").split(), what="the end of the shell")
    assert global_options(genie) == unchanged


def test_windows_and_sessions_by_name(genie: Genie, home: str) -> None:
    here = around(genie, home)
    genie.tmux("new-window", "-d", "-t", "=mine:", "-n", "build-tools", "cat")
    own = genie.json("spawn", "one", "--new-window", "--", "cat", env=here)
    assert (own["tmux_session"], own["window"]) == ("mine", "one")
    assert len(rows(genie, "=mine:one", "x")) == 1
    made = genie.json("spawn", "two", "--window", "build", "--", "cat", env=here)
    picked = genie.json("spawn", "three", "--window", "build", "--", "cat", env=here)
    assert (made["tmux_session"], made["window"], picked["window"]) == ("mine", "build", "build")
    assert rows(genie, "=mine:=build", "#{pane_id}") == [made["pane"], picked["pane"]]
    assert len(rows(genie, "=mine:=build-tools", "x")) == 1
    theirs = genie.json("spawn", "four", "--window", "build-tools", "--", "cat", env=here)
    assert theirs["pane"] in rows(genie, "=mine:=build-tools", "#{pane_id}")
    assert genie.tmux("display-message", "-p", "-t", "=mine:", "#{window_name}") == "work"

    genie.tmux("new-session", "-d", "-s", "other", "-x200", "-y50", "cat")
    done = genie.run("spawn", "five", "--session", "other", "--json", "--", "cat")
    assert json.loads(done.stdout)["tmux_session"] == "other"
    assert "'other' is not that of team five" in done.stderr
    plain = genie.json("spawn", "six", "--", "cat")
    assert (plain["tmux_session"], plain["window"]) == ("six", "six")
    genie("team", "create", "far", "--session", "farm")
    far = genie.json("spawn", "seven", "--team", "far", "--new-window", "--", "cat")
    assert (far["tmux_session"], far["window"]) == ("farm", "seven")


def test_layouts_flow_anew_and_the_keeper_outlives_the_agents(genie: Genie) -> None:
    genie("team", "create", "tall", "--layout", "vertical")
    for name in ("t1", "t2", "t3"):
        genie("spawn", name, "--team", "tall", "--", "cat")
    assert len(rows(genie, "=tall:tall", "x")) == 3
    assert set(rows(genie, "=tall:tall", "#{pane_width}")) == {"200"}
    assert arranged(genie, "=tall:tall", "even-vertical")
    genie("kill", "t2")
    assert len(rows(genie, "=tall:tall", "x")) == 2
    assert arranged(genie, "=tall:tall", "even-vertical")

    genie("team", "create", "wide")
    for name in ("m1", "m2", "m3", "m4"):
        genie("spawn", name, "--team", "wide", "--", "cat")
    assert len(rows(genie, "=wide:wide", "x")) == 4
    assert len(set(rows(genie, "=wide:wide", "#{pane_left}"))) == 2
    assert arranged(genie, "=wide:wide", "tiled")
    genie("stop", "m1", "m2")
    assert len(rows(genie, "=wide:wide", "x")) == 2
    assert arranged(genie, "=wide:wide", "tiled")
    genie("resume", "m1", "m2")
    assert len(rows(genie, "=wide:wide", "x")) == 4
    assert arranged(genie, "=wide:wide", "tiled")

    genie("kill", "--team", "wide", "--yes")
    assert genie.tmux("list-windows", "-t", "=wide:", "-F", "#{window_name}") == "genie"
    assert genie.json("ls", "--team", "wide") == []
    back = genie.json("spawn", "m5", "--team", "wide", "--", "cat")
    assert (back["tmux_session"], back["window"]) == ("wide", "wide")


def border(screen: str, name: str, resumes: str) -> bool:
    """Whether the border says that it runs; what it is doing stands behind that."""
    return re.search(rf"{name} engineer · running(, \w+)? · {resumes}", screen) is not None


def test_borders_tell_who_is_there_and_hostile_options_do_no_harm(
    make_genie: Callable[..., Genie], onlooker: Callable[[str], Callable[[], str]]
) -> None:
    """They are in the configuration that the daemon's own tmux server reads."""
    genie = make_genie()
    (Path(genie.env["HOME"]) / ".tmux.conf").write_text(HOSTILE)
    genie = quick(genie)
    genie("team", "create", "simone")
    one = genie.json("spawn", "one", "--role", "engineer", "--team", "simone", "--prompt", "hello")
    options = global_options(genie)
    assert "base-index 5" in options[0]
    assert "synchronize-panes on" in options[1]
    two = genie.json("spawn", "two", "--role", "engineer", "--team", "simone")
    until(lambda: "ok: hello" in genie.screen("one"), what="the answer")
    screen = onlooker("simone")
    until(lambda: border(screen(), "one", "0/3"), what="the border")
    assert border(screen(), "two", "0/3")
    genie("stop", "one")
    assert genie.state("two") == "running"
    assert genie.agent("two")["run_id"] == two["run_id"]
    assert "/exit" not in genie.screen("two")
    genie("resume", "one")
    until(lambda: f"resumed {one['session_id']}" in genie.screen("one"), what="the conversation")
    row = genie.agent("one")
    os.kill(row["pid"], signal.SIGKILL)
    again = genie.until_again("one", row)
    assert (again["pane"], again["window"]) == (row["pane"], "simone")
    until(lambda: border(screen(), "one", "1/3"), what="the border of the resumed")
    assert "hostile" not in screen()
    assert global_options(genie) == options
