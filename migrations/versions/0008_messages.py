"""Messages to agents: what was sent by whom, and how far it has come."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _time(name: str, *, null: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=null)


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("number", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("sender_id", sa.Uuid(), nullable=False),
        sa.Column("wrote", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.Boolean(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        _time("next_try", null=True),
        _time("created_at"),
        _time("changed_at"),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("after_seq", sa.BigInteger(), nullable=True),
        _time("claimed_at", null=True),
        _time("deadline", null=True),
        sa.Column("proof", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="messages_pkey"),
        sa.UniqueConstraint("agent_id", "sender_id", "key", name="messages_key"),
        sa.ForeignKeyConstraint(
            ["agent_id"], ["agents.id"], name="messages_agent_id_fkey", deferrable=True, initially="DEFERRED"
        ),
        sa.CheckConstraint(
            "state in ('queued', 'delivering', 'delivered', 'answered', 'failed', 'unproven')", name="messages_state"
        ),
        sa.CheckConstraint("channel in ('stream', 'type', 'paste', 'queue', 'stdin')", name="messages_channel"),
    )
    op.create_index("messages_number", "messages", ["number"])
    op.create_index("messages_agent", "messages", ["agent_id", "number"])
    op.create_index(
        "messages_at_work",
        "messages",
        ["agent_id", "number"],
        postgresql_where=sa.text("state in ('queued', 'delivering', 'delivered')"),
    )
