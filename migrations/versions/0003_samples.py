"""Samples of what runs use, and their roll-ups."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "samples",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("span", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cpu", sa.REAL(), nullable=False),
        sa.Column("rss", sa.BigInteger(), nullable=False),
        sa.Column("rss_max", sa.BigInteger(), nullable=False),
        sa.Column("processes", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "span", "at", name="samples_pkey"),
        sa.CheckConstraint("span in (5, 60, 900)", name="samples_span"),
    )
    op.create_index("samples_at", "samples", ["span", "at"])
