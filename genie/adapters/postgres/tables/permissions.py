"""What agents ask leave for."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from genie.adapters.postgres.tables._made_of import key, maybe, metadata, need, one_of, time, to, uuid
from genie.domain.permission import State, Word

# `asked` is what the tool would be given and the provider's suggestions, as long as the request is open.
permission_requests = Table(
    "permission_requests",
    metadata,
    uuid("id"),
    uuid("agent_id"),
    uuid("session_id", null=True),
    uuid("run_id"),
    need("tool", Text),
    need("line", Text),
    Column("asked", JSONB(), nullable=True),
    need("state", Text),
    maybe("word", Text),
    maybe("said", Text),
    uuid("by_id", null=True),
    maybe("answered_by", Text),
    maybe("reason", Text),
    time("asked_at"),
    time("until"),
    time("changed_at"),
    key("permission_requests", "id"),
    to("permission_requests", "agent_id", "agents.id"),
    one_of("state", State, "permission_requests"),
    one_of("word", Word, "permission_requests"),
    Index("permission_requests_agent", "agent_id", "asked_at"),
    Index("permission_requests_open", "agent_id", postgresql_where=text("state = 'open'")),
)
