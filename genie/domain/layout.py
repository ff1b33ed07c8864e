"""How many panes fit into a window, and where they come to lie.

The arithmetic is tmux's own: `mosaic` is its layout "tiled", `vertical` its "even-vertical".
Sizes are in cells; a line between panes takes one.
"""

from __future__ import annotations

from dataclasses import dataclass

from genie.domain.team import Layout

SMALLEST_WIDTH = 24
SMALLEST_HEIGHT = 4
"""Below these a pane cannot be read; a team that needs more panes gets another window."""

TMUX_LAYOUT = {Layout.MOSAIC: "tiled", Layout.VERTICAL: "even-vertical"}


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a pane lies in its window, without its border line."""

    x: int
    y: int
    width: int
    height: int


def grid(panes: int) -> tuple[int, int]:
    """Rows and columns of a mosaic: as square as can be, rows first."""
    rows = columns = 1
    while rows * columns < panes:
        rows += 1
        if rows * columns < panes:
            columns += 1
    return rows, columns


def shape(layout: Layout, panes: int) -> tuple[int, int]:
    """Rows and columns of `panes` panes in that layout."""
    return grid(panes) if layout is Layout.MOSAIC else (max(panes, 1), 1)


def fits(layout: Layout, panes: int, *, width: int, height: int) -> bool:
    """Whether that many panes can still be read in a window of that size."""
    if panes <= 1:
        return True
    rows, columns = shape(layout, panes)
    return _share(width, columns) >= SMALLEST_WIDTH and _share(height, rows) >= SMALLEST_HEIGHT


def capacity(layout: Layout, *, width: int, height: int) -> int:
    """The most panes that can be read in a window of that size; at least one."""
    panes = 1
    while fits(layout, panes + 1, width=width, height=height):
        panes += 1
    return panes


def _share(total: int, parts: int) -> int:
    return (total - (parts - 1)) // parts
