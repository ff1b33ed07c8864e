"""Teams that are put away or have been disbanded; templates by the host that has their files."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("archived_at", "disbanded_at"):
        op.add_column("teams", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    # What is kept of templates is read from their files again: of older ones nobody knows whose they are.
    op.execute("delete from agent_templates")
    op.add_column("agent_templates", sa.Column("host", sa.Text(), nullable=False))
    op.drop_constraint("agent_templates_pkey", "agent_templates", type_="primary")
    op.create_primary_key("agent_templates_pkey", "agent_templates", ["host", "source"])
