"""What an agent is doing, from what is told of it: evidence in, activity out. Never decides life.

The sources, from the most to the least exact: the provider's own registry of its processes, which is a state and is
right as long as its process lives; hooks, which come before it by a moment; the conversation, which tells of errors
and limits, and of turns where there is no registry; the title of the pane, which tells of a permission that nobody
else tells of. How they are weighed is docs/activity.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from genie.domain.agent import Activity, Agent, Life
from genie.domain.conversation import moment, words
from genie.domain.events import Event, Kind
from genie.domain.permission import QUESTIONS

TURN_OVER = frozenset({Activity.IDLE, Activity.UNKNOWN, Activity.ERROR, Activity.LIMITED})
"""What can be said when a turn has ended: an error or a limit that ended it goes before them."""
_STALLED = "it works, and the model has said nothing since"
URGENT = frozenset({Activity.PERMISSION, Activity.QUESTION, Activity.LIMITED, Activity.ERROR})
"""What somebody must be told at once."""


class Source(Enum):
    """Who tells of an activity. START is the absence of anybody."""

    START = "start"
    HOOK = "hook"
    REGISTRY = "registry"
    TRANSCRIPT = "transcript"
    TITLE = "title"
    STATUS = "status line"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was told. `says` is None where it only shows that something goes on. `waits` says that the model
    has the word now (True), that something else has it, such as a tool that runs (False), or nothing of this (None).
    `until` is the end of a usage limit, where it is known. `thread` is the provider's own id of the session that is
    meant."""

    source: Source
    at: datetime
    says: Activity | None
    detail: str = ""
    until: datetime | None = None
    waits: bool | None = None
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a run: the newest evidence of each source; the newest error and the newest limit; when its
    agent was last told to work; since when the model has had the word, None while it has not. `dialog` is a start-up
    dialog that its configuration leads to, `mute` says that its provider may say nothing before its first turn."""

    started: datetime
    hook: Evidence | None = None
    registry: Evidence | None = None
    transcript: Evidence | None = None
    title: Evidence | None = None
    status: Evidence | None = None
    error: Evidence | None = None
    limit: Evidence | None = None
    worked: datetime | None = None
    asked: datetime | None = None
    dialog: str = ""
    mute: bool = False

    @property
    def silent(self) -> bool:
        return self.hook is None and self.registry is None and self.transcript is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long what may be waited for. `start`: a sign of life of a new run. `settle`: a hook is believed against
    the registry. `stall`: the model may be silent. `linger`: a limited program may take to go on after the reset.
    `quiet`: between two changes that nobody must be told at once."""

    start: timedelta = timedelta(seconds=3)
    settle: timedelta = timedelta(seconds=2)
    stall: timedelta = timedelta(minutes=10)
    linger: timedelta = timedelta(minutes=3)
    quiet: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What an agent is doing, since when, and by whose word; `again` is when time alone may change it."""

    activity: Activity
    since: datetime
    source: str
    again: datetime | None = None


# ---- evidence in ----------------------------------------------------------------------------


def note(known: Known, said: Evidence, *, now: datetime) -> Known:
    """What is known with one thing more. What is older than what the same source has told changes nothing; what
    comes from the future, by a clock that was set back, is of now."""
    said = replace(said, at=min(said.at, now))
    if said.source is Source.TITLE:
        return replace(known, title=said)
    if said.source is Source.STATUS:
        # What costs something was said by the model, which therefore is not silent.
        asked = max(said.at, known.asked) if known.asked and said.waits else known.asked
        return replace(known, status=said, asked=asked)
    before = {Source.HOOK: known.hook, Source.REGISTRY: known.registry}.get(said.source, known.transcript)
    if before is not None and said.at < before.at:
        return known
    if said.says is None:
        return _turned(known, said)
    return _turned(_faulted(_newest(known, said), said), said)


def _newest(known: Known, said: Evidence) -> Known:
    if said.source is Source.HOOK:
        return replace(known, hook=said)
    if said.source is Source.REGISTRY:
        return replace(known, registry=said)
    return replace(known, transcript=said)


def _faulted(known: Known, said: Evidence) -> Known:
    if said.says is Activity.ERROR:
        return replace(known, error=said)
    if said.says is Activity.LIMITED:
        return replace(known, limit=said)
    return known


def _turned(known: Known, said: Evidence) -> Known:
    """When it was told to work last, and who has the word after it."""
    if said.says is Activity.WORKING:
        known = replace(known, worked=max(said.at, known.worked or said.at))
    if said.says in TURN_OVER or said.waits is False:
        return replace(known, asked=None)
    if said.waits:
        return replace(known, asked=max(said.at, known.asked or said.at))
    return known


def without_registry(known: Known) -> Known:
    """The provider's entry has gone, or is not of this process."""
    return replace(known, registry=None)


# ---- activity out ---------------------------------------------------------------------------


