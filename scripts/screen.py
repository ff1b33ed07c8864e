"""A terminal's screen as SVG: text with SGR colours in, one picture out, with no font or file of anybody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

CELL_W, CELL_H, FONT = 8.4, 18, 14
MARGIN = 12
INK, PAPER, FRAME = "#d8dee9", "#12161d", "#2c3440"
BASE = (
    *("#2b303b", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#d8dee9"),
    *("#6b7486", "#ff7b86", "#b5e890", "#ffd68a", "#82c4ff", "#dd94f5", "#74d6e3", "#ffffff"),
)
STEPS = (0, 95, 135, 175, 215, 255)
TOKEN = re.compile(r"\x1b\[([0-9;:]*)m|\x1b[^m\x1b]*|[\x0e\x0f]|(.)", re.DOTALL)
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = dict(zip("│─┼├┤┬┴┌┐└┘", (3, 12, 15, 11, 7, 14, 13, 10, 6, 9, 5), strict=True))
"""Which edges of its cell a border character reaches."""


@dataclass(frozen=True)
class Style:
    """How a cell is drawn. Colours are as in CSS; None is the terminal's own."""

    ink: str | None = None
    paper: str | None = None
    bold: bool = False
    dim: bool = False
    reverse: bool = False

    @property
    def colors(self) -> tuple[str, str]:
        ink, paper = self.ink or INK, self.paper or PAPER
        return (paper, ink) if self.reverse else (ink, paper)


@dataclass(frozen=True)
class Cell:
    text: str
    style: Style


def svg(screen: str, *, width: int, height: int) -> str:
    """The picture of a screen of `width` × `height` cells."""
    rows = [cells(line) for line in screen.splitlines()[:height]]
    w, h = width * CELL_W + 2 * MARGIN, height * CELL_H + 2 * MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h:g}" font-size="{FONT}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace">\n'
        f'<rect width="{w:g}" height="{h:g}" rx="8" fill="{PAPER}" stroke="{FRAME}"/>\n'
    )
    body = "\n".join(part for y, row in enumerate(rows) for part in draw(row, y))
    return f"{head}{body}\n</svg>\n"


def cells(line: str) -> list[Cell]:
    """One line of the screen, cell by cell."""
    found, style = [], Style()
    for codes, text in TOKEN.findall(line):
        if text:
            found.append(Cell(text, style))
        else:
            style = restyled(style, [int(code or 0) for code in re.split("[;:]", codes)])
    return found


def restyled(style: Style, codes: list[int]) -> Style:
    """The style after one SGR sequence."""
    rest = list(codes)
    while rest:
        code = rest.pop(0)
        if code == 0:
            style = Style()
        elif code in (38, 48):
            color = _wide_color(rest)
            style = replace(style, ink=color) if code == 38 else replace(style, paper=color)
        else:
            style = _plain(style, code)
    return style


def _plain(style: Style, code: int) -> Style:
    if code in (1, 2, 22):
        return replace(style, bold=code == 1 or (style.bold and code == 2), dim=code == 2 or (style.dim and code == 1))
    if code in (7, 27):
        return replace(style, reverse=code == 7)
    for base, first in ((30, 0), (90, 8)):
        if base <= code < base + 8:
            return replace(style, ink=BASE[first + code - base])
        if base + 10 <= code < base + 18:
            return replace(style, paper=BASE[first + code - base - 10])
    if code in (39, 49):
        return replace(style, ink=None) if code == 39 else replace(style, paper=None)
    return style


def _wide_color(rest: list[int]) -> str:
    """The colour of 38;5;N or 38;2;R;G;B, taken off the codes."""
    if rest.pop(0) == 2:
        red, green, blue = rest[0:3]
        del rest[0:3]
        return f"#{red:02x}{green:02x}{blue:02x}"
    number = rest.pop(0)
    if number < 16:
        return BASE[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    number -= 16
    return "#" + "".join(f"{STEPS[part]:02x}" for part in (number // 36, number // 6 % 6, number % 6))


def draw(row: list[Cell], y: int) -> Iterator[str]:
    """The elements of one line: paper, lines of borders, text."""
    x = 0
    for style, group in groupby(row, key=lambda cell: cell.style):
        text = "".join(cell.text for cell in group)
        ink, paper = style.colors
        if paper != PAPER:
            yield f'<rect x="{_x(x):g}" y="{_y(y):g}" width="{len(text) * CELL_W:g}" height="{CELL_H}" fill="{paper}"/>'
        for found in re.finditer(r"[^\s│─┼├┤┬┴┌┐└┘]+(?: [^\s│─┼├┤┬┴┌┐└┘]+)*", text):
            yield _text(found[0], x + found.start(), y, style, ink)
        yield from _borders(text, x, y, ink)
        x += len(text)


def _text(text: str, x: int, y: int, style: Style, ink: str) -> str:
    weight = ' font-weight="bold"' if style.bold else ""
    faint = ' opacity="0.6"' if style.dim else ""
    length = f'textLength="{len(text) * CELL_W:g}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{_x(x):g}" y="{_y(y) + 13.5:g}"'
    return f'<text {place} {length} fill="{ink}"{weight}{faint} xml:space="preserve">{escape(text)}</text>'


def _borders(text: str, x: int, y: int, ink: str) -> Iterator[str]:
    """Border characters as lines from the middle of the cell to its edges: fonts leave gaps between them."""
    for found in re.finditer("─+|[│┼├┤┬┴┌┐└┘]", text):
        ways, long = LINES[found[0][0]], len(found[0])
        left, top = _x(x + found.start()), _y(y)
        right, bottom = left + long * CELL_W, top + CELL_H
        middle_x, middle_y = left + CELL_W / 2, top + CELL_H / 2
        across = (left if ways & LEFT else middle_x, right if ways & RIGHT else middle_x)
        down = (top if ways & UP else middle_y, bottom if ways & DOWN else middle_y)
        path = f"M{across[0]:g} {middle_y:g}H{across[1]:g}" if ways & (LEFT | RIGHT) else ""
        path += f"M{middle_x:g} {down[0]:g}V{down[1]:g}" if ways & (UP | DOWN) else ""
        yield f'<path d="{path}" stroke="{ink}" fill="none"/>'


def _x(column: int) -> float:
    return round(MARGIN + column * CELL_W, 2)


def _y(row: int) -> float:
    return round(MARGIN + row * CELL_H, 2)
