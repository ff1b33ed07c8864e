"""What commands write: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class ReaderGone(Exception):
    """Whoever read stdout has closed it."""


def line(text: str = "") -> None:
    """One line of data."""
    write(text + "\n")


def write(text: str) -> None:
    try:
        sys.stdout.write(text)
    except BrokenPipeError as error:
        raise ReaderGone from error


def raw(text: str) -> None:
    """Data byte for byte: in UTF-8, whatever stdout is set to."""
    flush()
    try:
        sys.stdout.buffer.write(text.encode(errors="surrogateescape"))
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error


def say(text: str) -> None:
    """One line for the user that is not data."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def warn(text: str) -> None:
    say(f"genie: {clean(text)}")


def as_json(value: object) -> None:
    """One JSON value on a line of its own; spread out where somebody looks at it."""
    line(json.dumps(value, indent=2 if sys.stdout.isatty() else None))


def colored() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def unicode() -> bool:
    """Whether stdout can show more than ASCII."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def paint(text: str, *styles: str) -> str:
    """`text` in colour where stdout is a terminal that wants it."""
    if not styles or not colored():
        return text
    return f"\x1b[{';'.join(CODES[style] for style in styles)}m{text}\x1b[0m"


def clean(text: str) -> str:
    """`text` without control characters: a name or a reason must not be able to drive the terminal."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


Style = Callable[[str], Sequence[str]]


def table(
    header: Sequence[str], rows: Sequence[Sequence[object]], styles: dict[str, Style] | None = None
) -> Iterator[str]:
    """Aligned lines, the header first. `styles` says by column which styles a cell gets."""
    cells = [[clean("-" if cell in (None, "") else str(cell)) for cell in row] for row in rows]
    widths = [max([len(title), *(len(row[at]) for row in cells)]) for at, title in enumerate(header)]
    yield paint(_joined(header, widths), "bold")
    wanted = styles or {}
    for row in cells:
        padded = _padded(row, widths)
        for at, title in enumerate(header):
            if title in wanted:
                padded[at] = paint(row[at], *wanted[title](row[at])) + " " * (len(padded[at]) - len(row[at]))
        yield "  ".join(padded).rstrip()


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]


def _joined(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(_padded(row, widths)).rstrip()


def fields(pairs: Sequence[tuple[str, object]]) -> Iterator[str]:
    """Lines `key  value`, aligned; without those that have no value."""
    shown = [(key, value) for key, value in pairs if value not in (None, "", [], {})]
    width = max((len(key) for key, _ in shown), default=0)
    for key, value in shown:
        yield f"{paint(key.ljust(width), 'dim')}  {clean(str(value))}"


def life_style(state: str) -> Sequence[str]:
    """How the word of a state is drawn."""
    return _LIFE.get(state, ())


# by the word and not by Life: importing the domain for a colour would cost `genie ls` a fifth of its time
_LIFE = {
    "running": ("green",),
    "queued": ("yellow",),
    "spawning": ("yellow",),
    "resuming": ("yellow",),
    "dead": ("red",),
    "failed": ("red", "bold"),
    "suspended": ("blue",),
    "done": ("dim",),
    "terminated": ("dim",),
}


@contextmanager
def working(text: str, after: float = 0.4) -> Iterator[None]:
    """A line that turns on stderr while something takes long; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Event, Thread

    over = Event()
    thread = Thread(target=_spin, args=(text, over, after), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _spin(text: str, over: object, after: float) -> None:
    from threading import Event

    if not isinstance(over, Event) or over.wait(after):
        return
    at = 0
    while not over.wait(0.1):
        sys.stderr.write(f"\r{'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'[at % 10]} {text}")
        sys.stderr.flush()
        at += 1
    sys.stderr.write("\r\x1b[K")
    sys.stderr.flush()
