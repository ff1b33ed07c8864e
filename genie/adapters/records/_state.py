"""What a parser remembers from one line to the next: a value, so that it can be stored with the place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from genie.domain.conversation import Tokens, roped, words

MESSAGES, CALLS = 16, 256
"""So many of the latest messages and open tool calls are remembered."""


@dataclass(frozen=True, slots=True)
class Partial:
    """A block of a message that is being streamed. `parent` is the tool call it belongs to, if any."""

    parent: str | None
    type: str
    pieces: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class State:
    """`session` is the provider's id. `counted` are the latest messages with the tokens told of them, `unsettled` what
    was told since the last result, `total` the program's own count of the session. `calls` are tool calls without
    a result, id and name. `limited` is the ISO time of the end of a usage limit, "" where it is not known, None
    where there is none. Keep one state a session, not one a file: programs count on when they are resumed."""

    session: str | None = None
    counted: tuple[tuple[str, Tokens], ...] = ()
    unsettled: Tokens = field(default_factory=Tokens)
    total: Tokens = field(default_factory=Tokens)
    calls: tuple[tuple[str, str], ...] = ()
    partials: tuple[Partial, ...] = ()
    limited: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "session": self.session,
            "counted": [[message, tokens.payload()] for message, tokens in self.counted],
            "unsettled": self.unsettled.payload(),
            "total": self.total.payload(),
            "calls": [list(call) for call in self.calls],
            "partials": [[partial.parent, partial.type, partial.text] for partial in self.partials],
            "limited": self.limited,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> State:
        """What `to_json` gave; anything that does not read is as if it were new."""
        return cls(
            session=words(stored.get("session")),
            counted=tuple(
                (message, _tokens(tokens))
                for message, tokens in _rows(stored, "counted", 2)
                if isinstance(message, str)
            ),
            unsettled=_tokens(stored.get("unsettled")),
            total=_tokens(stored.get("total")),
            calls=tuple((str(call), str(name)) for call, name in _rows(stored, "calls", 2)),
            partials=tuple(
                Partial(words(parent), str(kind), (str(text),) if text else ())
                for parent, kind, text in _rows(stored, "partials", 3)
            ),
            limited=words(stored.get("limited")),
        )

    # ---- tool calls ----

    def called(self, call: str, name: str) -> State:
        return replace(self, calls=(*self.calls, (call, name))[-CALLS:])

    def tool(self, call: str | None) -> str | None:
        """The name of an open call."""
        return next((name for known, name in reversed(self.calls) if known == call), None)

    def answered(self, call: str | None) -> State:
        left = tuple(entry for entry in self.calls if entry[0] != call)
        return self if len(left) == len(self.calls) else replace(self, calls=left)

    # ---- tokens ----

    def told(self, message: str, tokens: Tokens) -> tuple[Tokens, State]:
        """What is new in the tokens of a message, of which several records can tell."""
        before = next((known for name, known in self.counted if name == message), Tokens())
        new = tokens - before
        if not new:
            return new, self
        others = tuple(entry for entry in self.counted if entry[0] != message)
        counted = (*others, (message, tokens))[-MESSAGES:]
        return new, replace(self, counted=counted, unsettled=self.unsettled + new)

    def totalled(self, total: Tokens) -> tuple[Tokens, State]:
        """What is new in the program's own count; one that is lower has begun anew."""
        new = total - self.total
        if min(*new.counts(), new.cost or 0.0) < 0:
            new = total
        return new, replace(self, total=total)

    def priced(self, cost: float | None) -> tuple[float | None, State]:
        """What is new in the program's own price of the session, in USD."""
        if cost is None:
            return None, self
        before = self.total.cost or 0.0
        return cost - before if cost >= before else cost, replace(self, total=replace(self.total, cost=cost))

    # ---- streamed messages ----

    def began(self, partial: Partial) -> State:
        return replace(self, partials=(*self.partials, partial))

    def grew(self, parent: str | None, text: str) -> State:
        """With `text` at the end of the newest block of that parent."""
        for place in range(len(self.partials) - 1, -1, -1):
            partial = self.partials[place]
            if partial.parent == parent:
                grown = replace(partial, pieces=roped(partial.pieces, text))
                return replace(self, partials=(*self.partials[:place], grown, *self.partials[place + 1 :]))
        return self.began(Partial(parent, "text", (text,)))

    def complete(self, parent: str | None) -> State:
        """Without the blocks of that parent: their message has come whole."""
        left = tuple(partial for partial in self.partials if partial.parent != parent)
        return self if len(left) == len(self.partials) else replace(self, partials=left)


NEW = State()


def _tokens(stored: object) -> Tokens:
    return Tokens.read(stored) if isinstance(stored, Mapping) else Tokens()


def _rows(stored: Mapping[str, object], key: str, width: int) -> list[list[object]]:
    rows = stored.get(key)
    return [row for row in rows if isinstance(row, list) and len(row) == width] if isinstance(rows, list) else []
