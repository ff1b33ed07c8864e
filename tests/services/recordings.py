"""The files of conversations in memory: each line is JSON, what it says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from genie.domain.conversation import ConversationKind, Said, moment
from genie.domain.errors import GenieError
from genie.domain.tape import Heard, Tape
from tests.services.machine import HOME


class MemoryRecordings:
    """`genie.ports.Recordings`. A piece has `piece` lines; a place is a place in the text. `troubles` are
    raised, one a reading; `heard` are the paths that were asked for."""

    piece = 3

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.folders: set[UUID] = set()
        self.troubles: list[GenieError] = []
        self.heard: list[str] = []
        self.fed: list[tuple[str, str | None]] = []
        self.inputs: set[str] = set()
        self.interrupted: list[str] = []

    def path(self, session: UUID) -> str:
        self.folders.add(session)
        return f"{HOME}/logs/sessions/{session}.ndjson"

    def folder(self, session: UUID) -> str:
        self.folders.add(session)
        return f"{HOME}/sessions/{session}"

    def fifo(self, session: UUID) -> str:
        return f"{self.folder(session)}/input"

    def hear(self, tape: Tape, *, final: bool = False) -> Heard:
        self.heard.append(tape.path)
        if self.troubles:
            raise self.troubles.pop(0)
        if tape.path not in self.files:
            return Heard((), tape, missing=True)
        place = tape.position.get("at", 0)
        assert isinstance(place, int)
        left = self.files[tape.path][place:].splitlines(keepends=True)
        if left and not final and not left[-1].endswith("\n"):
            left.pop()
        lines = left[: self.piece]
        said = tuple(_said(line) for line in lines)
        position: Mapping[str, object] = {**tape.position, "at": place + sum(map(len, lines))}
        state = {"lines": int(str(tape.state.get("lines", 0))) + len(lines)}
        after = replace(tape, position=position, state=state) if lines else tape
        return Heard(said, after, more=len(left) > len(lines))

    def turn(self, tape: Tape, path: str) -> Tape:
        past = {**_past(tape), tape.path: tape.position.get("at", 0)}
        return replace(tape, path=path, position={"at": past.pop(path, 0), "past": past})

    def make(self, path: str) -> None:
        """`genie.ports.Inputs`."""
        self.inputs.add(path)

    def remove(self, path: str) -> None:
        self.inputs.discard(path)

    def feed(self, path: str, message: str | None) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.fed.append((path, message))

    def interrupt(self, path: str) -> None:
        self.interrupted.append(path)

    # ---- what is written ----

    def write(self, path: str, text: str) -> None:
        self.files[path] = self.files.get(path, "") + text

    def say(self, path: str, kind: ConversationKind, at: datetime | None = None, /, **payload: object) -> None:
        line = {"kind": kind.value, "at": at and at.isoformat(), "payload": payload}
        self.write(path, json.dumps(line) + "\n")


def _past(tape: Tape) -> dict[str, object]:
    past = tape.position.get("past", {})
    assert isinstance(past, dict)
    return past


def _said(line: str) -> Said:
    try:
        said = json.loads(line)
    except ValueError:
        return Said(ConversationKind.PARSE_WARNING, None, {"text": line})
    return Said(ConversationKind(said["kind"]), moment(said["at"]), said["payload"])
