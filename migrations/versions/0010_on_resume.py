"""What a resumed agent is told, kept with its session."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("on_resume", sa.Text(), nullable=True))
