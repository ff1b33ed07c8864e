"""The registry's tables: what the migrations must arrive at, and what the statements are made from.

`sqlalchemy.orm` is never imported here: it doubles the time that the daemon takes to start.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    Unicode,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

from genie.domain.agent import Activity, Desired, Life, Reason, Restart, Why
from genie.domain.message import Channel, State
from genie.domain.result import Bond
from genie.domain.schedule import Missed, Outcome, Overlap, What

metadata = MetaData()


def words(values: Iterable[Enum]) -> str:
    """The values of an Enum as a list for SQL."""
    return ", ".join(f"'{value.value}'" for value in values)


def _one_of(column: str, values: type[Enum], table: str) -> CheckConstraint:
    return CheckConstraint(f"{column} in ({words(values)})", name=f"{table}_{column}")


def _key(table: str, *columns: str) -> PrimaryKeyConstraint:
    return PrimaryKeyConstraint(*columns, name=f"{table}_pkey")


def _to(table: str, column: str, target: str) -> ForeignKeyConstraint:
    """Deferred: an agent, its session and its run point at each other."""
    circular = table == "agents" and column in ("session_id", "run_id")
    return ForeignKeyConstraint(
        [column],
        [target],
        name=f"{table}_{column}_fkey",
        deferrable=True,
        initially="DEFERRED",
        use_alter=circular,
    )


def _need(name: str, kind: type[Text | Boolean | Integer | SmallInteger | BigInteger | Interval]) -> Column[object]:
    return Column(name, kind(), nullable=False)


def _maybe(name: str, kind: type[Text | Integer | SmallInteger]) -> Column[object]:
    return Column(name, kind(), nullable=True)


def _uuid(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, Uuid(), nullable=null)


def _time(name: str, *, null: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=null)


def _texts(name: str) -> Column[object]:
    return Column(name, ARRAY(Text()), nullable=False)


hosts = Table(
    "hosts",
    metadata,
    _need("id", Text),
    _need("name", Text),
    _need("boot", Text),
    _time("joined_at"),
    Column("beats", BigInteger(), nullable=False, server_default=text("0")),
    _time("last_beat_at", null=True),
    _key("hosts", "id"),
)

teams = Table(
    "teams",
    metadata,
    _uuid("id"),
    _need("name", Text),
    _maybe("lead", Text),
    _need("tmux_session", Text),
    _need("layout", Text),
    _need("cwd", Text),
    _time("created_at"),
    Column("spawn", JSONB(), nullable=False),
    _time("archived_at", null=True),
    _time("disbanded_at", null=True),
    _key("teams", "id"),
    UniqueConstraint("name", name="teams_name_key"),
)

agent_templates = Table(
    "agent_templates",
    metadata,
    _need("host", Text),
    _need("source", Text),
    _need("name", Text),
    _need("scope", Text),
    _need("checksum", Text),
    _need("prompt", Text),
    Column("fields", JSONB(), nullable=False),
    _time("read_at"),
    _key("agent_templates", "host", "source"),
    Index("agent_templates_name", "name"),
)

agents = Table(
    "agents",
    metadata,
    _uuid("id"),
    _need("name", Text),
    _need("role", Text),
    _need("host", Text),
    _need("team", Text),
    _maybe("team_tier", SmallInteger),
    _need("team_explicit", Boolean),
    Column("team_chain", JSONB(), nullable=False),
    _need("provider", Text),
    _maybe("model", Text),
    _need("color", Text),
    _need("life", Text),
    _need("desired", Text),
    _maybe("reason", Text),
    _need("activity", Text),
    _time("activity_since"),
    _need("activity_source", Text),
    _uuid("session_id", null=True),
    _uuid("run_id", null=True),
    _need("auto_resume", Boolean),
    _need("restart", Text),
    _need("max_attempts", Integer),
    _need("cooldown", Interval),
    _need("stable_after", Interval),
    _need("attempts", Integer),
    _time("last_attempt", null=True),
    _time("limited_until", null=True),
    _need("cwd", Text),
    _texts("tags"),
    _need("description", Text),
    _uuid("parent", null=True),
    _need("depth", Integer),
    _need("socket", Text),
    _need("tmux_session", Text),
    _need("tmux_window", Text),
    _need("layout", Text),
    _maybe("beside", Text),
    _need("own_window", Boolean),
    _time("created_at"),
    _time("changed_at"),
    _need("version", BigInteger),
    _uuid("root"),
    Column("limits", JSONB(), nullable=False),
    Column("ttl", Interval(), nullable=True),
    _time("expires_at", null=True),
    _maybe("ending", Text),
    _uuid("suspended_with", null=True),
    _key("agents", "id"),
    _to("agents", "host", "hosts.id"),
    _to("agents", "team", "teams.name"),
    _to("agents", "session_id", "sessions.id"),
    _to("agents", "run_id", "runs.id"),
    _to("agents", "parent", "agents.id"),
    _one_of("life", Life, "agents"),
    _one_of("desired", Desired, "agents"),
    _one_of("activity", Activity, "agents"),
    _one_of("restart", Restart, "agents"),
    _one_of("ending", Reason, "agents"),
    # A reason may go on after a colon: "start_failed: no such file".
    CheckConstraint(
        f"life <> 'failed' or reason is null or split_part(reason, ':', 1) in ({words(Reason)})", name="agents_reason"
    ),
    CheckConstraint("team_tier between 1 and 5", name="agents_team_tier"),
    CheckConstraint("attempts >= 0", name="agents_attempts"),
    Index("agents_live_name", "name", unique=True, postgresql_where=text("life <> 'terminated'")),
    Index("agents_name", "name", "created_at"),
    Index(
        "agents_at_work",
        "host",
        postgresql_where=text("life in ('queued', 'spawning', 'running', 'dead', 'resuming')"),
    ),
    Index("agents_team", "team", "name"),
    Index("agents_parent", "parent", postgresql_where=text("parent is not null")),
    Index("agents_root", "root"),
    Index("agents_expiring", "host", "expires_at", postgresql_where=text("expires_at is not null")),
)

sessions = Table(
    "sessions",
    metadata,
    _uuid("id"),
    _uuid("agent_id"),
    _need("provider", Text),
    _maybe("provider_session", Text),
    _texts("argv"),
    _need("cwd", Text),
    _texts("env_names"),
    _maybe("prompt", Integer),
    _need("role_prompt", Text),
    _time("created_at"),
    _time("ended_at", null=True),
    _need("prompted", Boolean),
    Column("attend", JSONB(), nullable=True),
    _uuid("retried_from", null=True),
    _key("sessions", "id"),
    _to("sessions", "agent_id", "agents.id"),
    Index("sessions_agent", "agent_id", "created_at"),
)

_LIVE = text("ended_at is null")

runs = Table(
    "runs",
    metadata,
    _uuid("id"),
    _uuid("agent_id"),
    _uuid("session_id"),
    _need("why", Text),
    _need("attempt", Integer),
    _maybe("server_socket", Text),
    _maybe("server_pid", Integer),
    _maybe("server_started", Text),
    _maybe("pane", Text),
    _maybe("pane_pid", Integer),
    _maybe("pane_started", Text),
    _uuid("pane_run", null=True),
    _need("tmux_session", Text),
    _need("tmux_window", Text),
    _time("created_at"),
    _time("deadline"),
    _time("live_at", null=True),
    _time("ended_at", null=True),
    _maybe("exit_code", Integer),
    _maybe("signal", Integer),
    # Copies of the session's: an index cannot look into another table.
    _need("provider", Text),
    _maybe("provider_session", Text),
    _maybe("token", Text),
    _key("runs", "id"),
    _to("runs", "agent_id", "agents.id"),
    _to("runs", "session_id", "sessions.id"),
    _one_of("why", Why, "runs"),
    CheckConstraint(
        "num_nulls(server_socket, server_pid, server_started, pane, pane_pid, pane_started, pane_run) in (0, 7)",
        name="runs_pane",
    ),
    Index("runs_live_agent", "agent_id", unique=True, postgresql_where=_LIVE),
    Index("runs_live_session", "session_id", unique=True, postgresql_where=_LIVE),
    Index(
        "runs_live_provider_session",
        "provider",
        "provider_session",
        unique=True,
        postgresql_where=text("ended_at is null and provider_session is not null"),
    ),
    Index("runs_agent", "agent_id", "created_at"),
    Index("runs_token", "token", unique=True, postgresql_where=text("token is not null")),
)

# One row a spawn that was let into a tree; `line` are its ancestors of then. No foreign keys: it is a count.
spawns = Table(
    "spawns",
    metadata,
    Column("id", BigInteger(), Identity(always=True), nullable=False),
    _uuid("agent_id"),
    _uuid("parent"),
    Column("line", ARRAY(Uuid()), nullable=False),
    _time("at"),
    _key("spawns", "id"),
    Index("spawns_line", "line", postgresql_using="gin"),
    Index("spawns_parent", "parent", "at"),
)

# What runs used: as it was looked at (a span of 5 s), and the means of each minute and quarter of an hour, by the time
# their span begins. `n` is how many looks a row is made of. No foreign keys: they are many, and gone before the run is.
samples = Table(
    "samples",
    metadata,
    _uuid("run_id"),
    _need("span", SmallInteger),
    _time("at"),
    Column("cpu", REAL(), nullable=False),
    _need("rss", BigInteger),
    _need("rss_max", BigInteger),
    _need("processes", Integer),
    _need("n", Integer),
    _key("samples", "run_id", "span", "at"),
    CheckConstraint("span in (5, 60, 900)", name="samples_span"),
    Index("samples_at", "span", "at"),
)

# How far the file of a session's conversation has been read; `position` and `state` are the reader's own.
tapes = Table(
    "tapes",
    metadata,
    _uuid("session_id"),
    _need("provider", Text),
    _need("path", Text),
    _need("form", Text),
    Column("position", JSONB(), nullable=False),
    Column("state", JSONB(), nullable=False),
    _key("tapes", "session_id"),
    _to("tapes", "session_id", "sessions.id"),
)

# `success` is null before the end: then only what the session has submitted itself is here.
results = Table(
    "results",
    metadata,
    _uuid("session_id"),
    _uuid("agent_id"),
    Column("success", Boolean(), nullable=True),
    _maybe("text", Text),
    Column("structured", JSONB(), nullable=True),
    _need("submitted", Boolean),
    _maybe("error", Text),
    _need("turns", Integer),
    _need("input", BigInteger),
    _need("output", BigInteger),
    _need("cache_read", BigInteger),
    _need("cache_write", BigInteger),
    Column("cost", Double(), nullable=True),
    _maybe("exit_code", Integer),
    _maybe("signal", Integer),
    _time("at"),
    _key("results", "session_id"),
    _to("results", "session_id", "sessions.id"),
    _to("results", "agent_id", "agents.id"),
)

# What a session got from earlier ones, or waits for.
edges = Table(
    "edges",
    metadata,
    _uuid("session_id"),
    _uuid("source_id"),
    _need("bond", Text),
    _need("place", Integer),
    _key("edges", "session_id", "bond", "source_id"),
    _to("edges", "session_id", "sessions.id"),
    _to("edges", "source_id", "sessions.id"),
    _one_of("bond", Bond, "edges"),
    Index("edges_source", "source_id"),
)

# What was asked for when a session was run, for another try.
orders = Table(
    "orders",
    metadata,
    _uuid("session_id"),
    Column("wanted", JSONB(), nullable=False),
    _key("orders", "session_id"),
    _to("orders", "session_id", "sessions.id"),
)

# What is started by the clock. Due times up to `seen` have been dealt with.
schedules = Table(
    "schedules",
    metadata,
    _uuid("id"),
    _need("name", Text),
    _need("host", Text),
    _need("kind", Text),
    Column("wanted", JSONB(), nullable=False),
    Column("trigger", JSONB(), nullable=False),
    _need("timezone", Text),
    _need("missed", Text),
    _need("overlap", Text),
    _need("paused", Boolean),
    _time("seen"),
    _time("created_at"),
    _need("created_by", Text),
    _key("schedules", "id"),
    UniqueConstraint("name", name="schedules_name_key"),
    _to("schedules", "host", "hosts.id"),
    CheckConstraint(f"kind in ({words(What)})", name="schedules_kind"),
    _one_of("missed", Missed, "schedules"),
    _one_of("overlap", Overlap, "schedules"),
)

# One row a due time that was dealt with. No foreign keys to what was started: that may be swept before.
schedule_fires = Table(
    "schedule_fires",
    metadata,
    _uuid("schedule_id"),
    _time("due"),
    _need("by_hand", Boolean),
    _need("outcome", Text),
    _maybe("detail", Text),
    _need("passed", Integer),
    _uuid("agent_id", null=True),
    _uuid("session_id", null=True),
    _time("claimed_at"),
    _time("settled_at", null=True),
    _key("schedule_fires", "schedule_id", "due"),
    ForeignKeyConstraint(
        ["schedule_id"],
        ["schedules.id"],
        name="schedule_fires_schedule_id_fkey",
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
    _one_of("outcome", Outcome, "schedule_fires"),
    Index("schedule_fires_claimed", "due", postgresql_where=text("outcome = 'claimed'")),
)

# What was sent to agents. `body` is bytes: texts hold no NUL and no half of a surrogate pair. `sender_id` is zero for a
# person, so that a key counts for each sender.
messages = Table(
    "messages",
    metadata,
    Column("number", BigInteger(), Identity(always=True), nullable=False),
    _uuid("id"),
    _uuid("agent_id"),
    _uuid("sender_id"),
    _need("wrote", Text),
    Column("body", LargeBinary(), nullable=False),
    _need("raw", Boolean),
    _maybe("key", Text),
    _need("state", Text),
    _maybe("reason", Text),
    _need("tries", Integer),
    _time("next_try", null=True),
    _time("created_at"),
    _time("changed_at"),
    _maybe("channel", Text),
    _uuid("session_id", null=True),
    Column("after_seq", BigInteger(), nullable=True),
    _time("claimed_at", null=True),
    _time("deadline", null=True),
    Column("proof", BigInteger(), nullable=True),
    _maybe("answer", Text),
    _key("messages", "id"),
    UniqueConstraint("agent_id", "sender_id", "key", name="messages_key"),
    _to("messages", "agent_id", "agents.id"),
    _one_of("state", State, "messages"),
    _one_of("channel", Channel, "messages"),
    Index("messages_number", "number"),
    Index("messages_agent", "agent_id", "number"),
    Index(
        "messages_at_work",
        "agent_id",
        "number",
        postgresql_where=text("state in ('queued', 'delivering', 'delivered')"),
    ),
)

# APScheduler's own: what `genie.adapters.postgres.jobs` reads and writes.
apscheduler_jobs = Table(
    "apscheduler_jobs",
    metadata,
    Column("id", Unicode(191), nullable=False),
    Column("next_run_time", Double(), nullable=True),
    Column("job_state", LargeBinary(), nullable=False),
    _key("apscheduler_jobs", "id"),
    Index("ix_apscheduler_jobs_next_run_time", "next_run_time"),
)

heartbeats = Table(
    "heartbeats",
    metadata,
    _uuid("run_id"),
    _need("missed", Integer),
    _time("missed_since", null=True),
    _key("heartbeats", "run_id"),
    _to("heartbeats", "run_id", "runs.id"),
    CheckConstraint("missed >= 0", name="heartbeats_missed"),
)

resume_attempts = Table(
    "resume_attempts",
    metadata,
    _uuid("run_id"),
    _uuid("agent_id"),
    _need("number", Integer),
    _need("automatic", Boolean),
    _time("claimed_at"),
    _maybe("outcome", Text),
    _key("resume_attempts", "run_id"),
    _to("resume_attempts", "run_id", "runs.id"),
    _to("resume_attempts", "agent_id", "agents.id"),
    Index("resume_attempts_agent", "agent_id", "claimed_at"),
)

# `id` and `seq` are given by the trigger of the migration. No foreign keys: what happened outlives whom it
# happened to. `kind` is not checked: a newer genie on another host may know more kinds.
events = Table(
    "events",
    metadata,
    Column("id", BigInteger(), nullable=False, autoincrement=False),
    Column("seq", BigInteger(), nullable=True),
    _need("kind", Text),
    _time("at"),
    _uuid("agent_id", null=True),
    _uuid("session_id", null=True),
    _uuid("run_id", null=True),
    Column("payload", JSONB(), nullable=False),
    _key("events", "id"),
    Index("events_of_session", "session_id", "seq", unique=True),
    Index("events_of_agent", "agent_id", "id"),
)

# The words of what was said in conversations, for searching, and the last event that was looked at for them. Apart from
# the events, whose writing they would slow down; gone with them.
event_words = Table(
    "event_words",
    metadata,
    Column("event_id", BigInteger(), nullable=False, autoincrement=False),
    Column("words", TSVECTOR(), nullable=False),
    _key("event_words", "event_id"),
    ForeignKeyConstraint(["event_id"], ["events.id"], name="event_words_event_id_fkey", ondelete="CASCADE"),
    Index("event_words_words", "words", postgresql_using="gin"),
)

shelved = Table(
    "shelved",
    metadata,
    Column("only", Boolean(), nullable=False, server_default=text("true")),
    _need("last_id", BigInteger),
    _key("shelved", "only"),
    CheckConstraint('"only"', name="shelved_only"),
)
