"""What the daemon does next with an agent: the step from what is to what is wanted.

`next_step` is the one place; the reconcile carries its steps out and `genie explain` prints them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from genie.domain import resume
from genie.domain.agent import STOPPABLE, Agent, Desired, Life
from genie.domain.result import Need
from genie.domain.session import Look, Sight, Standing


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing can be done now; nothing is written."""

    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Clear:
    """Seen alive again: forget the looks that missed it."""

    reason: str = "seen alive again"


@dataclass(frozen=True, slots=True)
class Learn:
    """Ask for the session id that its provider has chosen itself."""

    reason: str = "its provider's session id is not known yet"


@dataclass(frozen=True, slots=True)
class Note:
    """Missed in one look; `missed` looks in a row by now."""

    missed: int
    look: Look

    @property
    def reason(self) -> str:
        return f"{self.look.sight.value}, missed {self.missed}×"


@dataclass(frozen=True, slots=True)
class Declare:
    """Gone for good: read how its run ended."""

    look: Look

    @property
    def reason(self) -> str:
        return f"{self.look.sight.value} ({self.look.end})"


@dataclass(frozen=True, slots=True)
class Start:
    """A place is free for a queued agent."""

    reason: str = "a place is free"


@dataclass(frozen=True, slots=True)
class CarryOn:
    """A start that nobody is at any more: adopt its pane, or make it."""

    reason: str = "its start was interrupted"


@dataclass(frozen=True, slots=True)
class Finish:
    """Stop or kill what is not wanted any more."""

    reason: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Its time to live is over: it is wanted gone, with what its policy takes along."""

    reason: str = "its time to live is over"


@dataclass(frozen=True, slots=True)
class Bring:
    """Resume it: attempt number `attempt`; 0 for one that comes back with its parent."""

    attempt: int

    @property
    def reason(self) -> str:
        return f"resume attempt {self.attempt}" if self.attempt else "resumed with its parent"


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Mark it failed."""

    why: resume.Never

    @property
    def reason(self) -> str:
        return self.why.value


@dataclass(frozen=True, slots=True)
class Forsake:
    """Mark a queued agent failed: what it waits for has failed."""

    need: Need

    @property
    def reason(self) -> str:
        return f"'{self.need.name}' has failed, which it waits for"


@dataclass(frozen=True, slots=True)
class TimeOut:
    """It has run for as long as it may: it is wanted stopped, and has failed."""

    reason: str = "it has run for as long as it may"


Step = (
    Rest
    | Hold
    | Clear
    | Learn
    | Note
    | Declare
    | Start
    | CarryOn
    | Finish
    | Expire
    | Bring
    | GiveUp
    | Forsake
    | TimeOut
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known besides the registry's row. `resumable` is the provider's word on the session,
    `room` says that the host may run one more agent, `blocked` what keeps a resume from being tried,
    `unnamed` that the provider's own id of the session is not known, `from_above` that an ancestor which is wanted
    to end takes it along.
    """

    look: Look | None
    resumable: bool = True
    room: bool = True
    dead_cycles: int = 2
    blocked: str | None = None
    unnamed: bool = False
    from_above: bool = False


def next_step(standing: Standing, facts: Facts, *, now: datetime) -> Step:
    """The step that brings the agent nearer to what is wanted."""
    agent = standing.agent
    if agent.expired(now=now):
        return Expire()
    if unwanted(agent):
        return Hold("ends with its parent") if facts.from_above else Finish(f"wanted {agent.desired.value}")
    match agent.life:
        case Life.QUEUED:
            return _queued(standing, facts)
        case Life.SPAWNING | Life.RESUMING:
            return CarryOn()
        case Life.RUNNING:
            return _watch(standing, facts, now=now)
        case Life.DEAD:
            return _dead(standing, facts, now=now)
        case Life.SUSPENDED if agent.desired is Desired.RUNNING:
            return Bring(0) if facts.room else Hold("waits for a free place (max_running)")
        case _:
            return Rest(f"it is {agent.life.value}")


def unwanted(agent: Agent) -> bool:
    """Whether it is there and wanted to end."""
    if agent.desired is Desired.GONE:
        return agent.life is not Life.TERMINATED
    return agent.desired is Desired.STOPPED and agent.life in STOPPABLE


def _queued(standing: Standing, facts: Facts) -> Step:
    failed = next((need for need in standing.needs if need.success is False), None)
    if failed:
        return Forsake(failed)
    waits = [need.name for need in standing.needs if need.success is None]
    if waits:
        return Hold(f"waits for {', '.join(waits)}")
    return Start() if facts.room else Hold("waits for a free place (max_running)")


def _watch(standing: Standing, facts: Facts, *, now: datetime) -> Step:
    look, run = facts.look, standing.run
    if look is None or look.sight is Sight.UNKNOWN or run is None:
        return Hold(Sight.UNKNOWN.value)
    if not look.gone:
        until = standing.timeout_at
        return TimeOut() if until is not None and now >= until else _alive(standing, facts)
    missed = run.missed + 1
    sure = look.told and standing.session is not None and standing.session.attend is not None
    return Declare(look) if sure or missed >= facts.dead_cycles else Note(missed, look)


def _alive(standing: Standing, facts: Facts) -> Step:
    if standing.run and standing.run.missed:
        return Clear()
    return Learn() if facts.unnamed else Rest("its process is alive in its pane")


def _dead(standing: Standing, facts: Facts, *, now: datetime) -> Step:
    past = standing.past(resumable=facts.resumable, now=now)
    match resume.decide(past, standing.agent.policy, now=now):
        case resume.Resume(attempt):
            if facts.blocked:
                return Hold(facts.blocked)
            return Bring(attempt) if facts.room else Hold("waits for a free place (max_running)")
        case resume.Wait(until, reason):
            return Hold(reason.value, until)
        case resume.GiveUp(reason):
            return GiveUp(reason)
        case left:
            return Rest(left.reason.value)
