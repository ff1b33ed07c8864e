"""Where panes are made: sessions, windows, splits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.domain.errors import BadInput
from genie.domain.session import PaneSeen
from genie.domain.team import Layout
from tests.fixtures.tmux import Stage, Tmuxes, until

KEEP = ("sh", "-c", "exec tail -f /dev/null")


def user_session(tmux: Tmuxes, name: str = "mine", window: str = "work") -> str:
    """A session that a user made; its pane."""
    return tmux("new-session", "-d", "-x200", "-y50", "-s", name, "-n", window, "-P", "-F", "#{pane_id}", *KEEP)


def test_the_first_agent_gets_session_keeper_and_window(stage: Stage) -> None:
    pane, seen = stage.create()
    assert (seen.session, seen.window, seen.dead, seen.tag) == ("simone", "simone", False, None)
    assert seen.command_run == pane.run
    assert stage.server("list-windows", "-t", "=simone", "-F", "#{window_name}") == "genie\nsimone"
    assert "keeps the tmux session" in stage.server("capture-pane", "-p", "-t", "=simone:genie")
    assert stage.terminal.session_exists(stage.server.socket, "simone")


def test_a_viewer_sees_the_agents_and_not_the_keeper(stage: Stage) -> None:
    stage.create()
    assert stage.server("display-message", "-p", "-t", "=simone:", "#{window_name}") == "simone"


def test_a_window_that_a_user_looks_at_stays_in_front(stage: Stage) -> None:
    stage.create()
    stage.server("new-window", "-t", "=simone:", "-n", "editor", *KEEP)
    stage.create(stage.place(window="second"))
    assert stage.server("display-message", "-p", "-t", "=simone:", "#{window_name}") == "editor"


def test_the_second_agent_shares_the_window(stage: Stage) -> None:
    _, first = stage.create()
    _, second = stage.create()
    assert second.window_id == first.window_id
    assert second.pane != first.pane
    assert (
        stage.server("list-panes", "-t", first.window_id, "-F", "#{pane_left}") == "0\n0"
    )  # tiled: one above the other


def test_a_vertical_layout_puts_panes_below_each_other(stage: Stage) -> None:
    place = stage.place(layout=Layout.VERTICAL.value)
    seen = [stage.create(place)[1] for _ in range(4)]
    lines = stage.server("list-panes", "-t", seen[0].window_id, "-F", "#{pane_left} #{pane_width}").splitlines()
    assert lines == ["0 200"] * 4


def test_an_unknown_layout_is_refused(stage: Stage) -> None:
    with pytest.raises(BadInput, match="mosaik"):
        stage.create(stage.place(layout="mosaik"))


def test_names_are_matched_exactly(stage: Stage) -> None:
    user_session(stage.server, "simone-long", "simone-long")
    _, seen = stage.create()
    assert seen.session == "simone"
    _, other = stage.create(stage.place(session="simone-long", window="simone"))
    assert (other.session, other.window) == ("simone-long", "simone")


@pytest.mark.parametrize("name", ["a.b", "a:b"])
def test_a_session_name_that_tmux_rewrites_is_found_again(stage: Stage, name: str) -> None:
    place = stage.place(session=name)
    sessions = {stage.create(place)[1].session for _ in range(2)}
    assert sessions == {"a_b"}
    assert stage.terminal.session_exists(stage.server.socket, name)


@pytest.mark.parametrize("name", ["", "$1", "=x", "-d", "a#{pid}"])
def test_a_session_name_that_tmux_cannot_take_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(BadInput):
        stage.create(stage.place(session=name))
    assert stage.terminal.panes(stage.server.socket).server is None


@pytest.mark.parametrize("name", ["a b", "#{pid}", "#(touch pwned)", "é;", "x;", '"q" $HOME \\', "-d", "#[fg=red]", ""])
def test_any_window_name_gives_one_window(stage: Stage, name: str) -> None:
    place = stage.place(window=name)
    windows = {stage.create(place)[1].window_id for _ in range(3)}
    assert len(windows) == 1
    shown = stage.server("display-message", "-p", "-t", windows.pop(), "#{window_name}")
    assert shown.replace("##", "#") == name


def test_a_directory_with_format_characters_runs_nothing(stage: Stage, tmp_path: Path) -> None:
    directory = tmp_path / "#(touch pwned)"
    directory.mkdir()
    stage.terminal.create(stage.place(), team="simone", run=uuid4(), cwd=str(directory))
    assert not list(tmp_path.rglob("pwned"))


def test_a_user_renames_the_window_and_the_team_stays_in_it(stage: Stage) -> None:
    _, first = stage.create()
    stage.server("rename-window", "-t", first.window_id, "the crew")
    _, second = stage.create()
    assert (second.window_id, second.window) == (first.window_id, "the crew")


def test_a_user_closes_the_keeper_and_nothing_breaks(stage: Stage) -> None:
    stage.create()
    stage.server("kill-window", "-t", "=simone:genie")
    _, seen = stage.create()
    assert seen.session == "simone"


# ---- windows of others ----


def test_beside_the_caller(stage: Stage) -> None:
    caller = user_session(stage.server)
    window = stage.server("display-message", "-p", "-t", caller, "#{window_id}")
    options = stage.server("show-options", "-w", "-t", caller)
    _, seen = stage.create(replace(stage.place(), beside=caller))
    assert seen.window_id == window
    assert stage.server("show-options", "-w", "-t", caller) == options
    assert not stage.terminal.session_exists(stage.server.socket, "simone")


def test_a_window_of_a_user_keeps_its_arrangement(stage: Stage) -> None:
    caller = user_session(stage.server)
    other = stage.server("split-window", "-h", "-l", "50", "-t", caller, "-P", "-F", "#{pane_id}", *KEEP)
    before = stage.server("display-message", "-p", "-t", other, "#{pane_width}x#{pane_height}")
    pane, _ = stage.create(replace(stage.place(), beside=caller))
    assert stage.server("display-message", "-p", "-t", other, "#{pane_width}x#{pane_height}") == before
    stage.terminal.close(pane)
    assert stage.server("display-message", "-p", "-t", other, "#{pane_width}x#{pane_height}") == before


def test_a_window_of_a_user_can_be_named(stage: Stage) -> None:
    caller = user_session(stage.server)
    options = stage.server("show-options", "-w", "-t", caller)
    _, seen = stage.create(stage.place(session="mine", window="work"))
    assert seen.window_id == stage.server("display-message", "-p", "-t", caller, "#{window_id}")
    assert stage.server("show-options", "-w", "-t", caller) == options


def test_the_caller_is_gone(stage: Stage) -> None:
    user_session(stage.server)
    _, seen = stage.create(replace(stage.place(), beside="%99"))
    assert (seen.session, seen.window) == ("simone", "simone")


def test_the_callers_pane_is_too_small(stage: Stage) -> None:
    caller = user_session(stage.server)
    stage.server("split-window", "-v", "-t", caller, *KEEP)
    stage.server("resize-pane", "-t", caller, "-y", "1", "-x", "1")
    stage.server("set-option", "-w", "-t", caller, "pane-border-status", "top")
    stage.server("resize-window", "-t", caller, "-x", "2", "-y", "4")
    _, seen = stage.create(replace(stage.place(), beside=caller))
    assert (seen.session, seen.window) == ("simone", "simone")


def test_beside_an_agent_its_window_is_arranged(stage: Stage) -> None:
    agent, first = stage.create()
    _, seen = stage.create(replace(stage.place(session="x", window="y"), beside=agent.pane))
    assert seen.window_id == first.window_id
    heights = stage.server("list-panes", "-t", first.window_id, "-F", "#{pane_height}").split()
    assert sorted(map(int, heights)) == [23, 25]  # the topmost gives one line to its border


def test_a_window_of_its_own_each_time(stage: Stage) -> None:
    alone = replace(stage.place(window="solo"), own_window=True)
    first, second = stage.create(alone)[1], stage.create(alone)[1]
    assert (first.window, second.window) == ("solo", "solo")
    assert first.window_id != second.window_id
    _, third = stage.create(stage.place(window="solo"))
    assert third.window_id not in (first.window_id, second.window_id)


# ---- many ----


def test_fifty_panes_of_a_small_terminal_overflow(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(width=80, height=24)
    seen = [stage.create()[1] for _ in range(50)]
    assert len({pane.pane for pane in seen}) == 50
    names = list(dict.fromkeys(pane.window for pane in seen))
    assert names == ["simone", *(f"simone-{number}" for number in range(2, len(names) + 1))]
    assert len(names) > 2
    now = [pane for pane in stage.terminal.panes(stage.server.socket).panes if pane.command_run]
    assert min(pane.width for pane in now) >= 24
    assert min(pane.height for pane in now) >= 3  # the topmost gives one line to its border


def test_a_freed_place_is_taken_first(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(width=80, height=24)
    first, _ = stage.create()
    while stage.create()[1].window == "simone":
        pass
    stage.terminal.close(first)
    assert stage.create()[1].window == "simone"


def test_the_overflow_of_a_team_avoids_a_window_of_another(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(width=40, height=5)
    stage.create(stage.place(window="simone-2"), team="other")
    assert [stage.create()[1].window for _ in range(2)] == ["simone", "simone-3"]


def test_many_threads_make_one_session_and_all_panes(stage: Stage) -> None:
    made: list[PaneSeen] = []
    threads = [threading.Thread(target=lambda: made.append(stage.create()[1])) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({seen.pane for seen in made}) == 20
    assert len({seen.window_id for seen in made}) == 1
    assert stage.server("list-sessions", "-F", "#{session_name} #{session_windows}") == "simone 2"


def test_two_adapters_make_one_session_at_once(build_stage: Callable[..., Stage]) -> None:
    made: list[PaneSeen] = []
    threads = [threading.Thread(target=lambda: made.append(build_stage().create()[1])) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({seen.pane for seen in made}) == 6
    assert build_stage().server("list-sessions", "-F", "#{session_name}") == "simone"


# ---- a hostile user ----

HOSTILE = """
set -g base-index 5
setw -g pane-base-index 3
set -g default-command "echo no; exit 3"
set -g default-shell /bin/false
setw -g automatic-rename on
set -g allow-rename on
set -g destroy-unattached on
setw -g remain-on-exit on
set -g history-limit 1
set -g status off
set -g renumber-windows on
set -g window-size smallest
setw -g pane-border-status bottom
setw -g pane-border-format "#{pane_id} nothing"
setw -g synchronize-panes on
set -g detach-on-destroy on
set -g status-left "#(true)"
set -g update-environment "GENIE_TEAM"
set-hook -g after-new-window "rename-window hooked"
set-hook -g after-split-window "select-layout even-horizontal"
set-hook -g after-new-session "display-message -p hello"
"""


def test_a_users_options_break_nothing(stage: Stage) -> None:
    (stage.server.home / ".tmux.conf").write_text(HOSTILE)
    panes = [stage.spawn("sh", "-c", "read a; echo got $a; exec tail -f /dev/null") for _ in range(4)]
    snapshot = stage.terminal.panes(stage.server.socket)
    assert stage.server("show-options", "-gv", "base-index") == "5"  # the file was read
    assert len({seen.window_id for pane in panes if (seen := snapshot.pane(pane.pane))}) == 1
    assert all(snapshot.of_run(pane.run) for pane in panes)
    stage.terminal.type_line(panes[2], "hello")
    until(lambda: "got hello" in stage.terminal.capture(panes[2], lines=None), what="its answer")
    assert "hello" not in stage.terminal.capture(panes[1], lines=None)
    for pane in panes:
        stage.terminal.close(pane)
    assert stage.terminal.session_exists(stage.server.socket, "simone")


def test_nothing_global_is_changed(stage: Stage) -> None:
    user_session(stage.server)
    asked = [("show-options", "-g"), ("show-options", "-gw"), ("show-options", "-s"), ("show-hooks", "-g")]
    before = [stage.server(*words) for words in asked]
    pane = stage.spawn("sleep", "100")
    stage.create(replace(stage.place(), own_window=True))
    stage.terminal.close(pane)
    assert [stage.server(*words) for words in asked] == before


def test_a_server_is_started_with_a_clean_environment(build_stage: Callable[..., Stage], tmux_server: Tmuxes) -> None:
    dirty = {**tmux_server.environment, "TMUX": "/x,1,0", "TMUX_PANE": "%9", "GENIE_RUN_ID": "x", "KEPT": "yes"}
    stage = build_stage(environment=dirty)
    stage.create()
    names = {line.partition("=")[0] for line in stage.server("show-environment", "-g").splitlines()}
    assert "KEPT" in names
    assert not {name for name in names if name.startswith(("GENIE_", "TMUX"))}


def test_a_server_with_no_sessions_takes_a_new_one(stage: Stage) -> None:
    user_session(stage.server)
    stage.server("set-option", "-s", "exit-empty", "off")
    stage.server("kill-session", "-t", "=mine")
    snapshot = stage.terminal.panes(stage.server.socket)
    assert snapshot.server is not None
    assert snapshot.panes == ()
    assert stage.create()[0].server == snapshot.server


def test_a_directory_for_the_socket_is_made(stage: Stage, tmux_directory: Path, tmux_server: Tmuxes) -> None:
    tmux = Tmuxes(str(tmux_directory / "deep" / "s"), tmux_server.home)
    try:
        stage.create(replace(stage.place(), socket=tmux.socket))
        assert (tmux_directory / "deep").stat().st_mode & 0o777 == 0o700
    finally:
        tmux.end()
