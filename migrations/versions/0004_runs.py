"""Sessions that are run to their end: how, what they have come to, what they wait for, how far they have been read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def _uuid(name: str, *, null: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.Uuid(), nullable=null)


def _to(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = f"{table}_{column}_fkey"
    return sa.ForeignKeyConstraint([column], [target], name=name, deferrable=True, initially="DEFERRED")


def upgrade() -> None:
    op.add_column("sessions", sa.Column("attend", JSONB(), nullable=True))
    op.add_column("sessions", _uuid("retried_from", null=True))
    op.create_table(
        "tapes",
        _uuid("session_id"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("position", JSONB(), nullable=False),
        sa.Column("state", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="tapes_pkey"),
        _to("tapes", "session_id", "sessions.id"),
    )
    op.create_table(
        "results",
        _uuid("session_id"),
        _uuid("agent_id"),
        sa.Column("success", sa.Boolean(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("structured", JSONB(), nullable=True),
        sa.Column("submitted", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("input", sa.BigInteger(), nullable=False),
        sa.Column("output", sa.BigInteger(), nullable=False),
        sa.Column("cache_read", sa.BigInteger(), nullable=False),
        sa.Column("cache_write", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="results_pkey"),
        _to("results", "session_id", "sessions.id"),
        _to("results", "agent_id", "agents.id"),
    )
    op.create_table(
        "edges",
        _uuid("session_id"),
        _uuid("source_id"),
        sa.Column("bond", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", "bond", "source_id", name="edges_pkey"),
        _to("edges", "session_id", "sessions.id"),
        _to("edges", "source_id", "sessions.id"),
        sa.CheckConstraint("bond in ('depends-on', 'context', 'pipe', 'retry')", name="edges_bond"),
    )
    op.create_index("edges_source", "edges", ["source_id"])
    op.create_table(
        "orders",
        _uuid("session_id"),
        sa.Column("wanted", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="orders_pkey"),
        _to("orders", "session_id", "sessions.id"),
    )
