"""What is started by the clock."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Unicode,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from genie.adapters.postgres.tables._made_of import key, maybe, metadata, need, one_of, time, to, uuid, words
from genie.domain.schedule import Missed, Outcome, Overlap, What

# What is started by the clock. Due times up to `seen` have been dealt with.
schedules = Table(
    "schedules",
    metadata,
    uuid("id"),
    need("name", Text),
    need("host", Text),
    need("kind", Text),
    Column("wanted", JSONB(), nullable=False),
    Column("trigger", JSONB(), nullable=False),
    need("timezone", Text),
    need("missed", Text),
    need("overlap", Text),
    need("paused", Boolean),
    time("seen"),
    time("created_at"),
    need("created_by", Text),
    key("schedules", "id"),
    UniqueConstraint("name", name="schedules_name_key"),
    to("schedules", "host", "hosts.id"),
    CheckConstraint(f"kind in ({words(What)})", name="schedules_kind"),
    one_of("missed", Missed, "schedules"),
    one_of("overlap", Overlap, "schedules"),
)

# One row a due time that was dealt with. No foreign keys to what was started: that may be swept before.
schedule_fires = Table(
    "schedule_fires",
    metadata,
    uuid("schedule_id"),
    time("due"),
    need("by_hand", Boolean),
    need("outcome", Text),
    maybe("detail", Text),
    need("passed", Integer),
    uuid("agent_id", null=True),
    uuid("session_id", null=True),
    time("claimed_at"),
    time("settled_at", null=True),
    key("schedule_fires", "schedule_id", "due"),
    ForeignKeyConstraint(
        ["schedule_id"],
        ["schedules.id"],
        name="schedule_fires_schedule_id_fkey",
        ondelete="CASCADE",
        deferrable=True,
        initially="DEFERRED",
    ),
    one_of("outcome", Outcome, "schedule_fires"),
    Index("schedule_fires_claimed", "due", postgresql_where=text("outcome = 'claimed'")),
)

# APScheduler's own: what `genie.adapters.postgres.jobs` reads and writes.
apscheduler_jobs = Table(
    "apscheduler_jobs",
    metadata,
    Column("id", Unicode(191), nullable=False),
    Column("next_run_time", Double(), nullable=True),
    Column("job_state", LargeBinary(), nullable=False),
    key("apscheduler_jobs", "id"),
    Index("ix_apscheduler_jobs_next_run_time", "next_run_time"),
)
