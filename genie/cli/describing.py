"""How agents are put into words; the same words in every command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from genie.cli.output import clean, life_style, paint, table
from genie.cli.spans import since, until
from genie.client import Row
from genie.domain.amounts import write_size

TIERS = {1: "--team", 2: "template", 3: "$GENIE_TEAM", 4: "discovery", 5: "members on disk"}

HEADER = (
    "NAME", "TEAM", "ROLE", "STATE", "ACTIVITY", "PROVIDER", "RESUMES", "AUTO", "AGE", "PANE", "REASON",
)  # fmt: skip


def roster(rows: Sequence[Row]) -> Iterator[str]:
    """The table of `genie ls`."""
    cells = [
        (
            row["name"],
            row["team"],
            row["role"],
            row["state"],
            row["activity"],
            provider(row),
            f"{row['resume_attempts']}/{row['max_resume_attempts']}",
            "on" if row["auto_resume"] else "off",
            since(row["created_at"]),
            row["pane"],
            why(row),
        )
        for row in rows
    ]
    return table(HEADER, cells, {"NAME": lambda _: ("bold",), "STATE": life_style})


def provider(row: Row) -> str:
    """`claude/opus`, or `claude` where the model is the provider's own choice."""
    return f"{row['provider']}/{row['model']}" if row.get("model") else str(row["provider"])


def doing(activity: str, at: str | None, source: str | None) -> str:
    """What an agent does, since when, and who says so."""
    if activity == "unknown" and ": " not in (source or ""):
        return activity
    return f"{activity} for {since(at)}" + (f" ({source})" if source else "")


def why(row: Row) -> str:
    """The reason of a state, and when it is tried again."""
    words = [str(row["reason"])] if row.get("reason") else []
    if row.get("next_resume_at"):
        words.append(f"resumes in {until(row['next_resume_at'])}")
    return ", ".join(words)


def left(row: Row) -> str:
    """What is left of its time to live: "42s"; empty where nothing will end it."""
    over = row["state"] in ("done", "failed", "terminated")
    return until(row["expires_at"]) if row.get("expires_at") and not over else ""


def ending(row: Row) -> str:
    """How its last run ended: "exit 1", "signal 9"; empty while it goes on, and where nobody saw it."""
    if row.get("signal") is not None:
        return f"signal {row['signal']}"
    return f"exit {row['exit_code']}" if row.get("exit_code") is not None else ""


def limits(row: Row) -> str:
    """`children 5, depth 3, memory 8GiB, …`."""
    said = row.get("limits") or {}
    return ", ".join(f"{key} {write_size(value) if key == 'memory' else value}" for key, value in said.items())


def team(row: Row) -> str:
    """`team simone (tier 2: template)`."""
    tier = row.get("team_tier")
    source = f"tier {tier}: {TIERS.get(tier, '?')}" if tier else "a team of one"
    return f"team {row['team']} ({source})"


def spawned(row: Row) -> Iterator[str]:
    """What became of a spawn: first that it is not what the name alone says, then the agent."""
    if row.get("decision") == "resume":
        yield f"resumed {row['name']}: {clean(str(row.get('reason') or 'it was not running'))}"
    elif row.get("decision") == "parallel":
        yield f"made a parallel, {row['name']}: {clean(str(row.get('reason') or 'the name is taken'))}"
    state = str(row.get("state") or "-")
    words = [clean(str(row["name"])), paint(state, *life_style(state)), team(row)]
    if row.get("session_id"):
        words.append(f"session {str(row['session_id'])[:4]}…")
    if row.get("pane"):
        words.append(f"pane {row['pane']}")
    if row.get("branch"):
        words.append(f"branch {row['branch']}")
    yield "  ".join(words)


def chain(answers: Sequence[Row], tier: int | None) -> Iterator[str]:
    """Tier by tier, what was asked for the team and what it said; an arrow at the one that counted."""
    for answer in answers:
        mark = "→" if answer["tier"] == tier else " "
        said = clean(str(answer.get("team") or "-"))
        yield f"  {mark} {answer['tier']}  {answer['source']:<15}  {said:<12}  {clean(str(answer.get('detail') or ''))}"


def event(row: Row) -> tuple[str, str, str]:
    """An event's age, kind and what it says, in one line."""
    said = ", ".join(f"{key}={value}" for key, value in (row.get("payload") or {}).items() if value not in (None, ""))
    return since(row["at"]), str(row["kind"]), said
