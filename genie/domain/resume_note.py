"""What a resumed agent is told, so that it goes on with its work: its program comes up idle, and waits."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType

from genie.domain.activity import of_event, seen_only, stalled, started_only
from genie.domain.agent import Activity, Agent, Life
from genie.domain.conversation import words
from genie.domain.envelope import escape, escape_attribute, visible
from genie.domain.errors import BadInput
from genie.domain.events import Event, Kind
from genie.domain.session import Run, Sight

SILENT = "none"
"""The text that stands for no text."""
GO_ON = "Go on with your task where you left off. If it was finished, say so."
KINDS = (
    Kind.USER_MESSAGE,
    Kind.ASSISTANT_MESSAGE,
    Kind.REASONING,
    Kind.TOOL_CALL,
    Kind.TOOL_RESULT,
    Kind.USAGE_LIMIT_HIT,
    Kind.USAGE_LIMIT_RESUMED,
    Kind.SESSION_RESULT,
)
"""The events of a conversation that a turn is made of."""
LONGEST_PROMPT = 300
LONGEST_CALL = 120
MOST_CALLS = 5
_OPENS = "<genie-resume "
_PLACES = re.compile(r"\{(reason|unfinished|git_status|agent|team)\}")
_TELLING = ("command", "file_path", "path", "pattern", "query", "url", "description", "cmd")


# ---- what was unfinished ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The last turn of a conversation. `prompt` is what it was begun with, None where that is not known, `begun` when
    that was said. `calls` are the tool calls that have no result, by their ids. `over` says that it has ended, at
    `changed`; `limited` that a usage limit has cut it off; `answered` that the model has spoken last, with no call
    open."""

    prompt: str | None = None
    begun: datetime | None = None
    calls: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    over: bool = True
    limited: bool = False
    answered: bool = False
    changed: datetime | None = None


def last_turn(events: Iterable[Event]) -> Turn:
    """The turn that these events end with, oldest first. What sub-agents say is no part of it."""
    turn = Turn()
    for happened in events:
        if happened.payload.get("parent") is None:
            turn = _after(turn, happened)
    return turn


def _after(turn: Turn, happened: Event) -> Turn:
    answered = happened.kind is Kind.ASSISTANT_MESSAGE and not turn.calls
    payload, turn = happened.payload, replace(turn, changed=happened.at, answered=answered)
    call = words(payload.get("call")) or ""
    match happened.kind:
        case Kind.USER_MESSAGE if not payload.get("synthetic"):
            return _begun(turn, words(payload.get("text")) or "", at=happened.at)
        case Kind.TOOL_CALL:
            return replace(turn, over=False, calls={**turn.calls, call: _call(payload)})
        case Kind.TOOL_RESULT:
            return replace(turn, over=False, calls={id_: said for id_, said in turn.calls.items() if id_ != call})
        case Kind.USAGE_LIMIT_HIT:
            return replace(turn, over=False, limited=True)
        case Kind.USAGE_LIMIT_RESUMED:
            return replace(turn, over=False, limited=False)
    said = of_event(happened)
    over = payload.get("last") is True or (said is not None and said.says in (Activity.IDLE, Activity.ERROR))
    return replace(turn, over=over and not turn.limited, calls={} if over else turn.calls)


def _begun(turn: Turn, text: str, *, at: datetime) -> Turn:
    """A note of ours goes on with what was there before it."""
    prompt = turn.prompt if is_note(text) else text
    return Turn(prompt=prompt, begun=at, over=False, changed=at)


def _call(payload: Mapping[str, object]) -> str:
    """A tool call in a few words."""
    tool, given = words(payload.get("tool")) or "a tool", payload.get("input")
    said = given if isinstance(given, str) else None
    if isinstance(given, Mapping):
        said = next((one for key in _TELLING if (one := words(given.get(key)))), None)
    path = words(payload.get("path"))
    return f"{tool}: {_line(said or path or '', LONGEST_CALL)}" if said or path else tool


def is_unfinished(agent: Agent, turn: Turn) -> bool:
    """Whether the agent's last run has ended in the midst of a turn. What it was doing counts, as far as somebody has
    told; what its conversation says, where nobody has, and where it is newer."""
    # A turn that took no longer than a moment is in its conversation alone: it was idle before, and again after it.
    later = turn.begun is not None and turn.begun > agent.activity_since and not (turn.over or turn.answered)
    newer = turn.changed is not None and (turn.changed >= agent.activity_since or seen_only(agent))
    over = turn.over and newer
    match agent.activity:
        case Activity.IDLE:
            return later
        case Activity.WORKING | Activity.PERMISSION:
            return not over
        case Activity.QUESTION if not started_only(agent):
            return not over
        case Activity.ERROR if not stalled(agent):
            return later
        case _:
            return not (turn.over or turn.answered)


