"""Where the agents of a team work."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("teams", sa.Column("repo", sa.Text(), nullable=True))
    op.add_column("teams", sa.Column("worktrees", sa.Boolean(), nullable=False, server_default=sa.text("false")))
