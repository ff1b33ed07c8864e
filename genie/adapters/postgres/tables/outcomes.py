"""What sessions were asked for, and what came of them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from genie.adapters.postgres.tables._made_of import key, maybe, metadata, need, one_of, time, to, uuid
from genie.domain.result import Bond

# How far the file of a session's conversation has been read; `position` and `state` are the reader's own.
tapes = Table(
    "tapes",
    metadata,
    uuid("session_id"),
    need("provider", Text),
    need("path", Text),
    need("form", Text),
    Column("position", JSONB(), nullable=False),
    Column("state", JSONB(), nullable=False),
    key("tapes", "session_id"),
    to("tapes", "session_id", "sessions.id"),
)

# `success` is null before the end: then only what the session has submitted itself is here.
results = Table(
    "results",
    metadata,
    uuid("session_id"),
    uuid("agent_id"),
    Column("success", Boolean(), nullable=True),
    maybe("text", Text),
    Column("structured", JSONB(), nullable=True),
    need("submitted", Boolean),
    maybe("error", Text),
    need("turns", Integer),
    need("input", BigInteger),
    need("output", BigInteger),
    need("cache_read", BigInteger),
    need("cache_write", BigInteger),
    Column("cost", Double(), nullable=True),
    maybe("exit_code", Integer),
    maybe("signal", Integer),
    time("at"),
    key("results", "session_id"),
    to("results", "session_id", "sessions.id"),
    to("results", "agent_id", "agents.id"),
)

# What a session got from earlier ones, or waits for.
edges = Table(
    "edges",
    metadata,
    uuid("session_id"),
    uuid("source_id"),
    need("bond", Text),
    need("place", Integer),
    key("edges", "session_id", "bond", "source_id"),
    to("edges", "session_id", "sessions.id"),
    to("edges", "source_id", "sessions.id"),
    one_of("bond", Bond, "edges"),
    Index("edges_source", "source_id"),
)

# What was asked for when a session was run, for another try.
orders = Table(
    "orders",
    metadata,
    uuid("session_id"),
    Column("wanted", JSONB(), nullable=False),
    key("orders", "session_id"),
    to("orders", "session_id", "sessions.id"),
)
