"""What was told in a session as text for people: the words and colours of its pane."""

from __future__ import annotations

import shutil
import sys

from genie.cli.output import colored
from genie.client import Row
from genie.lettering import BOLD, DIM, PLAIN, RED, one_line
from genie.rendering import Renderer

WIDE = 1 << 20
"""Columns where nobody looks at a terminal: nothing is cut."""
_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "skill", "description", "prompt")
"""Arguments of a tool that say what a call is about, the most telling first."""


def width() -> int:
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else WIDE


class Conversation(Renderer):
    """Events, one at a time: "" for one that is not worth showing. With `timestamps` each begins with its time."""

    def __init__(self, *, timestamps: bool = False, named: bool = False) -> None:
        self._margin = (9 if timestamps else 0) if sys.stdout.isatty() else 0
        super().__init__(colour=colored(), width=lambda: width() - self._margin)
        self._timestamps = timestamps
        self._named = named
        self._speaker: object = None
        self._last_text = ""

    def event(self, row: Row) -> str:
        """The lines of an event, with their ends."""
        kind = str(row["kind"])
        shown = getattr(self, f"_{kind.partition('.')[2]}", self._other) if kind.startswith("session.") else self._other
        text = str(shown(row.get("payload") or {}, kind))
        if not text:
            return ""
        if self._timestamps:
            text = f"{self._paint(DIM, str(row['at'])[11:19])} {text}"
        return self._heading(row) + text

    def _heading(self, row: Row) -> str:
        """Who speaks, where it is another one than before."""
        if not self._named or row.get("session_id") == self._speaker:
            return ""
        self._speaker = row.get("session_id")
        name = one_line(row.get("name") or "-")
        return self._paint(BOLD, f"── {name} ──") + "\n"

    def _session_started(self, payload: Row, _: str) -> str:
        words = (payload.get(key) for key in ("model", "permission_mode", "cwd"))
        return self._row(DIM, " · ".join(one_line(word) for word in words if word) or "session started")

    def _user_message(self, payload: Row, _: str) -> str:
        return self._whole(f"› {self._said(payload)}", BOLD)

    def _assistant_message(self, payload: Row, _: str) -> str:
        text = self._said(payload)
        if payload.get("parent"):
            return self._row(DIM, f"  {one_line(text)}") if text.strip() else ""
        self._last_text = text
        return self._whole(text) if text.strip() else ""

    def _reasoning(self, payload: Row, _: str) -> str:
        text = self._said(payload)
        return self._whole(f"✻ {text}", DIM) if text.strip() else ""

    def _tool_call(self, payload: Row, _: str) -> str:
        about = payload.get("path") or _about(payload.get("input"))
        return self._call(str(payload.get("tool") or "?"), about, inside=bool(payload.get("parent")))

    def _tool_result(self, payload: Row, _: str) -> str:
        text = self._text(payload.get("output")) or self._said(payload)
        failed = payload.get("is_error") is True
        return self._outcome(text, failed=failed) if text or failed else ""

    def _permission(self, payload: Row, _: str) -> str:
        asked = f"{payload.get('tool') or payload.get('status') or ''}  {one_line(_about(payload.get('input')))}"
        return self._row(RED, f"? {asked.strip()}")

    def _provider_status(self, payload: Row, _: str) -> str:
        if payload.get("status") == "api_error":
            return self._whole(self._said(payload) or "an error of the provider's", RED)
        return ""

    def _stdout(self, payload: Row, _: str) -> str:
        return self._whole(self._said(payload))

    def _stderr(self, payload: Row, _: str) -> str:
        return self._row(DIM, self._said(payload))

    def _parse_warning(self, payload: Row, _: str) -> str:
        return self._row(DIM, f"(not read) {self._said(payload)}")

    def _session_result(self, payload: Row, _: str) -> str:
        failed = payload.get("is_error") is True
        text = self._said(payload) or str(payload.get("error") or "")
        unsaid = bool(text.strip()) and text != self._last_text
        turns = payload.get("turns")
        words = [f"{turns} turn{'s' * (turns != 1)}"] if isinstance(turns, int) else ["failed" if failed else "result"]
        return (self._whole(text, RED if failed else "") if unsaid else "") + self._sum(words, failed=failed)

    def _session_ended(self, payload: Row, _: str) -> str:
        failed = payload.get("success") is False
        code, signal = payload.get("exit_code"), payload.get("signal")
        how = f"signal {signal}" if signal else f"exit code {code}" if code is not None else ""
        return self._sum(["ended", str(payload.get("reason") or how)], failed=failed)

    def _usage_limit_hit(self, payload: Row, _: str) -> str:
        resets = f", resets at {payload['resets_at']}" if payload.get("resets_at") else ""
        return self._row(RED, f"usage limit reached{resets}")

    def _usage_limit_resumed(self, _payload: Row, _: str) -> str:
        return self._row(DIM, "the usage limit is over")

    def _user_event(self, payload: Row, _: str) -> str:
        loud = payload.get("level") in ("warning", "error")
        return self._row(RED if loud else DIM, f"· {one_line(payload.get('message') or '')}")

    def _usage(self, _payload: Row, _: str) -> str:
        return ""

    _heartbeat = _usage

    def _other(self, payload: Row, kind: str) -> str:
        """What becomes of the agent, and what a newer genie tells."""
        return self._row(DIM, " ".join([kind.partition(".")[2], one_line(payload.get("reason") or "")]).strip())

    def _said(self, payload: Row) -> str:
        return self._text(payload.get("text"))


def _about(arguments: object) -> object:
    """What a tool was called for, in one value."""
    if not isinstance(arguments, dict):
        return arguments or ""
    return next((arguments[key] for key in _TELLING if arguments.get(key)), arguments or "")


def marked(text: str) -> str:
    """An excerpt, its matches in bold on a terminal that shows that."""
    if not colored():
        return text
    pieces = text.split("**")
    return "".join(f"{BOLD}{piece}{PLAIN}" if at % 2 else piece for at, piece in enumerate(pieces))
