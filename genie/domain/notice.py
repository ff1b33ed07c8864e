"""When a human is told of an agent, and of what: needed is somebody who answers, brings back, or may go on.

What is told is what stands at that moment, never what has passed. An agent is told of once within `throttle`: what
comes within it waits until it is over, and the newest is told then, if it still stands. How it is told is
docs/notifications.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum
from uuid import UUID

from genie.domain.activity import started_only
from genie.domain.agent import Activity, Agent, Life, Reason


class Occasion(Enum):
    """Why a human is told. FAILED is an agent whose resume attempts are spent."""

    PERMISSION = "permission"
    QUESTION = "question"
    FAILED = "failed"
    LIMITED = "limited"
    DONE = "done"


class Medium(Enum):
    """How a human is told: a line in tmux, its bell with the flag of the window, the desktop, a command of theirs."""

    MESSAGE = "message"
    BELL = "bell"
    DESKTOP = "desktop"
    COMMAND = "command"


WAITING = frozenset({Occasion.PERMISSION, Occasion.QUESTION})
"""Nothing goes on until a human has answered: who looks at the pane sees it."""
ENDS = frozenset({Occasion.FAILED, Occasion.DONE})
"""Told whoever looks: the pane may be gone."""
HUMAN = WAITING | {Occasion.FAILED}
"""For these there is something to do: answer, or bring it back. A limit ends by itself, and what is done is done."""
_ASKS = {Activity.PERMISSION: Occasion.PERMISSION, Activity.QUESTION: Occasion.QUESTION}

GUESSED = timedelta(seconds=10)
"""A dialog at the start that is only supposed, because a program says nothing, is told of after so long: where many are
started at once, each is slow to say something."""
OLD = timedelta(days=1)
"""An end that is older is no news."""
AWAY = timedelta(minutes=5)
"""Who has not touched the keyboard for so long does not look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user wants to be told of, how, and how often. `timeout` is how long the command, or the desktop's
    program, may take."""

    occasions: frozenset[Occasion] = frozenset(Occasion)
    media: frozenset[Medium] = frozenset(Medium)
    command: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=10)
    throttle: timedelta = timedelta(minutes=1)

    @property
    def anything(self) -> bool:
        """Whether there is anything that could be told."""
        return bool(self.occasions) and bool(self.media - ({Medium.COMMAND} if not self.command else set()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Why a human is needed now, and since when. `mark` tells this need from every other one of the same agent. It is
    told from `told_from` on."""

    occasion: Occasion
    since: datetime
    mark: str
    detail: str = ""
    told_from: datetime | None = None


def need_of(agent: Agent, *, now: datetime) -> Need | None:
    """What a human is to know of an agent as it is. An agent that another has spawned is done for its parent, which
    waits for it: no human is told."""
    if agent.life is Life.RUNNING and agent.activity in _ASKS:
        need = _need(_ASKS[agent.activity], agent.activity_since, agent.activity_source)
        return replace(need, told_from=need.since + GUESSED) if started_only(agent) else need
    if agent.life is Life.FAILED and agent.reason == Reason.EXHAUSTED.value:
        return _need(Occasion.FAILED, agent.changed_at, f"every attempt to bring it back is spent ({agent.attempts})")
    if agent.life is Life.DONE and agent.parent is None:
        return _need(Occasion.DONE, agent.changed_at, "")
    return _limited(agent, now=now)


def _limited(agent: Agent, *, now: datetime) -> Need | None:
    """A limit is the same one as long as it ends at the same time."""
    until = agent.limited_until
    if agent.life not in (Life.RUNNING, Life.DEAD):
        return None
    if until is not None and now < until:
        told = f"until {until:%Y-%m-%d %H:%M} UTC"
        return replace(_need(Occasion.LIMITED, agent.activity_since, told), mark=f"limited@{until.isoformat()}")
    if agent.activity is Activity.LIMITED and until is None:
        return _need(Occasion.LIMITED, agent.activity_since, agent.activity_source)
    return None


def _need(occasion: Occasion, since: datetime, detail: str) -> Need:
    return Need(occasion=occasion, since=since, mark=f"{occasion.value}@{since.isoformat()}", detail=detail)


