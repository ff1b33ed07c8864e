"""`genie show`."""

from __future__ import annotations

import shlex

from genie.cli.describing import asks, doing, left, limits, meter, on_resume, provider, team, why
from genie.cli.output import as_json, fields, line, paint, table
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import short, since
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/agents/{name}"
EXAMPLE = "genie show engineer"


def command(name: AgentName, json: AsJson = False) -> None:
    """Show everything that is known of an agent."""
    row = reach().show(name)
    if json:
        as_json(row)
        return
    for text in fields(_pairs(row)):
        line(text)
    _table("sessions", ("SESSION", "PROVIDER", "PROVIDER'S ID", "MADE", "NOW"), [_session(s) for s in row["sessions"]])
    _table("runs", ("RUN", "WHY", "TRY", "PANE", "PID", "STARTED", "ENDED", "HOW"), [_run(run) for run in row["runs"]])


def _pairs(row: Row) -> list[tuple[str, object]]:
    policy = row.get("policy") or {}
    return [
        ("name", row["name"]),
        ("description", row["description"]),
        ("state", f"{row['state']}, {why(row)}" if why(row) else row["state"]),
        ("wanted", row.get("desired")),
        ("activity", doing(row["activity"], row["activity_since"], row.get("activity_source"))),
        ("asks", asks(row)),
        ("used", meter(row.get("meter"))),
        ("team", team(row).removeprefix("team ")),
        ("role", row["role"]),
        ("provider", provider(row)),
        ("session", row["session_id"]),
        ("place", _place(row)),
        ("host", row["host"]),
        ("cwd", row["cwd"]),
        ("argv", shlex.join(row.get("argv") or [])),
        ("environment", " ".join(row.get("env_names") or [])),
        ("parent", row["parent"]),
        ("root", row.get("root") if row["parent"] else None),
        ("limits", limits(row)),
        ("tags", " ".join(row["tags"] or [])),
        ("resumes", (f"{row['resume_attempts']} of {row['max_resume_attempts']}, auto-resume "
                    f"{'on' if row['auto_resume'] else 'off'}, restart {row['restart']}")),
        ("on resume", on_resume(row)),
        ("policy", ", ".join(f"{key} {_value(value)}" for key, value in policy.items())),
        ("last seen", _ago(row["last_seen_at"])),
        ("made", _ago(row["created_at"])),
        ("expires", f"in {left(row)}, at {row['expires_at']}" if left(row) else row["expires_at"]),
    ]  # fmt: skip


def _value(value: object) -> str:
    """A limit of the policy; the daemon gives spans as seconds, with a fraction."""
    return short(value) if isinstance(value, float) else str(value)


def _place(row: Row) -> str:
    if not row.get("pane"):
        return ""
    return f"pane {row['pane']} (pid {row['pid']}) in {row['tmux_session']}:{row['window']} of {row.get('tmux_socket')}"


def _ago(iso: str | None) -> str:
    return f"{since(iso)} ago" if iso else ""


def _session(session: Row) -> tuple[object, ...]:
    now = "current" if session.get("current") else ""
    return session["id"], session["provider"], session["provider_session"], _ago(session["created_at"]), now


def _run(run: Row) -> tuple[object, ...]:
    how = f"signal {run['signal']}" if run.get("signal") is not None else ""
    how = f"exit code {run['exit_code']}" if run.get("exit_code") is not None else how
    began, ended = _ago(run["started_at"]), _ago(run["ended_at"])
    return run["id"], run["why"], run["attempt"], run["pane"], run["pid"], began, ended, how


def _table(title: str, header: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    if not rows:
        return
    line()
    line(paint(title, "bold"))
    for text in table(header, rows):
        line(f"  {text}")
