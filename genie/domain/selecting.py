"""Which sessions are meant: by a name, a session id or the beginning of one, by team, by tags, or the newest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from genie.domain.errors import BadInput, Conflict
from genie.domain.session import Standing

LEAST = 4
"""Hex digits that the beginning of an id must have."""

SHOWN = 10
"""Matches of an ambiguous word that are listed; the others are counted."""

_DIGITS = 32
_DASHES = (8, 13, 18, 23)
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What was asked for: each of the words, and the group of those in `team` that have one of the `tags`.

    `latest` narrows that group, or all there are, to the session that began last, whatever has become of it. Without
    it terminated agents are in no group.
    """

    words: tuple[str, ...] = ()
    team: str | None = None
    tags: tuple[str, ...] = ()
    latest: bool = False

    def check(self) -> Selection:
        """This selection. Raises BadInput when it selects nobody."""
        if not (self.words or self.has_group):
            raise BadInput("no session is named", hint="give a name or an id, --team, --tag or --latest")
        return self

    @property
    def has_group(self) -> bool:
        return bool(self.team or self.tags or self.latest)


@dataclass(frozen=True, slots=True)
class Span:
    """The ids that begin in one way: from `low` to `high`, both included."""

    low: UUID
    high: UUID

    def __contains__(self, id_: UUID) -> bool:
        return self.low <= id_ <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A session that fits. `word` is what it fits, None for the group; `session` the one whose id begins so, None where
    it fits by its agent's name; `total` is how many fit that word, more than are told of."""

    word: str | None
    standing: Standing
    session: UUID | None = None
    total: int = 1

    @property
    def id(self) -> UUID | None:
        """The session: the one that was named, or the agent's present one."""
        return self.session or self.standing.agent.session

    @property
    def past(self) -> UUID | None:
        """The session that was named, where its agent has another one by now."""
        return self.session if self.session != self.standing.agent.session else None


def span(word: str) -> Span | None:
    """The ids that begin with that word, written with all its dashes or without any; None for what is no such
    beginning."""
    digits = _digits(word.lower())
    if digits is None or not LEAST <= len(digits) <= _DIGITS:
        return None
    return Span(UUID(digits.ljust(_DIGITS, "0")), UUID(digits.ljust(_DIGITS, "f")))


def _digits(word: str) -> str | None:
    bare = word.replace("-", "")
    if not _HEX.fullmatch(bare):
        return None
    dashes = tuple(at for at, letter in enumerate(word) if letter == "-")
    wanted = tuple(at for at in _DASHES if at < len(word))
    return bare if dashes in ((), wanted) else None


def only(word: str, matches: Sequence[Match]) -> Match | None:
    """The one session that a word means; None where nothing fits. Raises Conflict where several do."""
    if len(matches) < 2:
        return matches[0] if matches else None
    raise _ambiguous(f"'{word}' is ambiguous", matches, total=matches[0].total, hint="give more digits of the id")


def one_of(matches: Sequence[Match]) -> Match:
    """The one session of a selection that may have one only. Raises Conflict where it has several."""
    if len(matches) == 1:
        return matches[0]
    raise _ambiguous("one session is wanted", matches, total=len(matches), hint="give a name or an id, or --latest")


def _ambiguous(what: str, matches: Sequence[Match], *, total: int, hint: str) -> Conflict:
    shown = [told(match) for match in matches[:SHOWN]]
    more = total - len(shown)
    listed = ", ".join(shown) + (f" and {more} more" if more else "")
    ids = [str(match.id) for match in matches[:SHOWN]]
    return Conflict(f"{what}: {listed}", hint=hint, matches=ids, more=more)


def told(match: Match) -> str:
    """A match in words: enough of its id to tell it from most others, and its agent."""
    agent = match.standing.agent
    past = "past session" if match.past else agent.life.value
    return f"{match.id} ({agent.name}, {past})"
