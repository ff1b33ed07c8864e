"""Teams whose members are members of a team of Claude Code's own."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("native", sa.Boolean(), nullable=False, server_default=sa.text("false")))
