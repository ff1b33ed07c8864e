"""The border of a pane says the state of its agent, also when that has come to an end."""

from __future__ import annotations

from dataclasses import replace

from genie.domain.agent import Life, Restart
from genie.domain.errors import TerminalAway
from genie.services.dress import show_state
from tests.services.bench import Bench


def test_the_border_says_that_the_agent_has_failed(bench: Bench) -> None:
    bench.spawn(restart=Restart.NEVER.value)
    pane = bench.pane()
    assert pane.face is not None
    assert pane.face.state == "running"
    bench.dies(exit_code=1)
    bench.beat()
    bench.beat()
    assert bench.life() is Life.FAILED
    assert pane.face.state == "failed"


def test_an_agent_without_a_pane_and_a_terminal_that_is_away_are_no_errors(bench: Bench) -> None:
    bench.spawn()
    show_state(bench.world, bench.agent(), None)
    show_state(bench.world, bench.agent(), replace(bench.run(), pane=None))
    bench.machine.fails["dress"] = TerminalAway("tmux does not answer")
    show_state(bench.world, bench.agent(), bench.run())
