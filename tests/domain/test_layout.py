"""Layout: how many panes fit, by arithmetic that needs no tmux."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.domain.layout import SMALLEST_HEIGHT, SMALLEST_WIDTH, TMUX_LAYOUT, capacity, fits, grid, shape
from genie.domain.team import Layout

cases = settings(
    deadline=None, database=None, derandomize=True, max_examples=150, suppress_health_check=[HealthCheck.too_slow]
)

LAYOUTS = st.sampled_from(Layout)
PANES = st.integers(0, 200)
WIDTHS = st.integers(0, 400)
HEIGHTS = st.integers(0, 150)


@pytest.mark.parametrize(
    ("panes", "rows", "columns"),
    [
        (0, 1, 1),
        (1, 1, 1),
        (2, 2, 1),
        (3, 2, 2),
        (4, 2, 2),
        (5, 3, 2),
        (6, 3, 2),
        (7, 3, 3),
        (9, 3, 3),
        (10, 4, 3),
        (12, 4, 3),
        (13, 4, 4),
        (17, 5, 4),
    ],
)
def test_grid(panes: int, rows: int, columns: int) -> None:
    assert grid(panes) == shape(Layout.MOSAIC, panes) == (rows, columns)


@pytest.mark.parametrize(("panes", "rows"), [(0, 1), (1, 1), (2, 2), (9, 9)])
def test_vertical_is_one_column(panes: int, rows: int) -> None:
    assert shape(Layout.VERTICAL, panes) == (rows, 1)


def test_every_layout_has_its_tmux_word() -> None:
    assert TMUX_LAYOUT == {Layout.MOSAIC: "tiled", Layout.VERTICAL: "even-vertical"}
    assert set(TMUX_LAYOUT) == set(Layout)


@cases
@given(PANES)
def test_a_grid_is_square_or_one_row_higher_and_the_one_before_is_too_small(panes: int) -> None:
    rows, columns = grid(panes)
    assert rows * columns >= panes
    assert rows - columns in (0, 1)
    if panes > 1:
        before = (rows - 1) * columns if rows > columns else rows * (columns - 1)
        assert before < panes


@pytest.mark.parametrize(
    ("layout", "width", "height", "most"),
    [
        (Layout.MOSAIC, 80, 24, 12),
        (Layout.VERTICAL, 80, 24, 5),
        (Layout.MOSAIC, 49, 9, 4),
        (Layout.MOSAIC, 48, 9, 2),
        (Layout.MOSAIC, 49, 8, 1),
        (Layout.VERTICAL, 24, 9, 2),
        (Layout.VERTICAL, 23, 9, 1),
        (Layout.VERTICAL, 24, 8, 1),
        (Layout.MOSAIC, 0, 0, 1),
        (Layout.VERTICAL, 0, 0, 1),
        (Layout.MOSAIC, 1, 1, 1),
    ],
)
def test_capacity(layout: Layout, width: int, height: int, most: int) -> None:
    assert capacity(layout, width=width, height=height) == most


@cases
@given(LAYOUTS, PANES, WIDTHS, HEIGHTS)
def test_panes_fit_exactly_when_each_has_the_smallest_size_and_its_borders(
    layout: Layout, panes: int, width: int, height: int
) -> None:
    rows, columns = shape(layout, panes)
    needed_width = columns * SMALLEST_WIDTH + (columns - 1)
    needed_height = rows * SMALLEST_HEIGHT + (rows - 1)
    roomy = width >= needed_width and height >= needed_height
    assert fits(layout, panes, width=width, height=height) == (panes <= 1 or roomy)


@cases
@given(LAYOUTS, PANES, PANES, WIDTHS, HEIGHTS)
def test_fewer_panes_fit_where_more_do(layout: Layout, some: int, more: int, width: int, height: int) -> None:
    fewer, most = sorted((some, more))
    if fits(layout, most, width=width, height=height):
        assert fits(layout, fewer, width=width, height=height)


@cases
@given(LAYOUTS, PANES, WIDTHS, HEIGHTS, st.integers(0, 100), st.integers(0, 100))
def test_a_larger_window_holds_what_a_smaller_does(
    layout: Layout, panes: int, width: int, height: int, wider: int, higher: int
) -> None:
    if fits(layout, panes, width=width, height=height):
        assert fits(layout, panes, width=width + wider, height=height + higher)


@cases
@given(LAYOUTS, WIDTHS, HEIGHTS)
def test_capacity_is_the_last_that_fits(layout: Layout, width: int, height: int) -> None:
    most = capacity(layout, width=width, height=height)
    assert most >= 1
    assert fits(layout, most, width=width, height=height)
    assert not fits(layout, most + 1, width=width, height=height)


@cases
@given(LAYOUTS, WIDTHS, HEIGHTS, st.integers(0, 60), st.integers(0, 60))
def test_capacity_grows_with_the_window(layout: Layout, width: int, height: int, wider: int, higher: int) -> None:
    assert capacity(layout, width=width, height=height) <= capacity(layout, width=width + wider, height=height + higher)
