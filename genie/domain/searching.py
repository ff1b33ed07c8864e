"""Looking for words in what was said: what is asked for, what is found, and a piece of it to show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

from genie.domain.errors import BadInput
from genie.domain.events import Kind

MOST = 200
"""Hits that one search gives at most."""
LONGEST = 1000
"""Characters of a query."""
MARK = "**"
"""Before and after a match in an excerpt; what stands so in the text itself is left out."""

_ROOM = 160
_LONG_WORD = 40
_SPACE = re.compile(r"\s+")


class Role(Enum):
    """Who says it: the kinds of events that are searched."""

    USER = "user"
    ASSISTANT = "assistant"
    REASONING = "reasoning"
    TOOL = "tool"
    RESULT = "result"


KINDS: Mapping[Role, tuple[Kind, ...]] = {
    Role.USER: (Kind.USER_MESSAGE,),
    Role.ASSISTANT: (Kind.ASSISTANT_MESSAGE,),
    Role.REASONING: (Kind.REASONING,),
    Role.TOOL: (Kind.TOOL_CALL, Kind.TOOL_RESULT),
    Role.RESULT: (Kind.SESSION_RESULT,),
}
SEARCHED = tuple(kind for kinds in KINDS.values() for kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Words, "phrases", `or` and -words; of these roles (empty: all), said between these times; `tool` is a tool's name
    or its kind; `tags`, `team` and `name` are the agent's, as they are now: one of the tags is enough."""

    text: str
    roles: tuple[Role, ...] = ()
    tool: str | None = None
    provider: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()
    team: str | None = None
    name: str | None = None
    limit: int = 20

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(kind for role in self.roles or KINDS for kind in KINDS[role])

    def check(self) -> Search:
        """This search. Raises BadInput for one that cannot be meant."""
        if not self.text.strip():
            raise BadInput("there is nothing to search for", hint="genie search 'flaky test'")
        if len(self.text) > LONGEST:
            raise BadInput(f"the query has {len(self.text)} characters; the limit is {LONGEST}", hint="shorten it")
        if not 1 <= self.limit <= MOST:
            raise BadInput(f"--limit {self.limit} is not between 1 and {MOST}", hint="--limit 50")
        if self.since and self.until and self.since >= self.until:
            raise BadInput(f"nothing is after {self.since} and before {self.until}", hint="--since is the earlier one")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """Something that was said and fits. `rank` is greater the better; `marks` are the places of the matches in `text`,
    from and up to, in their order."""

    id: int
    seq: int
    at: datetime
    kind: Kind
    agent: UUID
    session: UUID
    name: str
    team: str
    provider: str | None
    tool: str | None
    rank: float
    text: str
    marks: tuple[tuple[int, int], ...]

    @property
    def role(self) -> Role:
        return next(role for role, kinds in KINDS.items() if self.kind in kinds)

    @property
    def headline(self) -> str:
        return excerpt(self.text, self.marks)


def excerpt(text: str, marks: Sequence[tuple[int, int]], *, room: int = _ROOM) -> str:
    """The text around its first match on one line, about `room` characters long, each match between two MARKs."""
    first = marks[0][0] if marks else 0
    begin = _word(text, max(first - room // 3, 0)) if len(text) > room else 0
    end = min(begin + room, len(text))
    shown, at = "", begin
    for low, high in marks:
        if begin <= low and high <= max(end, marks[0][1]):
            shown += f"{_plain(text[at:low])}{MARK}{_plain(text[low:high])}{MARK}"
            at = high
    shown = _SPACE.sub(" ", shown + _plain(text[at : max(end, at)])).strip()
    return f"{'… ' if text[:begin].strip() else ''}{shown}{' …' if text[max(end, at) :].strip() else ''}"


def _word(text: str, at: int) -> int:
    """Where the word begins that stands there; there, where it is a very long one."""
    begun = max(text.rfind(" ", 0, at), text.rfind("\n", 0, at)) + 1
    return begun if at - begun <= _LONG_WORD else at


def _plain(text: str) -> str:
    return text.replace(MARK, "")
