"""What happened: events, past tense. Each is written in the transaction of the change it tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

from genie.domain.agent import Agent
from genie.domain.errors import BadInput
from genie.domain.session import Run
from genie.domain.words import nearest


class Kind(Enum):
    """The kinds of events: `agent.` of an agent's life, `session.` of what is said in a session."""

    REQUESTED = "agent.requested"
    QUEUED = "agent.queued"
    SPAWNING = "agent.spawning"
    RUNNING = "agent.running"
    STOP_REQUESTED = "agent.stop_requested"
    STOPPED = "agent.stopped"
    KILL_REQUESTED = "agent.kill_requested"
    TERMINATED = "agent.terminated"
    DIED = "agent.died"
    RESUME_CLAIMED = "agent.resume_claimed"
    RESUME_FAILED = "agent.resume_failed"
    RESUMED = "agent.resumed"
    EXHAUSTED = "agent.exhausted"
    DONE = "agent.done"
    FAILED = "agent.failed"
    ADOPTED = "agent.adopted"
    PANE_FOREIGN = "agent.pane_foreign"
    SURVIVORS = "agent.survivors"
    SESSION_CAPTURED = "agent.session_captured"
    ACTIVITY = "agent.activity"
    LIMIT_NEAR = "agent.limit_near"
    DIALOG_ACCEPTED = "agent.dialog_accepted"
    SPAWN_REFUSED = "agent.spawn_refused"
    TTL_EXPIRED = "agent.ttl_expired"
    QUOTA_EXCEEDED = "agent.quota_exceeded"
    ORPHANED = "agent.orphaned"
    REPARENTED = "agent.reparented"
    MOVED = "agent.moved"
    WORKTREE_KEPT = "agent.worktree_kept"
    WORKTREE_REMOVED = "agent.worktree_removed"
    NATIVE_LEFT_OUT = "agent.native_left_out"
    TEAM_CREATED = "team.created"
    TEAM_CHANGED = "team.changed"
    TEAM_RENAMED = "team.renamed"
    TEAM_ARCHIVED = "team.archived"
    TEAM_UNARCHIVED = "team.unarchived"
    TEAM_DISBANDED = "team.disbanded"
    MESSAGE_QUEUED = "message.queued"
    MESSAGE_DELIVERED = "message.delivered"
    MESSAGE_ANSWERED = "message.answered"
    MESSAGE_FAILED = "message.failed"
    MESSAGE_UNPROVEN = "message.unproven"
    PERMISSION_ASKED = "permission.asked"
    PERMISSION_ANSWERED = "permission.answered"
    PERMISSION_WITHDRAWN = "permission.withdrawn"
    PERMISSION_EXPIRED = "permission.expired"
    DAEMON_STARTED = "daemon.started"
    DAEMON_STOPPED = "daemon.stopped"
    SESSION_STARTED = "session.session_started"
    USER_MESSAGE = "session.user_message"
    ASSISTANT_MESSAGE = "session.assistant_message"
    REASONING = "session.reasoning"
    TOOL_CALL = "session.tool_call"
    TOOL_RESULT = "session.tool_result"
    PERMISSION = "session.permission"
    PROVIDER_STATUS = "session.provider_status"
    STDOUT = "session.stdout"
    STDERR = "session.stderr"
    PARSE_WARNING = "session.parse_warning"
    SESSION_RESULT = "session.session_result"
    SESSION_ENDED = "session.session_ended"
    USAGE = "session.usage"
    USAGE_LIMIT_HIT = "session.usage_limit_hit"
    USAGE_LIMIT_RESUMED = "session.usage_limit_resumed"
    USER_EVENT = "session.user_event"
    HEARTBEAT = "session.heartbeat"

    @property
    def word(self) -> str:
        """It without its prefix: "failed"."""
        return self.value.partition(".")[2]


CHANGES = tuple(kind for kind in Kind if kind.value.startswith("agent."))
"""What tells of a change of an agent, not of what is said in its session."""


SAID = tuple(kind for kind in Kind if kind.value.startswith("session."))
"""What is said in a session: a kind for each `ConversationKind`, with the prefix."""


def kinds_of(words: Iterable[str]) -> tuple[Kind, ...]:
    """The kinds that these words name, with their prefix or without: "stopped" is an agent's and not a daemon's.
    Raises BadInput with the nearest word."""
    return tuple(dict.fromkeys(_kind_of(word) for word in words))


def _kind_of(word: str) -> Kind:
    for kind in Kind:
        if word in (kind.value, kind.word):
            return kind
    known = {kind.value if "." in word else kind.word for kind in Kind}
    raise BadInput(f"unknown type of event '{word}'", hint=nearest(word, known))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`id` is global, in the order of commits; `seq` counts within a session. Both are None until
    the registry has given them."""

    kind: Kind
    at: datetime
    agent: UUID | None = None
    session: UUID | None = None
    run: UUID | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    id: int | None = None
    seq: int | None = None


def event(kind: Kind, agent: Agent, run: Run | None = None, /, *, at: datetime, **payload: object) -> Event:
    """An event of an agent's life, on its current session. Payload values that are None are left out."""
    said = {key: value for key, value in payload.items() if value is not None}
    return Event(kind=kind, at=at, agent=agent.id, session=agent.session, run=run.id if run else None, payload=said)
