"""What spawn trees are counted and weighed by."""

from __future__ import annotations

from sqlalchemy import REAL, BigInteger, CheckConstraint, Column, Identity, Index, Integer, SmallInteger, Table, Uuid
from sqlalchemy.dialects.postgresql import ARRAY

from genie.adapters.postgres.tables._made_of import key, metadata, need, time, uuid

# One row a spawn that was let into a tree; `line` are its ancestors of then. No foreign keys: it is a count.
spawns = Table(
    "spawns",
    metadata,
    Column("id", BigInteger(), Identity(always=True), nullable=False),
    uuid("agent_id"),
    uuid("parent"),
    Column("line", ARRAY(Uuid()), nullable=False),
    time("at"),
    key("spawns", "id"),
    Index("spawns_line", "line", postgresql_using="gin"),
    Index("spawns_parent", "parent", "at"),
)

# What runs used: as it was looked at (a span of 5 s), and the means of each minute and quarter of an hour, by the time
# their span begins. `n` is how many looks a row is made of. No foreign keys: they are many, and gone before the run is.
samples = Table(
    "samples",
    metadata,
    uuid("run_id"),
    need("span", SmallInteger),
    time("at"),
    Column("cpu", REAL(), nullable=False),
    need("rss", BigInteger),
    need("rss_max", BigInteger),
    need("processes", Integer),
    need("n", Integer),
    key("samples", "run_id", "span", "at"),
    CheckConstraint("span in (5, 60, 900)", name="samples_span"),
    Index("samples_at", "span", "at"),
)
