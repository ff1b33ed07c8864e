"""What happened, and the words of it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKeyConstraint, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from genie.adapters.postgres.tables._made_of import key, metadata, need, time, uuid

# `id` and `seq` are given by the trigger of the migration. No foreign keys: what happened outlives whom it
# happened to. `kind` is not checked: a newer genie on another host may know more kinds.
events = Table(
    "events",
    metadata,
    Column("id", BigInteger(), nullable=False, autoincrement=False),
    Column("seq", BigInteger(), nullable=True),
    need("kind", Text),
    time("at"),
    uuid("agent_id", null=True),
    uuid("session_id", null=True),
    uuid("run_id", null=True),
    Column("payload", JSONB(), nullable=False),
    key("events", "id"),
    Index("events_of_session", "session_id", "seq", unique=True),
    Index("events_of_agent", "agent_id", "id"),
)

# The words of what was said in conversations, for searching, and the last event that was looked at for them. Apart from
# the events, whose writing they would slow down; gone with them.
event_words = Table(
    "event_words",
    metadata,
    Column("event_id", BigInteger(), nullable=False, autoincrement=False),
    Column("words", TSVECTOR(), nullable=False),
    key("event_words", "event_id"),
    ForeignKeyConstraint(["event_id"], ["events.id"], name="event_words_event_id_fkey", ondelete="CASCADE"),
    Index("event_words_words", "words", postgresql_using="gin"),
)

shelved = Table(
    "shelved",
    metadata,
    Column("only", Boolean(), nullable=False, server_default=text("true")),
    need("last_id", BigInteger),
    key("shelved", "only"),
    CheckConstraint('"only"', name="shelved_only"),
)
