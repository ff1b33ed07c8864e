"""What is done to a pane: only ever to that very one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from genie.domain.errors import Foreign, MissingProgram, TerminalAway
from genie.domain.session import PaneIdentity
from genie.ports import Face
from tests.fixtures.tmux import PLAIN_FACE, Stage, Tmuxes, until

KEEP = ("sh", "-c", "exec tail -f /dev/null")
ECHO = ("sh", "-c", 'stty -echo; echo ready; while read -r line; do echo "<$line>"; done')


def options(stage: Stage, pane: PaneIdentity) -> str:
    return stage.server("show-options", "-p", "-t", pane.pane)


def text(stage: Stage, pane: PaneIdentity) -> str:
    return stage.terminal.capture(pane, lines=None)


def listener(stage: Stage) -> PaneIdentity:
    """A pane that prints every line it is given in angle brackets."""
    pane = stage.spawn(*ECHO)
    until(lambda: "ready" in text(stage, pane), what="the listener")
    return pane


def end(pane: PaneIdentity, stage: Stage) -> None:
    """End the pane's process and wait until tmux has seen it."""
    os.kill(pane.pid, signal.SIGKILL)
    until(lambda: stage.processes.started(pane.pid) is None, what="its end")
    stage.terminal.nudge(pane.server)
    until(lambda: stage.dead(pane), what="tmux's notice")


# ---- looking ----


def test_no_server_is_known_as_such(stage: Stage, tmux_directory: Path) -> None:
    assert stage.terminal.panes(stage.server.socket).server is None
    assert not stage.terminal.session_exists(stage.server.socket, "simone")
    assert stage.terminal.session_of_pane(stage.server.socket, "%0") is None


def test_a_socket_whose_server_was_killed_is_no_server(stage: Stage) -> None:
    pane, _ = stage.create()
    os.kill(pane.server.pid, signal.SIGKILL)
    until(lambda: stage.processes.started(pane.server.pid) is None, what="the end of the server")
    assert Path(stage.server.socket).exists()
    assert stage.terminal.panes(stage.server.socket).server is None
    again, _ = stage.create()
    assert again.server != pane.server


def test_a_socket_that_cannot_be_reached_is_no_answer(stage: Stage, tmux_directory: Path) -> None:
    (tmux_directory / "file").touch()
    with pytest.raises(TerminalAway):
        stage.terminal.panes(str(tmux_directory / "file" / "s"))


@pytest.mark.parametrize(
    ("title", "seen"),
    [
        ("[ ! ] Action Required | wx", "[ ! ] Action Required | wx"),
        ("⠋ wx", "⠋ wx"),
        ("a \\ b\\", "a   b "),
        ("$(id) `id` \"q\" ; 'q'", "$(id) `id` \"q\" ; 'q'"),
        ("x" * 300, "x" * 64),
        ("", ""),
    ],
)
def test_the_title_of_a_pane_is_listed_whatever_it_is(stage: Stage, title: str, seen: str) -> None:
    pane, _ = stage.create()
    stage.server("select-pane", "-t", pane.pane, "-T", title)
    found = stage.terminal.panes(stage.server.socket).pane(pane.pane)
    assert found is not None
    assert found.title == seen
    assert found.command_run == pane.run


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_a_stopped_server_is_no_answer_and_no_hang(build_stage: Callable[..., Stage]) -> None:
    stage = build_stage(timeout=0.3)
    pane, _ = stage.create()
    started = time.monotonic()
    with stopped(pane.server.pid):
        for ask in (
            lambda: stage.terminal.panes(stage.server.socket),
            lambda: stage.terminal.capture(pane, lines=None),
            lambda: stage.terminal.dress(pane, PLAIN_FACE),
            lambda: stage.terminal.close(pane),
            lambda: stage.create(),
        ):
            with pytest.raises(TerminalAway):
                ask()
    assert time.monotonic() - started < 10
    assert stage.terminal.panes(stage.server.socket).server == pane.server


def test_the_listing_tells_all(stage: Stage) -> None:
    pane = stage.spawn("sh", "-c", "exit 3")

    def told() -> bool:
        stage.terminal.nudge(pane.server)  # tmux may miss the signal of its child's end
        now = stage.seen(pane)
        return now is not None and now.dead and now.exit_code is not None

    until(told, what="its end and exit code")
    seen = stage.seen(pane)
    assert seen is not None
    assert (seen.pid, seen.tag, seen.command_run) == (pane.pid, pane.run, pane.run)
    assert (seen.exit_code, seen.signal) == (3, None)
    assert (seen.session, seen.window, seen.width, seen.height) == ("simone", "simone", 200, 49)
    assert stage.terminal.session_of_pane(stage.server.socket, pane.pane) == "simone"


