"""Rules: a command of the user's for each event of a kind.

A rule names the events by their words, which may hold `*` and `?`, and the agents by name, team or tag. What a rule's
command does is an event too: so each rule has a rate, which a rule that sets itself off cannot pass.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from uuid import UUID

from genie.domain.amounts import Wrong
from genie.domain.events import Event, Kind
from genie.domain.tree import Rate
from genie.domain.words import nearest

LARGEST = 100_000
"""Bytes of an event that are given to a command: Linux takes 128 KiB in one variable."""
CUT = 1000
"""Characters that are left of each text of a larger one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which events, whose, and the argv to run for each. `place` is where it is written, FILE:LINE. `agent`, `team` and
    `tag` are patterns; None is everybody, also what is no agent's. `cwd` None is the user's home."""

    place: str
    kinds: frozenset[Kind]
    run: tuple[str, ...]
    agent: str | None = None
    team: str | None = None
    tag: str | None = None
    timeout: timedelta = timedelta(seconds=30)
    cwd: str | None = None
    rate: Rate = field(default_factory=lambda: Rate(60, timedelta(minutes=1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """What rules ask of an event's agent."""

    name: str
    team: str
    tags: frozenset[str] = frozenset()


def kinds_like(word: str) -> frozenset[Kind]:
    """The kinds that a word names: with its prefix (`agent.failed`, `agent.*`) or without (`failed`, `usage_*`). Raises
    Wrong for one that names none."""
    found = frozenset(kind for kind in Kind if fnmatchcase(kind.value if "." in word else kind.word, word))
    if not found:
        known = {kind.value if "." in word else kind.word for kind in Kind}
        raise Wrong(f"unknown type of event {word!r}", nearest(word, known))
    return found


def fits(rule: Rule, happened: Event, whose: Whose | None) -> bool:
    """Whether the rule is about that event. `whose` is None for one of no agent."""
    if happened.kind not in rule.kinds:
        return False
    if rule.agent is None and rule.team is None and rule.tag is None:
        return True
    if whose is None:
        return False
    tag = rule.tag
    return (
        (rule.agent is None or fnmatchcase(whose.name, rule.agent))
        and (rule.team is None or fnmatchcase(whose.team, rule.team))
        and (tag is None or any(fnmatchcase(one, tag) for one in whose.tags))
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """When a rule was followed of late, and how many times it was not since."""

    times: tuple[datetime, ...] = ()
    dropped: int = 0


def keep_pace(pace: Pace, rate: Rate, *, now: datetime) -> tuple[Pace, bool]:
    """Whether the rule may be followed now, and what is remembered of it. Times that lie ahead, by a clock that was set
    back, do not count."""
    recent = tuple(at for at in pace.times if now - rate.per < at <= now)
    if len(recent) >= rate.count:
        return Pace(recent, pace.dropped + 1), False
    return Pace((*recent, now)), True


# ---- an event for a command -------------------------------------------------------------------


def as_row(happened: Event, *, name: str | None) -> dict[str, object]:
    """An event as `genie events --json` has it."""
    return {
        "id": happened.id,
        "seq": happened.seq,
        "at": happened.at.isoformat(),
        "kind": happened.kind.value,
        "agent": _id(happened.agent),
        "name": name,
        "session_id": _id(happened.session),
        "run_id": _id(happened.run),
        "payload": dict(happened.payload),
    }


def _id(one: UUID | None) -> str | None:
    return None if one is None else str(one)


def as_variable(row: Mapping[str, object]) -> str:
    """An event as JSON that fits into the environment; `truncated` in it says that texts were cut."""
    text = json.dumps(row)
    room = CUT
    while len(text) > LARGEST and room:
        text = json.dumps({**_cut(row, room), "truncated": True})
        room //= 10
    return text if len(text) <= LARGEST else as_note(row)


def as_note(row: Mapping[str, object]) -> str:
    """The same without anything that was said."""
    return json.dumps({**row, "payload": {}, "truncated": True})


def _cut(value: Mapping[str, object], room: int) -> dict[str, object]:
    return {key: _shorter(one, room) for key, one in value.items()}


def _shorter(value: object, room: int) -> object:
    if isinstance(value, str):
        return value if len(value) <= room else value[:room] + "…"
    if isinstance(value, Mapping):
        return _cut(value, room)
    return [_shorter(one, room) for one in value] if isinstance(value, Sequence) else value


# ---- where a daemon was -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """How far rules were followed: the event, and how many rules were done with for it. None is begun again."""

    event: int
    rules: int = 0

    def begun(self, event: int, rule: int) -> bool:
        return event < self.event or (event == self.event and rule < self.rules)
