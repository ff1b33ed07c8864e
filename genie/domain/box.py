"""The prompt box on the screen of an agent's program: whether somebody has left a draft in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

_STYLE = re.compile(r"\x1b\[([0-9;]*)m")
_RULE = re.compile(r"─{10}")
_CLAUDE, _CODEX = ("❯", "!"), "›"
_BLANK = "\xa0 \t"


@dataclass(frozen=True, slots=True)
class _Cell:
    """A character of the screen: `plain` says that it has the terminal's own colour, and is not dim; `cursor` that it
    is shown the other way round."""

    text: str
    plain: bool
    cursor: bool


def draft(provider: str, lines: Sequence[str]) -> bool:
    """Whether the box of that program holds what somebody has typed. `lines` are those of its screen, with their
    styles.

    Hints and suggestions are in the box, too, dim or in another colour than what was typed. What cannot be told for
    sure, of another program or another look, is no draft.
    """
    cells = list(_rows(lines))
    box = _claude(cells) if provider == "claude" else _codex(cells) if provider == "codex" else []
    if not box:
        return False
    if _text(box[0])[:1] == "!":  # its shell: even an empty one runs what comes next
        return True
    written = [cell for line in (box[0][1:], *box[1:]) for cell in line if cell.text not in _BLANK]
    under = [cell for cell in written if cell.cursor]
    others = [cell for cell in written if not cell.cursor]
    return any(cell.plain for cell in others) or (bool(under) and not others)


def outside(provider: str, lines: Sequence[str]) -> list[str]:
    """The lines of its screen that are not in the box: what is typed there is no dialog, whatever it says. All of them
    where there is no box, or it cannot be told."""
    box = _place(list(_rows(lines))) if provider == "claude" else range(0)
    return [line for place, line in enumerate(lines) if place not in box]


def _claude(cells: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    return [cells[place] for place in _place(cells)]


def _place(cells: Sequence[list[_Cell]]) -> range:
    """The lines between the last two rules, where the first of them has a prompt."""
    rules = [place for place, line in enumerate(cells) if _RULE.match(_text(line))]
    if len(rules) < 2:
        return range(0)
    box = range(rules[-2] + 1, rules[-1])
    if not box or not _prompted(cells[box[0]]) or any(_prompted(line) for line in cells[rules[-1] + 1 :]):
        return range(0)
    return box


def _prompted(line: Sequence[_Cell]) -> bool:
    return _text(line).startswith(_CLAUDE)


def _codex(cells: Sequence[list[_Cell]]) -> list[list[_Cell]]:
    """The last line with a prompt: what was sent before stands above it."""
    prompts = [line for line in cells if _text(line).startswith(_CODEX)]
    return prompts[-1:]


def _text(line: Sequence[_Cell]) -> str:
    return "".join(cell.text for cell in line)


# ---- styles ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Style:
    dim: bool = False
    coloured: bool = False
    cursor: bool = False


def _rows(lines: Sequence[str]) -> Iterator[list[_Cell]]:
    """The cells of each line; a style goes on from one line to the next."""
    style = _Style()
    for line in lines:
        row: list[_Cell] = []
        place = 0
        for match in _STYLE.finditer(line):
            row += _drawn(line[place : match.start()], style)
            style = _styled(style, match.group(1))
            place = match.end()
        yield row + _drawn(line[place:], style)


def _drawn(text: str, style: _Style) -> list[_Cell]:
    return [_Cell(char, plain=not (style.dim or style.coloured), cursor=style.cursor) for char in text]


def _styled(style: _Style, codes: str) -> _Style:
    """The style after one escape."""
    given = [int(code or 0) for code in codes.split(";")]
    while given:
        code = given.pop(0)
        if code == 0:
            style = _Style()
        elif code in (7, 27):
            style = replace(style, cursor=code == 7)
        elif code in (2, 22):
            style = replace(style, dim=code == 2)
        elif code in (38, 48):
            del given[: 2 if given[:1] == [5] else 4]
            style = replace(style, coloured=style.coloured or code == 38)
        elif code == 39 or 30 <= code <= 37 or 90 <= code <= 97:
            style = replace(style, coloured=code != 39)
    return style
