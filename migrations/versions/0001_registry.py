"""The registry: hosts, teams, templates, agents, sessions, runs, heartbeats, resume attempts, events."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

LIVES = "'queued', 'spawning', 'running', 'suspended', 'dead', 'resuming', 'done', 'failed', 'terminated'"
DESIRED = "'running', 'stopped', 'gone'"
ACTIVITIES = "'starting', 'working', 'idle', 'permission', 'question', 'limited', 'error', 'unknown'"
RESTARTS = "'on-failure', 'always', 'never'"
REASONS = "'exhausted', 'unresumable', 'start_failed', 'exit', 'timeout', 'dependency', 'quota', 'blocked'"
WHYS = "'spawn', 'resume', 'auto-resume', 'retry'"


def upgrade() -> None:
    _hosts_and_teams()
    _agents()
    _sessions()
    _runs()
    _attempts()
    _foreign_keys()
    _events()


def _need(name: str, kind: type) -> sa.Column[object]:
    return sa.Column(name, kind(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _uuid(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=nullable)


def _hosts_and_teams() -> None:
    op.create_table(
        "hosts",
        _need("id", sa.Text),
        _need("name", sa.Text),
        _need("boot", sa.Text),
        _time("joined_at"),
        sa.Column("beats", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        _time("last_beat_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="hosts_pkey"),
    )
    # Written every other second: room for the new version of the row in its page.
    op.execute("alter table hosts set (fillfactor = 50)")
    op.create_table(
        "teams",
        _uuid("id"),
        _need("name", sa.Text),
        sa.Column("lead", sa.Text(), nullable=True),
        _need("tmux_session", sa.Text),
        _need("layout", sa.Text),
        _need("cwd", sa.Text),
        _time("created_at"),
        sa.PrimaryKeyConstraint("id", name="teams_pkey"),
        sa.UniqueConstraint("name", name="teams_name_key"),
    )
    op.create_table(
        "agent_templates",
        _need("source", sa.Text),
        _need("name", sa.Text),
        _need("scope", sa.Text),
        _need("checksum", sa.Text),
        _need("prompt", sa.Text),
        sa.Column("fields", JSONB(), nullable=False),
        _time("read_at"),
        sa.PrimaryKeyConstraint("source", name="agent_templates_pkey"),
    )
    op.create_index("agent_templates_name", "agent_templates", ["name"])


def _agents() -> None:
    op.create_table(
        "agents",
        _uuid("id"),
        _need("name", sa.Text),
        _need("role", sa.Text),
        _need("host", sa.Text),
        _need("team", sa.Text),
        sa.Column("team_tier", sa.SmallInteger(), nullable=True),
        _need("team_explicit", sa.Boolean),
        sa.Column("team_chain", JSONB(), nullable=False),
        _need("provider", sa.Text),
        sa.Column("model", sa.Text(), nullable=True),
        _need("color", sa.Text),
        _need("life", sa.Text),
        _need("desired", sa.Text),
        sa.Column("reason", sa.Text(), nullable=True),
        _need("activity", sa.Text),
        _time("activity_since"),
        _need("activity_source", sa.Text),
        _uuid("session_id", nullable=True),
        _uuid("run_id", nullable=True),
        _need("auto_resume", sa.Boolean),
        _need("restart", sa.Text),
        _need("max_attempts", sa.Integer),
        _need("cooldown", sa.Interval),
        _need("stable_after", sa.Interval),
        _need("attempts", sa.Integer),
        _time("last_attempt", nullable=True),
        _time("limited_until", nullable=True),
        _need("cwd", sa.Text),
        sa.Column("tags", ARRAY(sa.Text()), nullable=False),
        _need("description", sa.Text),
        _uuid("parent", nullable=True),
        _need("depth", sa.Integer),
        _need("socket", sa.Text),
        _need("tmux_session", sa.Text),
        _need("tmux_window", sa.Text),
        _need("layout", sa.Text),
        sa.Column("beside", sa.Text(), nullable=True),
        _need("own_window", sa.Boolean),
        _time("created_at"),
        _time("changed_at"),
        _need("version", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="agents_pkey"),
        sa.CheckConstraint(f"life in ({LIVES})", name="agents_life"),
        sa.CheckConstraint(f"desired in ({DESIRED})", name="agents_desired"),
        sa.CheckConstraint(f"activity in ({ACTIVITIES})", name="agents_activity"),
        sa.CheckConstraint(f"restart in ({RESTARTS})", name="agents_restart"),
        sa.CheckConstraint(
            f"life <> 'failed' or reason is null or split_part(reason, ':', 1) in ({REASONS})", name="agents_reason"
        ),
        sa.CheckConstraint("team_tier between 1 and 5", name="agents_team_tier"),
        sa.CheckConstraint("attempts >= 0", name="agents_attempts"),
    )
    op.execute("alter table agents set (fillfactor = 80)")
    op.create_index(
        "agents_live_name", "agents", ["name"], unique=True, postgresql_where=sa.text("life <> 'terminated'")
    )
    op.create_index("agents_name", "agents", ["name", "created_at"])
    op.create_index(
        "agents_at_work",
        "agents",
        ["host"],
        postgresql_where=sa.text("life in ('queued', 'spawning', 'running', 'dead', 'resuming')"),
    )
    op.create_index("agents_team", "agents", ["team", "name"])
    op.create_index("agents_parent", "agents", ["parent"], postgresql_where=sa.text("parent is not null"))


def _sessions() -> None:
    op.create_table(
        "sessions",
        _uuid("id"),
        _uuid("agent_id"),
        _need("provider", sa.Text),
        sa.Column("provider_session", sa.Text(), nullable=True),
        sa.Column("argv", ARRAY(sa.Text()), nullable=False),
        _need("cwd", sa.Text),
        sa.Column("env_names", ARRAY(sa.Text()), nullable=False),
        sa.Column("prompt", sa.Integer(), nullable=True),
        _need("role_prompt", sa.Text),
        _time("created_at"),
        _time("ended_at", nullable=True),
        _need("prompted", sa.Boolean),
        sa.PrimaryKeyConstraint("id", name="sessions_pkey"),
    )
    op.create_index("sessions_agent", "sessions", ["agent_id", "created_at"])


def _runs() -> None:
    op.create_table(
        "runs",
        _uuid("id"),
        _uuid("agent_id"),
        _uuid("session_id"),
        _need("why", sa.Text),
        _need("attempt", sa.Integer),
        sa.Column("server_socket", sa.Text(), nullable=True),
        sa.Column("server_pid", sa.Integer(), nullable=True),
        sa.Column("server_started", sa.Text(), nullable=True),
        sa.Column("pane", sa.Text(), nullable=True),
        sa.Column("pane_pid", sa.Integer(), nullable=True),
        sa.Column("pane_started", sa.Text(), nullable=True),
        _uuid("pane_run", nullable=True),
        _need("tmux_session", sa.Text),
        _need("tmux_window", sa.Text),
        _time("created_at"),
        _time("deadline"),
        _time("live_at", nullable=True),
        _time("ended_at", nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("signal", sa.Integer(), nullable=True),
        _need("provider", sa.Text),
        sa.Column("provider_session", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="runs_pkey"),
        sa.CheckConstraint(f"why in ({WHYS})", name="runs_why"),
        sa.CheckConstraint(
            "num_nulls(server_socket, server_pid, server_started, pane, pane_pid, pane_started, pane_run) in (0, 7)",
            name="runs_pane",
        ),
    )
    op.create_index("runs_agent", "runs", ["agent_id", "created_at"])
    live = sa.text("ended_at is null")
    op.create_index("runs_live_agent", "runs", ["agent_id"], unique=True, postgresql_where=live)
    op.create_index("runs_live_session", "runs", ["session_id"], unique=True, postgresql_where=live)
    op.create_index(
        "runs_live_provider_session",
        "runs",
        ["provider", "provider_session"],
        unique=True,
        postgresql_where=sa.text("ended_at is null and provider_session is not null"),
    )


def _attempts() -> None:
    op.create_table(
        "heartbeats",
        _uuid("run_id"),
        _need("missed", sa.Integer),
        _time("missed_since", nullable=True),
        sa.PrimaryKeyConstraint("run_id", name="heartbeats_pkey"),
        sa.CheckConstraint("missed >= 0", name="heartbeats_missed"),
    )
    op.create_table(
        "resume_attempts",
        _uuid("run_id"),
        _uuid("agent_id"),
        _need("number", sa.Integer),
        _need("automatic", sa.Boolean),
        _time("claimed_at"),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name="resume_attempts_pkey"),
    )
    op.create_index("resume_attempts_agent", "resume_attempts", ["agent_id", "claimed_at"])


def _foreign_keys() -> None:
    """Deferred: an agent, its session and its run point at each other."""
    for table, column, target in (
        ("agents", "host", "hosts.id"),
        ("agents", "team", "teams.name"),
        ("agents", "session_id", "sessions.id"),
        ("agents", "run_id", "runs.id"),
        ("agents", "parent", "agents.id"),
        ("sessions", "agent_id", "agents.id"),
        ("runs", "agent_id", "agents.id"),
        ("runs", "session_id", "sessions.id"),
        ("heartbeats", "run_id", "runs.id"),
        ("resume_attempts", "run_id", "runs.id"),
        ("resume_attempts", "agent_id", "agents.id"),
    ):
        name = f"{table}_{column}_fkey"
        other, key = target.split(".")
        op.create_foreign_key(name, table, other, [column], [key], deferrable=True, initially="DEFERRED")


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        _need("kind", sa.Text),
        _time("at"),
        _uuid("agent_id", nullable=True),
        _uuid("session_id", nullable=True),
        _uuid("run_id", nullable=True),
        sa.Column("payload", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="events_pkey"),
    )
    op.create_index("events_of_session", "events", ["session_id", "seq"], unique=True)
    op.create_index("events_of_agent", "events", ["agent_id", "id"])
    op.execute("create sequence events_id owned by events.id")
    op.execute(EVENT_FUNCTION)
    op.execute("create trigger events_in_order before insert on events for each row execute function events_in_order()")


# The lock is held until the commit: who has the lower id commits first, and a reader that goes on after the
# last id it saw misses nothing. The maximum is asked under the lock, in a statement of its own, which sees
# what the former holder has committed.
EVENT_FUNCTION = """
create function events_in_order() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(1735288169, 2);
    new.id := nextval('events_id');
    if new.session_id is not null then
        select coalesce(max(seq), 0) + 1 into new.seq from events where session_id = new.session_id;
    end if;
    perform pg_notify('genie', new.id::text);
    return new;
end
$$
"""