def test_a_signal_is_told(stage: Stage) -> None:
    pane = stage.spawn("sleep", "100")
    end(pane, stage)

    def told() -> bool:
        stage.terminal.nudge(pane.server)  # the pane can be dead a moment before its child is reaped
        seen = stage.seen(pane)
        return seen is not None and (seen.exit_code, seen.signal) != (None, None)

    until(told, what="how it ended")
    seen = stage.seen(pane)
    assert seen is not None
    assert (seen.exit_code, seen.signal) == (None, 9)


def test_panes_of_others_are_listed_whatever_they_run(stage: Stage) -> None:
    names = ["a b", "x\\y", "'q'", "é ;", "#{pid}", "", " "]
    for name in names:
        command = ("sh", "-c", f"exec tail -f /dev/null # a\nb '{name}' runner.py")
        stage.server("new-session", "-d", "-n", name.replace("#", "##").replace(";", "\\;"), *command)
    snapshot = stage.terminal.panes(stage.server.socket)
    assert sorted(seen.window for seen in snapshot.panes) == sorted(names)
    assert not any(seen.command_run or seen.tag for seen in snapshot.panes)


def test_a_window_of_two_sessions_is_listed_once(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.server("new-session", "-d", "-s", "a-view", "-t", "=simone")
    snapshot = stage.terminal.panes(stage.server.socket)
    assert [seen.session for seen in snapshot.panes if seen.pane == pane.pane] == ["simone"]
    assert stage.create()[1].session == "simone"


# ---- dressing ----


def test_tag_title_and_staying(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.terminal.dress(pane, PLAIN_FACE)
    seen = stage.seen(pane)
    assert seen is not None
    assert seen.tag == pane.run
    assert "remain-on-exit on" in options(stage, pane)
    assert stage.server("display-message", "-p", "-t", pane.pane, "#{pane_title}") == "engineer"


def test_dressing_leaves_the_active_pane(stage: Stage) -> None:
    first, _ = stage.create()
    second, _ = stage.create()
    stage.server("select-pane", "-t", first.pane)
    stage.terminal.dress(second, PLAIN_FACE)
    assert stage.server("display-message", "-p", "-t", "=simone:", "#{pane_id}") == first.pane


@pytest.mark.parametrize(
    "name", ["#(touch pwned)", "#{pid}", "#[fg=red]x", "a;", "\"$HOME\" `x` \\ 'q'", "two\nlines", "–é😀", ",}#,", "%1"]
)
def test_a_face_is_shown_as_it_is(stage: Stage, name: str) -> None:
    pane, _ = stage.create()
    stage.terminal.dress(pane, Face(name=name, role=name, state=name, resumes=name, color="orange"))
    assert stage.server("show-options", "-pv", "-t", pane.pane, "@genie_state") == name
    assert stage.server("display-message", "-p", "-t", pane.pane, "#{@genie_name}") == name


def test_the_border_line_shows_the_agent(stage: Stage, onlooker: Callable[[str], Callable[[], str]]) -> None:
    pane = stage.spawn(*KEEP)
    hostile = Face(name="the #[fg=red]#{pid}, }", role="qa", state="running", resumes="1/3", color="blue")
    stage.terminal.dress(pane, hostile)
    other = stage.spawn(*KEEP)
    stage.terminal.dress(other, replace(PLAIN_FACE, name="engineer-1f0c"))
    screen = onlooker("simone")
    until(lambda: "the #[fg=red]#{pid}, } qa · running · 1/3" in screen(), what="the first border line")
    until(lambda: "engineer-1f0c engineer · running · 0/3" in screen(), what="the second border line")
    stage.terminal.dress(other, replace(PLAIN_FACE, state="resuming", resumes="2/3"))
    until(lambda: "resuming · 2/3" in screen(), what="the change")


def test_a_pane_of_a_user_in_the_teams_window_shows_its_title(
    stage: Stage, onlooker: Callable[[str], Callable[[], str]]
) -> None:
    _, seen = stage.create()
    own = stage.server("split-window", "-t", seen.window_id, "-P", "-F", "#{pane_id}", *KEEP)
    stage.server("select-pane", "-t", own, "-T", "my shell")
    screen = onlooker("simone")
    until(lambda: "my shell" in screen(), what="its title")


def test_the_hook_runs_when_the_process_ends(build_stage: Callable[..., Stage], tmp_path: Path) -> None:
    told = tmp_path / "told"
    words = [
        "a b",
        "'q'",
        '"',
        "$HOME",
        "`x`",
        "$(touch pwned)",
        "#{pid}",
        "#(x)",
        "#[x]",
        "##",
        ";",
        "a;",
        "%H",
        "\\",
        "",
    ]
    program = 'out=$1; shift; printf "%s\\n" "$@" > "$out.new"; mv "$out.new" "$out"'
    stage = build_stage(hook_command=lambda run: ["sh", "-c", program, "x", str(told), str(run), *words])
    pane = stage.spawn("sleep", "100")
    os.kill(pane.pid, signal.SIGTERM)

    def hooked() -> bool:
        stage.terminal.nudge(pane.server)  # tmux may miss the signal of its child's end
        return told.exists()

    until(hooked, what="the hook")
    assert told.read_text().splitlines() == [str(pane.run), *words]


# ---- respawn ----


def test_a_respawn_keeps_pane_place_and_last_screen(stage: Stage) -> None:
    pane = stage.spawn("sh", "-c", "echo last words; exit 1")
    until(lambda: stage.dead(pane), what="its end")
    run = uuid4()
    seen = stage.terminal.respawn(pane, run=run, cwd="/")
    assert (seen.pane, seen.command_run, seen.dead) == (pane.pane, run, False)
    assert seen.pid != pane.pid
    new = PaneIdentity(pane.server, seen.pane, seen.pid, stage.processes.started(seen.pid) or "", run)
    stage.terminal.dress(new, PLAIN_FACE)
    stage.release(run, *ECHO)
    until(lambda: "ready" in text(stage, new), what="the new program")
    with pytest.raises(Foreign):
        stage.terminal.capture(pane, lines=None)
    after = stage.seen(new)
    assert after is not None
    assert after.tag == run


def test_a_living_pane_is_not_respawned(stage: Stage) -> None:
    pane = stage.spawn("sleep", "100")
    with pytest.raises(Foreign, match="still runs"):
        stage.terminal.respawn(pane, run=uuid4(), cwd="/")
    assert stage.processes.alive(pane.pid, pane.started)


def test_a_nudge_shows_the_end_of_a_respawned_process(stage: Stage) -> None:
    pane = stage.spawn("true")
    until(lambda: stage.dead(pane), what="its end")
    run = uuid4()
    seen = stage.terminal.respawn(pane, run=run, cwd="/")
    stage.release(run, "sh", "-c", "exit 7")
    until(lambda: stage.processes.started(seen.pid) is None, what="its end")

    def told() -> bool:
        stage.terminal.nudge(pane.server)
        now = stage.terminal.panes(stage.server.socket).of_run(run)
        return now is None or now.exit_code == 7

    until(told, what="the exit code")


def test_a_nudge_of_a_server_that_is_gone_does_nothing(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.terminal.nudge(replace(pane.server, started="another"))
    assert stage.processes.alive(pane.server.pid, pane.server.started)


# ---- closing ----


def test_closing_arranges_the_window_anew(stage: Stage) -> None:
    panes = [stage.create() for _ in range(3)]
    stage.terminal.close(panes[0][0])
    window = panes[1][1].window_id
    assert stage.server("list-panes", "-t", window, "-F", "#{pane_width}") == "200\n200"


def test_the_last_one_closes_its_window_and_the_keeper_stays(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.terminal.close(pane)
    assert stage.server("list-windows", "-a", "-F", "#{window_name}") == "genie"
    stage.terminal.close(pane)  # nothing is left to close


def test_closing_where_the_server_is_gone(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.server.end()
    stage.terminal.close(pane)


def test_only_a_session_of_genies_is_closed(stage: Stage) -> None:
    stage.server("new-session", "-d", "-s", "mine", *KEEP)
    pane, _ = stage.create()
    names = ("mine", "simone", "nobody")
    assert not any(stage.terminal.close_session(stage.server.socket, name) for name in names)
    stage.terminal.close(pane)
    assert [name for name in names if stage.terminal.close_session(stage.server.socket, name)] == ["simone"]
    assert stage.server("list-sessions", "-F", "#{session_name}") == "mine"


# ---- identity ----


def acts(stage: Stage, pane: PaneIdentity) -> list[Callable[[], object]]:
    return [
        lambda: stage.terminal.capture(pane, lines=None),
        lambda: stage.terminal.type_line(pane, "echo pwned"),
        lambda: stage.terminal.dress(pane, PLAIN_FACE),
        lambda: stage.terminal.respawn(pane, run=uuid4(), cwd="/"),
    ]


def test_a_pane_id_that_another_server_gave_again_is_foreign(stage: Stage) -> None:
    old = stage.spawn("sleep", "100")
    stage.server.end()
    until(lambda: not stage.processes.alive(old.pid, old.started), what="its end")
    new = listener(stage)
    assert new.pane == old.pane
    for act in acts(stage, old):
        with pytest.raises(Foreign):
            act()
    stage.terminal.close(old)
    assert stage.processes.alive(new.pid, new.started)
    assert "pwned" not in text(stage, new)


@pytest.mark.parametrize("difference", ["server", "started", "pane", "pid", "run"])
def test_any_difference_is_foreign(stage: Stage, difference: str) -> None:
    pane = listener(stage)
    other, _ = stage.create()
    wrong = {
        "server": replace(pane, server=replace(pane.server, pid=os.getpid())),
        "started": replace(pane, server=replace(pane.server, started="another")),
        "pane": replace(pane, pane=other.pane),
        "pid": replace(pane, pid=other.pid),
        "run": replace(pane, run=uuid4()),
    }[difference]
    for act in acts(stage, replace(wrong, started="ended")):
        with pytest.raises(Foreign):
            act()
    assert text(stage, pane) == "ready"
    assert len(stage.terminal.panes(stage.server.socket).panes) == 3


def test_a_pane_that_a_user_started_anew_is_foreign(stage: Stage) -> None:
    pane = stage.spawn("sleep", "100")
    stage.server("respawn-pane", "-k", "-t", pane.pane, *KEEP)
    for act in acts(stage, pane):
        with pytest.raises(Foreign):
            act()
    with pytest.raises(Foreign):
        stage.terminal.close(pane)
    assert stage.seen(pane) is not None


def test_a_pane_that_is_gone_is_foreign(stage: Stage) -> None:
    pane, _ = stage.create()
    stage.terminal.close(pane)
    until(lambda: not stage.processes.alive(pane.pid, pane.started), what="the end of the runner")
    for act in acts(stage, pane):
        with pytest.raises(Foreign):
            act()


# ---- text ----


@pytest.mark.parametrize(
    "line", ["/exit", "a;", ";", "-l x", '"q" $HOME `x` \\', "#{pid} #(x)", "C-c", "Enter", "é 😀", "%1", "~ 'a'", "~"]
)
def test_a_line_is_typed_as_it_is(stage: Stage, line: str) -> None:
    pane = listener(stage)
    stage.terminal.type_line(pane, line)
    until(lambda: f"<{line}>" in text(stage, pane), what=line)


def test_copy_mode_swallows_nothing(stage: Stage) -> None:
    pane = listener(stage)
    stage.server("copy-mode", "-t", pane.pane)
    stage.server("choose-tree", "-t", pane.pane)
    stage.terminal.type_line(pane, "heard")
    until(lambda: "<heard>" in text(stage, pane), what="the line")


def test_synchronised_panes_do_not_all_get_the_line(stage: Stage) -> None:
    first, second = listener(stage), listener(stage)
    window = stage.server("display-message", "-p", "-t", first.pane, "#{window_id}")
    stage.server("set-option", "-w", "-t", window, "synchronize-panes", "on")
    stage.terminal.type_line(first, "only you")
    until(lambda: "<only you>" in text(stage, first), what="the line")
    stage.server("send-keys", "-t", first.pane, "all", "Enter")  # the user's own typing is synchronised as before
    until(lambda: "<all>" in text(stage, second), what="the user's line")
    assert "only you" not in text(stage, second)


def test_nothing_is_typed_into_a_dead_pane(stage: Stage) -> None:
    pane = stage.spawn("sleep", "100")
    end(pane, stage)
    with pytest.raises(Foreign):
        stage.terminal.type_line(pane, "echo pwned")


def test_the_last_lines_with_their_history(stage: Stage) -> None:
    pane = stage.spawn("sh", "-c", "seq 1 200; exec tail -f /dev/null")
    until(lambda: text(stage, pane).endswith("200"), what="the numbers")
    assert text(stage, pane).splitlines()[-1] == "200"
    assert len(text(stage, pane).splitlines()) < 60
    assert stage.terminal.capture(pane, lines=120).splitlines() == [str(number) for number in range(81, 201)]
    assert stage.terminal.capture(pane, lines=2) == "199\n200"
    assert stage.terminal.capture(pane, lines=5000).splitlines()[0] == "1"


# ---- the program and its sockets ----


def test_the_version(stage: Stage) -> None:
    assert stage.terminal.version()[0].isdigit()


def test_no_tmux_at_all(build_stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    stage = build_stage(environment={"PATH": "/nonexistent"})
    with pytest.raises(MissingProgram, match="tmux is not installed"):
        stage.terminal.version()


def test_sockets_are_named_as_tmux_names_them(build_stage: Callable[..., Stage], tmux_directory: Path) -> None:
    base = tmux_directory / "t"
    base.mkdir()
    stage = build_stage(environment={**os.environ, "TMUX_TMPDIR": str(base)})
    inside = base / f"tmux-{os.getuid()}"
    assert stage.terminal.default_socket() == str(inside / "default")
    assert stage.terminal.socket_path("work") == str(inside / "work")
    assert stage.terminal.socket_path("/x/y") == "/x/y"
    named = Tmuxes(stage.terminal.socket_path("work"), tmux_directory / "home")
    try:
        stage.create(replace(stage.place(), socket=named.socket))
        assert named("display-message", "-p", "#{socket_path}") == named.socket
    finally:
        named.end()
