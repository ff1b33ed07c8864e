"""`genie spawn --stream`: what is said in the first turn, copied to stdout until the turn ends; and the flags that are
for provider claude-sdk."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from genie.cli.conversing import Conversation, width
from genie.cli.happening import ndjson
from genie.cli.output import as_json, colored, flush, warn, write
from genie.cli.wishes import SdkEffort, SdkMaxBudget, SdkMaxTurns, SdkResume, wishes
from genie.client import Genie, Row
from genie.domain.errors import BadInput

FORMATS = ("text", "json", "ndjson")
OVER = ("done", "failed", "terminated", "suspended")
"""States in which no turn goes on."""
LOST = "the daemon went away; this goes on when it is back"
SHORT, LONG, LOOK = 0.02, 0.1, 1.0
"""Seconds between two looks at a log, and between two at its agent."""


def _one_of(*words: str) -> Any:  # noqa: ANN401
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


@dataclass(frozen=True, kw_only=True)
class Streamed:
    """The flags that say whether and how the first turn is shown, and the wishes for one provider."""

    stream: Annotated[
        bool, typer.Option("--stream", "--sdk-stream", help="Copy the first turn to stdout, and end with it.")
    ] = False
    stream_format: Annotated[
        str | None,
        typer.Option("--stream-format", metavar="FORMAT", help="text, json, ndjson.", autocompletion=_one_of(*FORMATS)),
    ] = None
    sdk_max_turns: SdkMaxTurns = None
    sdk_max_budget: SdkMaxBudget = None
    sdk_effort: SdkEffort = None
    sdk_resume: SdkResume = None

    @property
    def format(self) -> str | None:
        """How the turn is copied; None where it is not. Raises BadInput."""
        if self.stream_format is None:
            return "text" if self.stream else None
        if not self.stream:
            raise BadInput("--stream-format is about --stream", hint="add --stream")
        if self.stream_format not in FORMATS:
            raise BadInput(f"unknown format '{self.stream_format}'", hint=f"one of {', '.join(FORMATS)}")
        return self.stream_format

    def sdk(self) -> dict[str, Any]:
        """The wishes, those that were said. Raises BadInput."""
        return wishes(
            turns=self.sdk_max_turns, budget=self.sdk_max_budget, effort=self.sdk_effort, resume=self.sdk_resume
        )


def check_streams(format_: str | None, *, prompted: bool, plain: bool, quiet: bool) -> None:
    """Raises BadInput where there is no turn that could be copied."""
    if format_ is None:
        return
    if plain:
        raise BadInput("a command has no turns to copy", hint="genie read NAME --follow")
    if not prompted:
        raise BadInput("--stream copies the first turn, and there is nothing to do", hint="add --prompt")
    if quiet:
        raise BadInput("--stream and --quiet contradict each other", hint="leave one of them out")


def copy_turn(genie: Genie, row: Row, format_: str) -> int:
    """Copy what is said until the turn is over; its exit code: 0, or 1 where it has failed."""
    path = row.get("log_path")
    if format_ == "text" and path and row["decision"] != "resume":
        return _copy_log(genie, str(row["name"]), Path(path))
    turn = Turn(genie, row)
    if format_ == "json":
        as_json(list(turn))
        return turn.code
    shown = Conversation()
    for event in turn:
        if format_ == "ndjson":
            ndjson(event)
        elif text := shown.event(event):
            write(text)
            flush()
    return turn.code


class Turn:
    """The events of a turn, up to the one that ends it. `code` is its exit code, afterwards."""

    def __init__(self, genie: Genie, row: Row) -> None:
        self._genie, self._row = genie, row
        self.code = 1

    def __iter__(self) -> Iterator[Row]:
        from genie.domain.events import SAID

        selected = self._genie.select(str(self._row["session_id"]))
        kinds = [kind.value for kind in SAID]
        heard = self._genie.listen_to(selected, types=kinds, on_lost=lambda: warn(LOST))
        for event in heard:
            if event["run_id"] not in (None, self._row["run_id"]) and self._row["decision"] == "resume":
                continue
            yield dict(event)
            payload = event["payload"]
            if _ends(event["kind"], payload):
                self.code = int(payload.get("is_error") is True)
                return
        self.code = 0 if heard.success else 1
        for one in heard.ended:
            if not one["success"]:
                warn(" ".join(str(one[key]) for key in ("name", "state", "reason") if one[key]))


def _ends(kind: str, payload: Row) -> bool:
    """Whether that is the end of a turn, and not only a result that was submitted in the midst of it."""
    if kind == "session.session_result":
        return not payload.get("submitted")
    return kind == "session.provider_status" and "turns" in payload


# ---- from the log, as it is written ---------------------------------------------------------


def _copy_log(genie: Genie, name: str, path: Path) -> int:
    """The text as it comes, in pieces: events tell of whole messages only."""
    from genie.rendering import renderer

    shown = renderer("claude", colour=colored(), width=width)
    for line in _lines(genie, name, path):
        text = shown.line(line)
        if text:
            write(text)
            flush()
        record = _object(line) if b'"result"' in line or b'"ended"' in line else {}
        if record.get("type") == "result":
            return int(record.get("is_error") is True)
    write(shown.close())
    last = genie.show(name)
    warn(" ".join(str(last[key]) for key in ("name", "state", "reason") if last[key]))
    return int(last["state"] != "done")


def _lines(genie: Genie, name: str, path: Path) -> Iterator[bytes]:
    """Whole lines of the log, until its agent has ended."""
    rest, place, pause, looked, over = b"", 0, SHORT, time.monotonic(), False
    while True:
        piece = _read(path, place)
        place += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if not piece and over:
            return
        pause = SHORT if piece else min(pause * 2, LONG)
        if not piece and time.monotonic() - looked > LOOK:
            over, looked = genie.show(name)["state"] in OVER, time.monotonic()
            continue
        time.sleep(0 if piece else pause)


def _read(path: Path, place: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(place)
            return file.read(1 << 20)
    except FileNotFoundError:
        return b""


def _object(line: bytes) -> Row:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
