"""What answers hold; kept apart since building these types takes longer than a request.

Times are texts in ISO format, in UTC; durations are seconds. An answer of a newer daemon may hold more.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class PlacedRow(TypedDict):
    """What every answer about an agent has.

    `state` is queued, spawning, running, suspended, dead, resuming, done, failed or terminated; `team_tier` says which
    of the five ways has found the team. `pid` is there while it lives.
    """

    name: str
    run_id: str | None
    team: str | None
    team_tier: int | None
    team_explicit: bool
    role: str
    state: str
    provider: str
    model: str | None
    pane: str | None
    pid: int | None
    tmux_session: str | None
    window: str | None
    host: str
    cwd: str
    depth: int


class AgentRow(PlacedRow):
    """An agent, as `genie ls` has it. `meter` is what its status line has told last: `at`, `model`, `cost` in US
    dollars, `context` in percent, `limits`. `root` is the top of its spawn tree; `exit_code` and `signal` are those of
    its last process, once that has ended."""

    session_id: str | None
    parent: str | None
    root: str | None
    orphan: bool
    termination: str
    activity: str
    activity_since: str | None
    activity_source: str
    meter: NotRequired[dict[str, Any] | None]
    resume_attempts: int
    max_resume_attempts: int
    auto_resume: bool
    restart: str
    next_resume_at: str | None
    reason: str | None
    exit_code: int | None
    signal: int | None
    tags: list[str]
    description: str | None
    color: str | None
    ttl: float | None
    expires_at: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    last_seen_at: str | None


class SpawnRow(PlacedRow):
    """What a spawn has done: `decision` is create, resume or parallel, and `reason` says why. A dry run answers with
    the plan instead: `argv`, `template`, `team_chain` …"""

    session_id: str
    parent: str | None
    expires_at: str | None
    decision: str
    reason: str
    overrides: list[dict[str, Any]]
    warnings: list[str]
    worktree: str | None
    branch: str | None


class RunRow(SpawnRow):
    """What a run has started. `log_path` is the file of what its program says; `input_path` the FIFO of one that is fed
    (`interactive`); `depends_on` the ids of what it waits for while it is queued."""

    log_path: str | None
    input_path: str | None
    interactive: bool
    depends_on: list[str]


class ErrorRow(TypedDict):
    """What went wrong with one of several: `code` and `message`, what to do (`hint`), and details."""

    code: str
    message: str
    hint: str


class RetryRow(RunRow):
    """A session that was run once more, in all `attempts` times. With `ok` false there are only `name`, `retried_from`
    and the `error`."""

    ok: bool
    retried_from: str
    attempts: int
    error: NotRequired[ErrorRow]


class InputRow(TypedDict):
    """Whether a session has got a message, or will: its `id` and its `state` as `send` tells them."""

    name: str
    session_id: str | None
    id: str | None
    state: str | None
    ok: bool
    error: NotRequired[ErrorRow]


class ActRow(TypedDict):
    """What became of one agent: `outcome` in a word or two, `state` None where it failed."""

    name: str
    state: str | None
    outcome: str
    detail: str
    error: ErrorRow | None


class SessionRow(TypedDict):
    """A session that a selection means. `past_session` is the id of an earlier one, where that was named."""

    session_id: str | None
    name: str
    state: str
    reason: str | None
    agent_id: str
    ended: bool
    past_session: str | None


class Selected(TypedDict):
    """What a selection means; `notes` are for people, `after` is the last event before it was looked at."""

    sessions: list[SessionRow]
    notes: list[str]
    after: int


class EndRow(TypedDict):
    """How a session has ended: with `success` where its `state` is done."""

    session_id: str | None
    name: str
    success: bool
    state: str
    reason: str | None
    agent_id: str


class LastEvent(TypedDict):
    kind: str
    at: str


class StatusRow(TypedDict):
    """How a session is. `status` is queued, running, idle, waiting, limited, suspended, dead, completed, failed or
    terminated; `heartbeat_age` is in seconds; `notes` are for people."""

    status: str
    session_id: str | None
    past_session: str | None
    name: str
    state: str
    pid: int | None
    activity: str
    activity_since: str | None
    last_event: LastEvent | None
    heartbeat_age: float | None
    reason: str | None
    notes: list[str]


class Usage(TypedDict):
    """Tokens, and the price in US dollars where the provider tells it."""

    input: int
    output: int
    cache_read: int
    cache_write: int
    cost: float | None


class OutputRow(TypedDict):
    """The result of a session: None for one that has ended well and said nothing."""

    session_id: str
    name: str
    result: str | None


class KnownRow(TypedDict):
    """Whose outcome it is. `status` as in StatusRow."""

    session_id: str | None
    name: str
    provider: str
    model: str | None
    status: str


class ResultRow(KnownRow):
    """What a session has come to. `structured` is there where its result is JSON that was asked for."""

    result_text: str | None
    error: str | None
    usage: Usage
    structured: NotRequired[Any]


class SummaryRow(KnownRow):
    """What a session did: calls by tool, files that were written, seconds that its processes have lived."""

    turns: int
    tool_calls: dict[str, int]
    files_written: list[str]
    duration: float
    usage: Usage
    result_head: str | None
    error: str | None


class EventRow(TypedDict):
    """Something that happened. `id` counts in the registry, `seq` in the session. `kind` is agent.… for what becomes of
    an agent, session.… for what is said; `payload` depends on it."""

    id: int
    seq: int | None
    at: str
    kind: str
    agent: str | None
    name: str | None
    session_id: str | None
    run_id: str | None
    payload: dict[str, Any]


class DoneRow(TypedDict):
    """A result that was submitted; `replaced` where it took the place of an earlier one."""

    session_id: str
    name: str
    submitted: bool
    replaced: bool
