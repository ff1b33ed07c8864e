"""What agents are told."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from genie.adapters.postgres.tables._made_of import key, maybe, metadata, need, one_of, time, to, uuid
from genie.domain.message import Channel, State

# What was sent to agents. `body` is bytes: texts hold no NUL and no half of a surrogate pair. `sender_id` is zero for a
# person, so that a key counts for each sender.
messages = Table(
    "messages",
    metadata,
    Column("number", BigInteger(), Identity(always=True), nullable=False),
    uuid("id"),
    uuid("agent_id"),
    uuid("sender_id"),
    need("wrote", Text),
    Column("body", LargeBinary(), nullable=False),
    need("raw", Boolean),
    maybe("key", Text),
    need("state", Text),
    maybe("reason", Text),
    need("tries", Integer),
    time("next_try", null=True),
    time("created_at"),
    time("changed_at"),
    maybe("channel", Text),
    uuid("session_id", null=True),
    Column("after_seq", BigInteger(), nullable=True),
    time("claimed_at", null=True),
    time("deadline", null=True),
    Column("proof", BigInteger(), nullable=True),
    maybe("answer", Text),
    key("messages", "id"),
    UniqueConstraint("agent_id", "sender_id", "key", name="messages_key"),
    to("messages", "agent_id", "agents.id"),
    one_of("state", State, "messages"),
    one_of("channel", Channel, "messages"),
    Index("messages_number", "number"),
    Index("messages_agent", "agent_id", "number"),
    Index(
        "messages_at_work",
        "agent_id",
        "number",
        postgresql_where=text("state in ('queued', 'delivering', 'delivered')"),
    ),
)
