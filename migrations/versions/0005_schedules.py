"""Sessions that start by the clock: what is to be started and when, what became of each time that was due, and the
table where APScheduler keeps its jobs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _time(name: str, *, null: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.Column("trigger", JSONB(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("missed", sa.Text(), nullable=False),
        sa.Column("overlap", sa.Text(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        _time("seen"),
        _time("created_at"),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="schedules_pkey"),
        sa.UniqueConstraint("name", name="schedules_name_key"),
        sa.ForeignKeyConstraint(
            ["host"], ["hosts.id"], name="schedules_host_fkey", deferrable=True, initially="DEFERRED"
        ),
        sa.CheckConstraint("kind in ('spawn', 'run')", name="schedules_kind"),
        sa.CheckConstraint("missed in ('run-once', 'run-all', 'skip')", name="schedules_missed"),
        sa.CheckConstraint("overlap in ('skip', 'allow')", name="schedules_overlap"),
    )
    op.create_table(
        "schedule_fires",
        sa.Column("schedule_id", sa.Uuid(), nullable=False),
        _time("due"),
        sa.Column("by_hand", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("passed", sa.Integer(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        _time("claimed_at"),
        _time("settled_at", null=True),
        sa.PrimaryKeyConstraint("schedule_id", "due", name="schedule_fires_pkey"),
        sa.ForeignKeyConstraint(
            ["schedule_id"],
            ["schedules.id"],
            name="schedule_fires_schedule_id_fkey",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
        sa.CheckConstraint("outcome in ('claimed', 'started', 'skipped', 'failed')", name="schedule_fires_outcome"),
    )
    op.create_index(
        "schedule_fires_claimed", "schedule_fires", ["due"], postgresql_where=sa.text("outcome = 'claimed'")
    )
    op.create_table(
        "apscheduler_jobs",
        sa.Column("id", sa.Unicode(191), nullable=False),
        sa.Column("next_run_time", sa.Double(), nullable=True),
        sa.Column("job_state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="apscheduler_jobs_pkey"),
    )
    op.create_index("ix_apscheduler_jobs_next_run_time", "apscheduler_jobs", ["next_run_time"])
