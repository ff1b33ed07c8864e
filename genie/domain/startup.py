"""Dialogs that a program shows at its start, before it is ready."""

from __future__ import annotations

from dataclasses import dataclass

TRUST, API_KEY, BYPASS, FIRST_RUN = "trust", "api-key", "bypass", "first-run"
ACCEPTABLE = (TRUST, API_KEY, BYPASS)
"""Those that can be answered with a plain yes. The questions of a first run cannot."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """The dialog that a configuration leads to. `text` says it to people."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A dialog as it is on a screen. `move` are the keys that go a step towards its yes; empty where that is chosen."""

    name: str
    move: str