# ---- why it has ended ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is known of an end besides the registry's row. `sight` is what was seen last of its pane, `rebooted` that
    the host has been started since, `starved` that the kernel has killed something of it for want of memory, `limited`
    that its turn was cut off by a usage limit, which is over."""

    sight: Sight | None = None
    rebooted: bool = False
    starved: bool = False
    limited: bool = False


def reason(agent: Agent, run: Run, cause: Cause) -> str:
    """Why its last run has ended, as it is told itself."""
    if agent.life is Life.SUSPENDED:
        return "you were stopped with genie stop"
    if cause.limited and run.signal is None:
        return "you had met a usage limit, which is over now"
    if agent.life is Life.FAILED and agent.ending:
        return f"you were stopped by genie ({agent.ending.value})"
    if cause.starved:
        return f"{_end(run)}: it was out of memory"
    if cause.rebooted:
        return "the host was restarted"
    if cause.limited:
        return f"{_end(run)}, and the usage limit that had stopped you is over now"
    if run.signal is not None or run.exit_code is not None:
        return _end(run)
    seen = {
        Sight.MISSING: "your pane was closed",
        Sight.SERVER_GONE: "the tmux server of your pane has ended",
        Sight.FOREIGN: "your pane is another program's by now",
    }
    return seen.get(cause.sight, "your process has ended, nobody saw how") if cause.sight else _end(run)


def _end(run: Run) -> str:
    if run.signal is not None:
        return f"your process was killed by signal {run.signal}{_name(run.signal)}"
    if run.exit_code is not None:
        return f"your process has ended with exit code {run.exit_code}"
    return "your process has ended, nobody saw how"


def _name(number: int) -> str:
    try:
        return f" ({signal.Signals(number).name})"
    except ValueError:
        return ""


# ---- the note --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a note is made of. `changes` are lines of `git status --short` of `cwd`, empty for a clean work tree, None
    where it is none or was not asked."""

    agent: str
    team: str
    reason: str
    at: datetime
    cwd: str
    turn: Turn
    unfinished: bool
    changes: Sequence[str] | None = None


def check_on_resume(text: str) -> str:
    """The text itself. Raises BadInput for one that says nothing."""
    if not text.strip():
        raise BadInput("--on-resume says nothing", hint=f"a text, or {SILENT} for none")
    return text


def wants(on_resume: str | None, *, unfinished: bool) -> bool:
    """Whether there is something to tell: a text of the user's always, ours for an unfinished turn."""
    return unfinished if on_resume is None else on_resume != SILENT


def wants_changes(on_resume: str | None) -> bool:
    """Whether the git status is a part of the note."""
    return on_resume is None or "{git_status}" in on_resume


def note(facts: Facts, on_resume: str | None = None) -> str:
    """The prompt of a resume, in an envelope that says whose word it is."""
    text = _default(facts) if on_resume in (None, SILENT) else _filled(on_resume or "", facts)
    marks = {"agent": facts.agent, "reason": facts.reason, "ended": f"{facts.at:%Y-%m-%d %H:%M:%S} UTC"}
    said = " ".join(f'{name}="{escape_attribute(value)}"' for name, value in marks.items())
    return f"{_OPENS}{said}>{escape(text)}</genie-resume>"


def is_note(text: str) -> bool:
    """Whether a prompt is a note of ours."""
    return text.lstrip().startswith(_OPENS)


def _default(facts: Facts) -> str:
    parts = [f"You were brought back by genie: {facts.reason}, at {facts.at:%Y-%m-%d %H:%M:%S} UTC."]
    parts += [part for part in (_undone(facts), _status(facts)) if part]
    return "\n".join((*parts, GO_ON))


def _filled(text: str, facts: Facts) -> str:
    values = {
        "reason": facts.reason,
        "unfinished": _undone(facts) or "Nothing was unfinished.",
        "git_status": _status(facts) or "There is no git work tree.",
        "agent": facts.agent,
        "team": facts.team,
    }
    return _PLACES.sub(lambda found: values[found[1]], text)


def _undone(facts: Facts) -> str:
    """What was unfinished."""
    if not facts.unfinished:
        return ""
    turn = facts.turn
    lines = [f'Unfinished is your turn on: "{_line(turn.prompt, LONGEST_PROMPT)}"' if turn.prompt else ""]
    calls = list(turn.calls.values())
    lines += [f"Without a result, and perhaps done in part: {call}" for call in calls[:MOST_CALLS]]
    lines += [f"… and {len(calls) - MOST_CALLS} more tool calls" if len(calls) > MOST_CALLS else ""]
    return "\n".join(line for line in lines if line)


def _status(facts: Facts) -> str:
    if facts.changes is None:
        return ""
    if not facts.changes:
        return f"git status of {facts.cwd}: nothing is changed."
    return "\n".join((f"git status --short of {facts.cwd}:", *facts.changes))


def _line(text: str, most: int) -> str:
    """A text in one line that is not longer than that."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}\N{HORIZONTAL ELLIPSIS}"
