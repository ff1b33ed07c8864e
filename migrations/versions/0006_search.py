"""What was said in conversations by its words, and how far that has come."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_words",
        sa.Column("event_id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="event_words_pkey"),
        sa.ForeignKeyConstraint(["event_id"], ["events.id"], name="event_words_event_id_fkey", ondelete="CASCADE"),
    )
    op.create_index("event_words_words", "event_words", ["words"], postgresql_using="gin")
    op.create_table(
        "shelved",
        sa.Column("only", sa.Boolean(), nullable=False, server_default=sa.text("true")),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("only", name="shelved_pkey"),
        sa.CheckConstraint('"only"', name="shelved_only"),
    )
    op.execute("insert into shelved (last_id) values (0)")
