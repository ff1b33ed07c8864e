"""`genie read`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

import typer

from genie.cli.output import as_json, flush, line
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import count
from genie.client import Genie, Row
from genie.domain.errors import BadInput, Foreign, NotAllowed, NotFound

LIVE = ("spawning", "running", "resuming")
HEADING = "Look"
CALL = "GET /v1/agents/{name}/screen"
EXAMPLE = """
genie read engineer
genie read engineer -n 200 --follow
genie read worker_1 --log -n 20
"""

LOOK_AGAIN = 0.5
"""Seconds between two looks of --follow: text in a pane is no event."""
DEAD = "Pane is dead ("
"""What tmux writes at the foot of a pane whose process has ended: it moves all else up by a line, out of sight."""
TALL = 1000
"""Lines that are asked for to find what has scrolled away."""


def command(
    name: AgentName,
    lines: Annotated[str | None, typer.Option("--lines", "-n", metavar="N", help="The last so many lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the agent ends.")] = False,
    log: Annotated[bool, typer.Option("--log", help="All that its command wrote, also when it has ended.")] = False,
    json: AsJson = False,
) -> None:
    """Print an agent's pane, or a command's log."""
    genie = reach()
    if follow and json:
        raise BadInput("--follow prints text, not JSON", hint="leave one of them out")
    wanted = count(lines, "--lines") if lines is not None else None
    if log:
        _log(genie, name, wanted, follow=follow, json=json)
        return
    if follow:
        _follow(genie, name, wanted)
        return
    screen = _look(genie, name, wanted)
    if json:
        as_json(screen)
        return
    for text in trimmed(screen["text"]):
        line(text)


def _look(genie: Genie, name: str, lines: int | None) -> Row:
    """The pane, or what it was at last. Raises NotAllowed where it is gone."""
    try:
        screen = genie.screen(name, lines=lines)
        said = screen["text"].split("\n")
        if not said[-1].startswith(DEAD):
            return screen
        texts = folded(genie.screen(name, lines=max(len(said), TALL))["text"].split("\n"))
        return screen | {"text": "\n".join(texts[-(lines or len(said)) :])}
    except Foreign as error:
        row = genie.show(name)
        if row["state"] in LIVE:  # its pane is there, and another's
            raise
        hint = f"genie read {name} --log" if row.get("log") else f"genie history {name}"
        raise NotAllowed(f"'{name}' is {row['state']}, and its pane is gone", hint=hint) from error


def folded(texts: list[str]) -> list[str]:
    """A screen without the empty lines above what tmux says at the foot of a pane that is dead."""
    if not texts or not texts[-1].startswith(DEAD):
        return texts
    return [*trimmed("\n".join(texts[:-1])), texts[-1]]


def trimmed(text: str) -> list[str]:
    """The lines of a screen without the empty ones at its end."""
    return text.rstrip().split("\n") if text.strip() else []


class Unrolled:
    """Makes a running text of looks at a screen. The last line is held back until it stays the same for
    one look: it may still be typed."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._seen: list[str] = []

    def new(self, screen: list[str]) -> list[str]:
        """The lines of this look that have not been said."""
        if not screen:
            return []
        settled = screen if screen == self._seen else screen[:-1]
        self._seen = screen
        fresh = settled[_overlap(self._said, settled) :]
        if len(fresh) == len(settled) and self._said:
            fresh = [text for text in settled if text not in self._said]  # repainted, not scrolled
        self._said = (self._said + fresh)[-5000:]
        return fresh

    def rest(self) -> list[str]:
        """What was held back."""
        return self.new(self._seen)


SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, moves of the cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles and other strings
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""What drives a terminal and is no text."""
LONGEST = 2**20
"""Characters of a line that does not end, after which it is taken for one."""


class Plain:
    """Makes lines of text of what a command wrote to its terminal, piece by piece."""

    def __init__(self) -> None:
        self._rest = ""

    def lines(self, piece: str) -> list[str]:
        """The lines that this piece completes."""
        *whole, self._rest = (self._rest + piece).split("\n")
        if len(self._rest) > LONGEST:
            whole.append(self._rest)
            self._rest = ""
        return [_plain(text) for text in whole]

    def rest(self) -> list[str]:
        """The line that never ended."""
        rest, self._rest = _plain(self._rest), ""
        return [rest] if rest else []


def _plain(text: str) -> str:
    """A line as it looks at last: what was written over from its beginning, such as a progress bar, is left out."""
    shown = [SEQUENCE.sub("", part) for part in text.split("\r")]
    return next((part for part in reversed(shown) if part), "")


def _overlap(said: list[str], screen: list[str]) -> int:
    """How many lines at the top of the screen are the last ones that were said."""
    for size in range(min(len(said), len(screen)), 0, -1):
        if said[-size:] == screen[:size]:
            return size
    return 0


def _follow(genie: Genie, name: str, lines: int | None) -> None:
    from genie.client.changes import Changes
    from genie.domain.agent import SILENT

    over = {life.value for life in SILENT}
    changes = Changes(genie)
    text = Unrolled()
    state = genie.show(name)["state"]
    while state not in over:
        _say(text.new(_screen(genie, name, lines)))
        changes.wait(LOOK_AGAIN)
        state = genie.show(name)["state"]
    _say(text.new(_screen(genie, name, lines)))
    _say(text.rest())


def _log(genie: Genie, name: str, lines: int | None, *, follow: bool, json: bool) -> None:
    if json:
        pieces = list(_pieces(genie, name, genie.log(name, lines=lines)))
        text = "".join(piece["text"] for piece in pieces)
        as_json({"text": text, "path": pieces[0]["path"], "run_id": pieces[0]["run_id"]})
        return
    plain, first = Plain(), genie.log(name, lines=lines)
    last = _print(plain, _pieces(genie, name, first), first)
    if follow:
        _follow_log(genie, name, plain, last)
    _say(plain.rest())


def _pieces(genie: Genie, name: str, piece: Row) -> Iterator[Row]:
    """That piece and all that there is after it now."""
    yield piece
    while piece["more"]:
        piece = genie.log(name, after=piece["mark"])
        yield piece


def _print(plain: Plain, pieces: Iterator[Row], before: Row) -> Row:
    """Print what came after the piece `before`; returns the last one. A line does not go on in another run."""
    for piece in pieces:
        if piece["run_id"] != before["run_id"]:
            _say(plain.rest())
        _say(plain.lines(piece["text"]))
        before = piece
    return before


def _follow_log(genie: Genie, name: str, plain: Plain, last: Row) -> None:
    from genie.client.changes import Changes
    from genie.domain.agent import SILENT

    over = {life.value for life in SILENT}
    changes = Changes(genie)
    while True:
        ended = genie.show(name)["state"] in over
        following = _print(plain, _pieces(genie, name, genie.log(name, after=last["mark"])), last)
        if ended and following["run_id"] == last["run_id"]:
            return
        last = following
        changes.wait(0 if ended else LOOK_AGAIN)


def _screen(genie: Genie, name: str, lines: int | None) -> list[str]:
    """The lines of a look; none when the pane is gone: the agent's state says whether it comes back."""
    try:
        return folded(trimmed(genie.screen(name, lines=lines or TALL)["text"]))
    except (NotFound, NotAllowed, Foreign):
        return []


def _say(texts: list[str]) -> None:
    for text in texts:
        line(text)
    flush()
