"""The files in which conversations are kept, read on and said again in genie's words.

Reading and understanding are others' work: what reads a file and what knows its form are handed in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from genie.domain.conversation import ConversationKind, Said
from genie.domain.errors import Failed
from genie.domain.tape import Heard, Tape
from genie.paths import PRIVATE, Home

EVENTS = 2000
"""Things said that are enough for one piece."""
LINES = 2000
BEGUN_ANEW = "file_begun_anew"
"""What is said of a file that was truncated, or replaced by another."""
MARK = ".genie"
"""In a session's folder: genie has made it."""
PAST = "past"
"""In a position: where the reading stands in other files of the conversation, by their paths."""


class Place(Protocol):
    """A place in a file."""

    def to_json(self) -> dict[str, object]: ...


class Piece(Protocol):
    """Lines of a file, and the place after them; `cut` are the numbers of those whose end is not there."""

    @property
    def lines(self) -> tuple[bytes, ...]: ...
    @property
    def position(self) -> Place: ...
    @property
    def cut(self) -> AbstractSet[int]: ...
    @property
    def restarted(self) -> bool: ...
    @property
    def missing(self) -> bool: ...
    @property
    def more(self) -> bool: ...


class Reader(Protocol):
    """The next lines of a file, after a place. Raises Failed."""

    def __call__(self, path: str, position: Mapping[str, object], *, final: bool, most: int) -> Piece: ...


class Listener(Protocol):
    """Who knows what the lines say, and remembers what it needs to."""

    @property
    def state(self) -> Mapping[str, object]: ...
    def line(self, line: bytes, *, at: datetime) -> list[Said]: ...
    def finish(self, *, at: datetime) -> list[Said]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecordings:
    """Implements `genie.ports.Recordings`. `listen` gives the listener of a provider and a form that goes on from a
    state; it raises BadInput."""

    home: Home
    read: Reader
    listen: Callable[[str, str, Mapping[str, object]], Listener]
    now: Callable[[], datetime]

    def path(self, session: UUID) -> str:
        _make(self.home.session_logs)
        self.folder(session)
        return str(self.home.session_logs / f"{session}.ndjson")

    def folder(self, session: UUID) -> str:
        folder = self.home.sessions / str(session)
        _make(self.home.sessions)
        _make(folder)
        try:
            (folder / MARK).touch(mode=0o600)
        except OSError as error:
            raise _failed("make", folder / MARK, error) from error
        return str(folder)

    def fifo(self, session: UUID) -> str:
        return str(Path(self.folder(session)) / "input")

    # ---- reading ----

    def hear(self, tape: Tape, *, final: bool = False) -> Heard:
        piece = self.read(tape.path, tape.position, final=final, most=LINES)
        listener, said, taken = self._listened(tape, piece, enough=EVENTS)
        if taken < len(piece.lines):
            # A line can say very many things: only a piece that ends with this one has its place in the file.
            piece = self.read(tape.path, tape.position, final=final, most=taken)
            listener, said, _ = self._listened(tape, piece, enough=None)
        if piece.restarted:
            said.insert(
                0, Said(ConversationKind.PROVIDER_STATUS, self.now(), {"status": BEGUN_ANEW, "path": tape.path})
            )
        if final and not piece.more:
            said += listener.finish(at=self.now())
        past = {PAST: tape.position[PAST]} if PAST in tape.position else {}
        after = replace(tape, position={**piece.position.to_json(), **past}, state=listener.state)
        return Heard(tuple(said), after, more=piece.more, missing=piece.missing)

    def _listened(self, tape: Tape, piece: Piece, *, enough: int | None) -> tuple[Listener, list[Said], int]:
        """What the lines say, until it is enough, and how many lines that took."""
        listener = self.listen(tape.provider, tape.form, tape.state)
        said: list[Said] = []
        for number, line in enumerate(piece.lines):
            heard = listener.line(line, at=self.now())
            said += [_cut(one) for one in heard] if number in piece.cut else heard
            if enough is not None and len(said) >= enough:
                return listener, said, number + 1
        return listener, said, len(piece.lines)

    def turn(self, tape: Tape, path: str) -> Tape:
        past = dict(_past(tape))
        place = past.pop(path, {})
        past[tape.path] = {key: value for key, value in tape.position.items() if key != PAST}
        return replace(tape, path=path, position={**place, PAST: past})


def _past(tape: Tape) -> Mapping[str, dict[str, object]]:
    """The places in the files that the conversation was in before."""
    past = tape.position.get(PAST)
    return past if isinstance(past, dict) else {}


def _cut(said: Said) -> Said:
    return replace(said, payload={**said.payload, "cut": True})


def _make(directory: Path) -> None:
    """Raises Failed."""
    try:
        directory.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    except OSError as error:
        raise _failed("make", directory, error) from error


def _failed(what: str, path: Path, error: OSError) -> Failed:
    return Failed(f"cannot {what} {path}: {error.strerror}", hint="genie doctor")