def sentence(agent: Agent, need: Need) -> str:
    """One line for people, of names alone: nothing in it is secret, nor means anything to tmux or a shell."""
    said = {
        Occasion.PERMISSION: "asks for a permission",
        Occasion.QUESTION: "asks a question",
        Occasion.FAILED: f"has failed: {need.detail}",
        Occasion.LIMITED: "is held up by a usage limit",
        Occasion.DONE: "is done",
    }[need.occasion]
    until = f" {need.detail}" if need.detail.startswith("until ") else ""
    return f"{agent.name} {said}{until} (team {agent.team})"


# ---- what was told ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of an agent last: the mark of the need, and when. `at` is None where nobody was told because
    somebody looked at it. `sure` is False until all ways were gone."""

    mark: str
    at: datetime | None
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell it now."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Look again then: it may be told."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Leave:
    """There is nothing to tell."""


Verdict = Tell | Hold | Leave


def weigh(need: Need | None, told: Told | None, wishes: Wishes, *, now: datetime) -> Verdict:
    """What becomes of what stands now, after what was told before."""
    if need is None or need.occasion not in wishes.occasions:
        return Leave()
    if told is not None and told.mark == need.mark:
        return Leave()
    if need.occasion in ENDS and now - need.since > OLD:
        return Leave()
    if need.told_from is not None and now < need.told_from:
        return Hold(need.told_from)
    if told is None or told.at is None:
        return Tell()
    until = min(told.at, now) + wishes.throttle  # a clock that was set back holds nothing for long
    return Tell() if now >= until else Hold(until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What a daemon remembers over its own end: the last event that it has taken in, what was told of each agent, and
    whom to look at again, and when."""

    cursor: int = 0
    told: Mapping[UUID, Told] = field(default_factory=dict)
    due: Mapping[UUID, datetime] = field(default_factory=dict)

    def at_event(self, cursor: int) -> Ledger:
        return replace(self, cursor=cursor)

    def concerning(self, agents: Iterable[UUID], *, at: datetime) -> Ledger:
        """With these to be looked at."""
        return replace(self, due={**self.due, **dict.fromkeys(agents, at)})

    def settled(self, agent: UUID, verdict: Verdict, need: Need | None, *, now: datetime, seen: bool) -> Ledger:
        """After a verdict. What somebody looks at (`seen`) counts as told, and takes nobody's time."""
        due = {one: at for one, at in self.due.items() if one != agent}
        told = dict(self.told)
        before = told.get(agent)
        if isinstance(verdict, Hold):
            due[agent] = verdict.until
        elif isinstance(verdict, Tell) and need:
            told[agent] = Told(need.mark, before.at if before else None) if seen else Told(need.mark, now, sure=False)
        return replace(self, told=told, due=due)

    def done(self, agent: UUID) -> Ledger:
        """All ways were gone."""
        before = self.told.get(agent)
        return replace(self, told={**self.told, agent: replace(before, sure=True)}) if before else self

    def without(self, agents: Iterable[UUID]) -> Ledger:
        gone = set(agents)
        return replace(self, told={agent: one for agent, one in self.told.items() if agent not in gone})

    @property
    def next(self) -> datetime | None:
        """When to look again, if nothing happens."""
        return min(self.due.values(), default=None)

    def ready(self, *, now: datetime) -> list[UUID]:
        """Whom to look at now, the longest due first."""
        return sorted((agent for agent, at in self.due.items() if at <= now), key=lambda agent: self.due[agent])


def over(ledger: Ledger, needs: Mapping[UUID, Need], wishes: Wishes, *, now: datetime) -> list[UUID]:
    """Of whom nothing need be remembered any more: it no longer stands, or is an old end, and holds nothing back."""

    def spent(agent: UUID, told: Told) -> bool:
        need = needs.get(agent)
        past = need is None or need.mark != told.mark or (need.occasion in ENDS and now - need.since > OLD)
        return past and (told.at is None or now >= told.at + wishes.throttle)

    return [agent for agent, told in ledger.told.items() if spent(agent, told)]
