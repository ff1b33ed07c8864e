"""People at their tmux are seen, and told something, without any option of theirs being changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.adapters.test_tmux_panes import KEEP, end
from tests.fixtures.tmux import Stage, until

Attach = Callable[[str], Callable[[], str]]
LASTING = timedelta(seconds=30)


def flags(stage: Stage, window: str) -> str:
    return stage.server("list-windows", "-a", "-F", "#{window_flags}", "-f", f"#{{==:#{{window_id}},{window}}}")


def test_nobody_is_seen_where_no_server_runs_and_none_is_told(stage: Stage) -> None:
    assert stage.terminal.onlookers(stage.server.socket) == []
    stage.terminal.announce(stage.server.socket, "/dev/pts/99", "hello", lasting=LASTING)


def test_a_client_is_seen_with_the_pane_it_looks_at_and_told_as_it_is_written(stage: Stage, onlooker: Attach) -> None:
    pane = stage.spawn(*KEEP)
    stage.server("select-window", "-t", pane.pane)
    stage.server("rename-session", "-t", "=simone", "two words")
    screen = onlooker("two words")
    until(lambda: len(stage.terminal.onlookers(stage.server.socket)) == 1, what="the client")
    (who,) = stage.terminal.onlookers(stage.server.socket)
    assert (who.session, who.pane, who.screen) == ("two words", pane.pane, True)
    assert abs(who.touched - datetime.now(UTC)) < timedelta(minutes=1)
    text = "genie: ada #S %H #{pid} is\n100%"
    stage.terminal.announce(stage.server.socket, who.client, text, lasting=LASTING)
    until(lambda: "genie: ada #S %H #{pid} is 100%" in screen(), what="the line")


def test_the_bell_flags_the_window_and_changes_no_option(stage: Stage) -> None:
    pane = stage.spawn(*KEEP)
    window = stage.server("display-message", "-p", "-t", pane.pane, "#{window_id}")
    before = stage.server("show-options", "-w", "-t", window), stage.server("show-options", "-g")
    assert stage.terminal.ring(pane)
    until(lambda: "!" in flags(stage, window), what="the flag")
    assert (stage.server("show-options", "-w", "-t", window), stage.server("show-options", "-g")) == before
    assert stage.terminal.capture(pane, lines=None) == ""


def test_for_a_dead_pane_another_of_its_window_rings(stage: Stage) -> None:
    dead, live = stage.spawn(*KEEP), stage.spawn(*KEEP)
    end(dead, stage)
    window = stage.server("display-message", "-p", "-t", live.pane, "#{window_id}")
    assert stage.terminal.ring(dead)
    until(lambda: "!" in flags(stage, window), what="the flag")


def test_a_window_in_which_all_are_dead_is_flagged_for_its_silence(stage: Stage) -> None:
    pane = stage.spawn(*KEEP)
    window = stage.server("display-message", "-p", "-t", pane.pane, "#{window_id}")
    end(pane, stage)
    before = stage.server("show-options", "-w", "-t", window)
    assert stage.terminal.ring(pane)
    until(lambda: "~" in flags(stage, window), what="the flag")
    until(lambda: stage.server("show-options", "-w", "-t", window) == before, what="the options as they were")


def test_output_that_is_kept_in_a_log_gets_no_bell(stage: Stage) -> None:
    pane = stage.spawn(*KEEP)
    stage.server("pipe-pane", "-t", pane.pane, "cat > /dev/null")
    window = stage.server("display-message", "-p", "-t", pane.pane, "#{window_id}")
    assert stage.terminal.ring(pane)
    until(lambda: "~" in flags(stage, window), what="the other flag")
    assert "!" not in flags(stage, window)


def test_a_pane_that_has_gone_rings_nothing(stage: Stage) -> None:
    pane = stage.spawn(*KEEP)
    stage.terminal.close(pane)
    assert not stage.terminal.ring(pane)
