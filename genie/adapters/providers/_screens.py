"""What the screens of claude's start-up dialogs and the titles of codex look like."""

from __future__ import annotations

import re
from datetime import datetime

from genie.domain.activity import Evidence, Source
from genie.domain.agent import Activity
from genie.domain.startup import API_KEY, BYPASS, TRUST, Shown

UP, DOWN = "\x1b[A", "\x1b[B"
_CURSOR = "❯"
_CHOICES = re.compile(rf"^\W*?({_CURSOR})?\s*((?:Yes|No)\b.*?)\s*$", re.MULTILINE)
_LAST = "Enter to confirm"
_DIALOGS = (
    (TRUST, ("Accessing workspace:", "Security guide"), "Yes, I trust this folder"),
    (API_KEY, ("Detected a custom API key in your environment", "Do you want to use this API key?"), "Yes"),
    (BYPASS, ("WARNING: Claude Code running in Bypass Permissions mode",), "Yes, I accept"),
)
"""What stands on the screen of each, and its yes, in the releases 2.1.327 to 2.1.329."""
_WAITS = re.compile(r"\[ [!.] \] Action Required\b")
_SPINS = re.compile("[\u2800-\u28ff] ")


def shown_by_claude(screen: str) -> Shown | None:
    """The dialog that is the last thing on the screen; None unless all of it is there, with two choices."""
    text = " ".join(screen.split())
    said = screen.rstrip().splitlines()
    if not said or not said[-1].strip().startswith(_LAST):
        return None
    for name, marks, yes in _DIALOGS:
        choices = _CHOICES.findall(screen)
        if all(mark in text for mark in marks) and len(choices) == 2:
            return _towards(name, yes, choices)
    return None


def _towards(name: str, yes: str, choices: list[tuple[str, str]]) -> Shown | None:
    """By which key its yes is reached; None where nothing, or more, is chosen."""
    chosen = [place for place, (cursor, _) in enumerate(choices) if cursor]
    wanted = [place for place, (_, words) in enumerate(choices) if words == yes]
    if len(chosen) != 1 or len(wanted) != 1:
        return None
    if chosen == wanted:
        return Shown(name, "")
    return Shown(name, DOWN if wanted > chosen else UP)


def titled_by_codex(title: str, at: datetime) -> Evidence | None:
    """The sign that spins while it works, and the words that blink while it waits for an answer."""
    if _WAITS.match(title):
        return Evidence(source=Source.TITLE, at=at, says=Activity.PERMISSION, detail="Action Required")
    return Evidence(source=Source.TITLE, at=at, says=Activity.WORKING, detail="spins") if _SPINS.match(title) else None
