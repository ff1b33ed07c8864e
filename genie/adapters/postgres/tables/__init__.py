"""The registry's tables: what the migrations must arrive at, and what the statements are made from. A theme a file.

`sqlalchemy.orm` is never imported here: it doubles the time that the daemon takes to start.
"""

from __future__ import annotations

from genie.adapters.postgres.tables._made_of import metadata, words
from genie.adapters.postgres.tables.agents import (
    agent_templates,
    agents,
    heartbeats,
    hosts,
    resume_attempts,
    runs,
    sessions,
    teams,
)
from genie.adapters.postgres.tables.events import event_words, events, shelved
from genie.adapters.postgres.tables.messages import messages
from genie.adapters.postgres.tables.outcomes import edges, orders, results, tapes
from genie.adapters.postgres.tables.permissions import permission_requests
from genie.adapters.postgres.tables.schedules import apscheduler_jobs, schedule_fires, schedules
from genie.adapters.postgres.tables.trees import samples, spawns

__all__ = [
    "agent_templates",
    "agents",
    "apscheduler_jobs",
    "edges",
    "event_words",
    "events",
    "heartbeats",
    "hosts",
    "messages",
    "metadata",
    "orders",
    "permission_requests",
    "results",
    "resume_attempts",
    "runs",
    "samples",
    "schedule_fires",
    "schedules",
    "sessions",
    "shelved",
    "spawns",
    "tapes",
    "teams",
    "words",
]
