"""Spawn trees: roots, limits, time to live, tokens of runs, and the count of what was spawned."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REASONS = "'exhausted', 'unresumable', 'start_failed', 'exit', 'timeout', 'dependency', 'quota', 'blocked'"


def upgrade() -> None:
    op.add_column("teams", sa.Column("spawn", JSONB(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("agents", sa.Column("root", sa.Uuid(), nullable=True))
    op.add_column("agents", sa.Column("limits", JSONB(), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("agents", sa.Column("ttl", sa.Interval(), nullable=True))
    op.add_column("agents", sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("agents", sa.Column("ending", sa.Text(), nullable=True))
    op.add_column("agents", sa.Column("suspended_with", sa.Uuid(), nullable=True))
    op.execute(
        "with recursive tree(id, root) as (select id, id from agents where parent is null"
        " union all select a.id, t.root from agents a join tree t on a.parent = t.id)"
        " update agents a set root = t.root from tree t where t.id = a.id"
    )
    op.execute("update agents set root = id where root is null")
    op.alter_column("agents", "root", nullable=False)
    op.alter_column("agents", "limits", server_default=None)
    op.alter_column("teams", "spawn", server_default=None)
    op.create_check_constraint("agents_ending", "agents", f"ending in ({REASONS})")
    op.create_index("agents_root", "agents", ["root"])
    op.create_index(
        "agents_expiring", "agents", ["host", "expires_at"], postgresql_where=sa.text("expires_at is not null")
    )
    op.add_column("runs", sa.Column("token", sa.Text(), nullable=True))
    op.create_index("runs_token", "runs", ["token"], unique=True, postgresql_where=sa.text("token is not null"))
    op.create_table(
        "spawns",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("agent_id", sa.Uuid(), nullable=False),
        sa.Column("parent", sa.Uuid(), nullable=False),
        sa.Column("line", ARRAY(sa.Uuid()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="spawns_pkey"),
    )
    op.create_index("spawns_line", "spawns", ["line"], postgresql_using="gin")
    op.create_index("spawns_parent", "spawns", ["parent", "at"])
