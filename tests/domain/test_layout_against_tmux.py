"""The arithmetic of `domain.layout` against what tmux itself draws."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from genie.domain.layout import SMALLEST_HEIGHT, SMALLEST_WIDTH, TMUX_LAYOUT, capacity, fits, grid, shape
from genie.domain.team import Layout
from tests.fixtures.tmux import Tmuxes

FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WIDTHS = st.integers(30, 240)
HEIGHTS = st.integers(10, 80)


@dataclass(frozen=True)
class Drawn:
    left: int
    top: int
    width: int
    height: int


def draw(tmux: Tmuxes, layout: Layout, panes: int, width: int, height: int) -> list[Drawn] | None:
    """The panes of a window of that size as tmux arranges them; None where it cannot hold so many."""
    size = (f"-x{width}", f"-y{height}")
    window = tmux("new-session", "-d", *size, "-P", "-F", "#{window_id}", "tail -f /dev/null")
    tmux("set-option", "-t", window, "destroy-unattached", "off")
    try:
        for _ in range(panes - 1):
            # an empty command makes a pane without a process
            if tmux.call("split-window", "-d", "-t", window, "").returncode != 0:
                return None
            tmux("select-layout", "-t", window, TMUX_LAYOUT[layout])
        listed = tmux("list-panes", "-t", window, "-F", "#{pane_left} #{pane_top} #{pane_width} #{pane_height}")
        return [Drawn(*map(int, line.split())) for line in listed.splitlines()]
    finally:
        tmux("kill-session", "-t", window)


@pytest.fixture
def tmux(tmux_server: Tmuxes) -> Tmuxes:
    """A server that stays when its sessions end, for many examples."""
    tmux_server("start-server", ";", "set-option", "-s", "exit-empty", "off")
    return tmux_server


@FEW
@given(layout=st.sampled_from(Layout), panes=st.integers(1, 20), width=WIDTHS, height=HEIGHTS)
@example(layout=Layout.MOSAIC, panes=5, width=200, height=50)
@example(layout=Layout.MOSAIC, panes=13, width=200, height=60)
def test_rows_and_columns_are_tmuxs(tmux: Tmuxes, layout: Layout, panes: int, width: int, height: int) -> None:
    assume(fits(layout, panes, width=width, height=height))
    drawn = draw(tmux, layout, panes, width, height)
    assert drawn is not None
    rows, columns = shape(layout, panes)
    assert len({pane.top for pane in drawn}) == rows
    assert max(sum(pane.top == top for pane in drawn) for top in {pane.top for pane in drawn}) == columns


@FEW
@given(layout=st.sampled_from(Layout), panes=st.integers(2, 20), width=WIDTHS, height=HEIGHTS)
@example(layout=Layout.MOSAIC, panes=2, width=24, height=9)
@example(layout=Layout.VERTICAL, panes=3, width=30, height=14)
def test_what_fits_can_be_read(tmux: Tmuxes, layout: Layout, panes: int, width: int, height: int) -> None:
    assume(fits(layout, panes, width=width, height=height))
    drawn = draw(tmux, layout, panes, width, height)
    assert drawn is not None
    assert min(pane.width for pane in drawn) >= SMALLEST_WIDTH
    assert min(pane.height for pane in drawn) >= SMALLEST_HEIGHT


@FEW
@given(layout=st.sampled_from(Layout), width=WIDTHS, height=st.integers(10, 40))
@example(layout=Layout.MOSAIC, width=80, height=24)
def test_one_more_than_the_capacity_cannot_be_read(tmux: Tmuxes, layout: Layout, width: int, height: int) -> None:
    most = capacity(layout, width=width, height=height)
    drawn = draw(tmux, layout, most + 1, width, height)
    assert drawn is None or any(pane.width < SMALLEST_WIDTH or pane.height < SMALLEST_HEIGHT for pane in drawn)


@given(panes=st.integers(1, 500))
def test_a_grid_holds_them_and_not_a_row_too_many(panes: int) -> None:
    rows, columns = grid(panes)
    assert (rows - 1) * columns < panes <= rows * columns
    assert 0 <= rows - columns <= 1