def judge(known: Known, patience: Patience, *, now: datetime) -> Reading:
    """What the agent is doing, as far as can be told."""
    if known.silent:
        return _plain(known.title) if known.title else _unheard(known, patience, now=now)
    base, again = _present(known, patience, now=now)
    found = _fault(known, base, patience, now=now) or _stall(known, base, patience, now=now) or _plain(base)
    return replace(found, again=min((at for at in (found.again, again) if at), default=None))


def _unheard(known: Known, patience: Patience, *, now: datetime) -> Reading:
    """A program that shows no sign of life stands before a dialog, or is one that shows none."""
    due = known.started + patience.start
    seconds = f"{patience.start.total_seconds():g} s"
    if now < due:
        return Reading(activity=Activity.STARTING, since=known.started, source="start: just started", again=due)
    if known.mute and not known.dialog:
        return Reading(activity=Activity.UNKNOWN, since=due, source=f"start: nothing told within {seconds}")
    dialog = known.dialog or "a start-up dialog"
    told = f"start: no sign of life within {seconds}; it probably shows {dialog}"
    return Reading(activity=Activity.QUESTION, since=due, source=told)


def _present(known: Known, patience: Patience, *, now: datetime) -> tuple[Evidence, datetime | None]:
    """The evidence that counts now, and when another may."""
    hook, registry = known.hook, known.registry
    if registry is None:
        base, again = _without(known, patience, now=now)
        return _titled(known, base, patience), again
    if hook is not None and hook.at > registry.at and now < hook.at + patience.settle:
        return hook, hook.at + patience.settle
    return registry, None


def _without(known: Known, patience: Patience, *, now: datetime) -> tuple[Evidence, datetime | None]:
    """Where there is no registry: the newest word. A program that has said that it is up, and begins no turn, waits for
    one: members of a team of Claude Code's own have no entry there. Helpers of a `mute` program end turns of their own
    by the same hook: its transcript, which tells of the end of each turn, has the last word about it after a moment."""
    hook, transcript = known.hook, known.transcript
    newest = max((one for one in (transcript, hook) if one is not None), key=lambda one: one.at)
    if newest.says is Activity.STARTING:
        due = newest.at + patience.start
        up = replace(newest, at=due, says=Activity.IDLE, detail=f"{newest.detail}, and no turn since")
        return (newest, due) if now < due else (up, None)
    if not known.mute or transcript is None or newest is transcript or newest.says is not Activity.IDLE:
        return newest, None
    due = newest.at + patience.settle
    return (newest, due) if now < due else (transcript, None)


def _titled(known: Known, base: Evidence, patience: Patience) -> Evidence:
    """The weakest word: a title asks for a permission where the others say that it works, and nobody has told of any
    work since."""
    title = known.title
    if title is None or title.says is not Activity.PERMISSION or base.says is not Activity.WORKING:
        return base
    return base if base.at > title.at + patience.settle else title


def _fault(known: Known, base: Evidence, patience: Patience, *, now: datetime) -> Reading | None:
    """A limit, or else an error, that has ended the last turn."""
    if base.says not in TURN_OVER:
        return None
    limit, error = known.limit, known.error
    if limit and _still(known, limit):
        over = limit.until + patience.linger if limit.until else None
        if over is None or now < over:
            return replace(_plain(limit), again=over)
    return _plain(error) if error and _still(known, error) else None


def _still(known: Known, fault: Evidence) -> bool:
    return known.worked is None or known.worked <= fault.at


def _stall(known: Known, base: Evidence, patience: Patience, *, now: datetime) -> Reading | None:
    asked, worked = known.asked, known.worked
    if base.says is not Activity.WORKING or asked is None or worked is None:
        return None
    if worked > asked + patience.settle:  # it was told to go on since, and nothing of that was heard yet
        return None
    due = asked + patience.stall
    if now < due:
        return replace(_plain(base), again=due)
    told = f"{base.source.value}: {_STALLED} {asked:%Y-%m-%d %H:%M:%S} UTC"
    return Reading(activity=Activity.ERROR, since=due, source=told)


def _plain(said: Evidence) -> Reading:
    """As it was told."""
    reset = f", until {said.until:%Y-%m-%d %H:%M:%S} UTC" if said.until else ""
    return Reading(
        activity=said.says or Activity.UNKNOWN,
        since=said.at,
        source=f"{said.source.value}: {said.detail}{reset}",
    )


# ---- how it is kept and shown ---------------------------------------------------------------


def evidence(known: Known) -> tuple[Evidence, ...]:
    """The newest word of each source, the newest first."""
    told = (known.hook, known.registry, known.transcript, known.title, known.status)
    return tuple(sorted((one for one in told if one is not None), key=lambda one: one.at, reverse=True))


