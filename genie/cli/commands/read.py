"""`genie read`."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.output import as_json, flush, line
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import count
from genie.client import Genie
from genie.domain.errors import BadInput, NotAllowed, NotFound

HEADING = "Look"
CALL = "GET /v1/agents/{name}/screen"
EXAMPLE = """
genie read engineer
genie read engineer -n 200 --follow
"""

LOOK_AGAIN = 0.5
"""Seconds between two looks of --follow: text in a pane is no event."""


def command(
    name: AgentName,
    lines: Annotated[str | None, typer.Option("--lines", "-n", metavar="N", help="The last so many lines.")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the agent ends.")] = False,
    json: AsJson = False,
) -> None:
    """Print the text of an agent's pane."""
    genie = reach()
    if follow and json:
        raise BadInput("--follow prints text, not JSON", hint="leave one of them out")
    wanted = count(lines, "--lines") if lines else None
    if follow:
        _follow(genie, name, wanted)
        return
    screen = genie.screen(name, lines=wanted)
    if json:
        as_json(screen)
        return
    for text in trimmed(screen["text"]):
        line(text)


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


def _screen(genie: Genie, name: str, lines: int | None) -> list[str]:
    """The lines of a look; none when the pane is gone: the agent's state says whether it comes back."""
    try:
        return trimmed(genie.screen(name, lines=lines or 1000)["text"])
    except (NotFound, NotAllowed):
        return []


def _say(texts: list[str]) -> None:
    for text in texts:
        line(text)
    flush()
