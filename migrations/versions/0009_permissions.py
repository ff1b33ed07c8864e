"""What agents ask leave for, and what was answered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "permission_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("asked", JSONB(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("word", sa.Text(), nullable=True),
        sa.Column("said", sa.Text(), nullable=True),
        sa.Column("by_id", sa.Uuid(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="permission_requests_pkey"),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name="permission_requests_agent_id_fkey", deferrable=True, initially="DEFERRED"
        ),
        sa.CheckConstraint(
            "state in ('open', 'allowed', 'denied', 'withdrawn', 'expired')", name="permission_requests_state"
        ),
        sa.CheckConstraint("word in ('yes', 'no', 'always', 'text')", name="permission_requests_word"),
    )
    op.create_index("permission_requests_agent", "permission_requests", ["agent_id", "asked_at"])
    op.create_index(
        "permission_requests_open", "permission_requests", ["agent_id"], postgresql_where=sa.text("state = 'open'")
    )