def kept(known: Known, agent: Agent) -> Known:
    """What is known with what the agent's row says of this run: for who begins to listen in the midst of it."""
    name, _, detail = agent.activity_source.partition(": ")
    if agent.activity_since < known.started or name not in (Source.HOOK.value, Source.TRANSCRIPT.value):
        return known
    until = agent.limited_until if agent.activity is Activity.LIMITED else None
    detail = detail.partition(", until ")[0] if until else detail
    said = Evidence(
        source=Source(name), at=agent.activity_since, says=agent.activity, detail=detail or "usage limit", until=until
    )
    return note(known, said, now=agent.activity_since)


def announced(agent: Agent) -> bool:
    """Whether the change to its activity was told of: who only notes it leaves out the detail."""
    return ": " in agent.activity_source


def stalled(agent: Agent) -> bool:
    """Whether its error is that its turn goes on without a word."""
    return _STALLED in agent.activity_source


def started_only(agent: Agent) -> bool:
    """Whether its activity is only what was thought of a program that had told nothing yet."""
    return agent.activity_source.startswith(f"{Source.START.value}: ")


def seen_only(agent: Agent) -> bool:
    """Whether nobody has told of its activity: it was seen in the title of its pane, which is looked at now and then,
    so that it may have been over at the time."""
    return agent.activity_source.startswith(f"{Source.TITLE.value}: ")


def shown(agent: Agent) -> Activity:
    """Its activity for people: of a run that has ended, only a limit still matters."""
    if agent.life is Life.RUNNING or agent.activity is Activity.LIMITED:
        return agent.activity
    return Activity.UNKNOWN


# ---- what the conversation tells ------------------------------------------------------------

_WORKS = {
    Kind.USER_MESSAGE: True,
    Kind.ASSISTANT_MESSAGE: True,
    Kind.REASONING: True,
    Kind.TOOL_CALL: False,
    Kind.TOOL_RESULT: True,
}
"""What is said within a turn, and whether the model has the word after it."""
_STATUS = {
    "turn_duration": Activity.IDLE,
    "api_error": Activity.ERROR,
    "event_msg/task_started": Activity.WORKING,
    "session_ready": Activity.IDLE,
}
_STATES = {"running": Activity.WORKING, "idle": Activity.IDLE}
"""What a session says of itself that is fed. `running` comes with each turn, and after each answer to what it asked;
what it says while it asks tells less than the question."""


def of_event(happened: Event) -> Evidence | None:
    """What an event of a session tells of its agent's activity. What a sub-agent says tells only that something
    goes on."""
    payload = happened.payload
    if payload.get("parent") is not None:
        return _said(happened, None)
    if happened.kind in _WORKS:
        return _said(happened, Activity.WORKING, waits=_WORKS[happened.kind])
    if happened.kind is Kind.USAGE_LIMIT_HIT:
        return replace(_said(happened, Activity.LIMITED, "usage limit"), until=moment(payload.get("resets_at")))
    if happened.kind is Kind.USAGE_LIMIT_RESUMED:
        return _said(happened, Activity.WORKING, waits=True)
    if happened.kind is Kind.SESSION_RESULT:
        broken_off = (words(payload.get("reason")) or "").startswith(("interrupted", "aborted"))
        failed = payload.get("is_error") is True and not broken_off
        return _said(happened, Activity.ERROR if failed else Activity.IDLE, _reason(payload))
    return _of_question(happened) if happened.kind is Kind.PERMISSION else _of_status(happened)


def _of_question(happened: Event) -> Evidence | None:
    """A session that is fed asks who feeds it."""
    if happened.payload.get("decision") != "asked":
        return None
    tool = words(happened.payload.get("tool"))
    says = Activity.QUESTION if tool in QUESTIONS else Activity.PERMISSION
    return _said(happened, says, f"asks for {tool}", waits=False)


def _of_status(happened: Event) -> Evidence | None:
    status = words(happened.payload.get("status"))
    if happened.kind is Kind.PROVIDER_STATUS and status == "session_state_changed":
        return _of_state(happened)
    if happened.kind is not Kind.PROVIDER_STATUS or status not in _STATUS:
        return None
    says = _STATUS[status]
    detail = _reason(happened.payload) if says is Activity.ERROR else status.rpartition("/")[2]
    return _said(happened, says, detail, waits=True if says is Activity.WORKING else None)


def _of_state(happened: Event) -> Evidence | None:
    raw = happened.payload.get("raw")
    state = str(raw.get("state")) if isinstance(raw, Mapping) else ""
    says = _STATES.get(state)
    return _said(happened, says, f"session is {state}", waits=says is Activity.WORKING or None) if says else None


def _reason(payload: Mapping[str, object]) -> str:
    """One line at most."""
    for key in ("error", "text"):
        text = words(payload.get(key))
        if text and (payload.get("is_error") is True or payload.get("status") == "api_error"):
            return text.partition("\n")[0][:120]
    return "the turn has ended"


def _said(happened: Event, says: Activity | None, detail: str = "", *, waits: bool | None = None) -> Evidence:
    told = detail or happened.kind.word.replace("_", " ")
    return Evidence(source=Source.TRANSCRIPT, at=happened.at, says=says, detail=told, waits=waits)
