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


WIDE = ("BY", "CONTEXT", "COST", "LIMIT")
"""Who tells of the activity, and what the status line tells."""


def roster(rows: Sequence[Row], *, wide: bool = False) -> Iterator[str]:
    """The table of `genie ls`."""
    cells: list[tuple[object, ...]] = [
        (
            row["name"],
            row["team"],
            row["role"],
            row["state"],
            short_doing(row),
            provider(row),
            f"{row['resume_attempts']}/{row['max_resume_attempts']}",
            "on" if row["auto_resume"] else "off",
            since(row["created_at"]),
            row["pane"],
            why(row),
            *(used(row) if wide else ()),
        )
        for row in rows
    ]
    header = (*HEADER, *WIDE) if wide else HEADER
    return table(header, cells, {"NAME": lambda _: ("bold",), "STATE": life_style})


def short_doing(row: Row) -> str:
    """`working 3m`; only the word where nobody tells."""
    told = ": " in (row.get("activity_source") or "") and row.get("activity_since")
    return f"{row['activity']} {since(row['activity_since'])}" if told else str(row["activity"] or "-")


def used(row: Row) -> tuple[str, str, str, str]:
    """Who tells of its activity, how full its context is, what it has cost, and the limit that is used most."""
    meter = row.get("meter") or {}
    by = str(row.get("activity_source") or "").partition(":")[0]
    context = f"{meter['context']:.0f}%" if meter.get("context") is not None else ""
    cost = f"${meter['cost']:.2f}" if meter.get("cost") is not None else ""
    worst = max(meter.get("limits") or (), key=lambda limit: float(limit["used"]), default=None)
    return by, context, cost, limit(worst) if worst else ""


def limit(told: Row) -> str:
    """`five hour 91%, anew in 2h`."""
    reset = f", anew in {until(told['resets_at'])}" if told.get("resets_at") else ""
    return f"{str(told['name']).replace('_', ' ')} {told['used']:.0f}%{reset}"


def meter(told: Row | None) -> str:
    """What the status line has told, and when."""
    if not told:
        return ""
    words = [
        str(told["model"]) if told.get("model") else "",
        f"context {told['context']:.0f}%" if told.get("context") is not None else "",
        f"${told['cost']:.2f}" if told.get("cost") is not None else "",
        *(limit(one) for one in told.get("limits") or ()),
    ]
    return f"{clean(', '.join(word for word in words if word))} ({since(told['at'])} ago)"


def witnesses(told: Sequence[Row]) -> Iterator[str]:
    """Each source with what it said last, and how long ago."""
    lines = [(since(one["at"]), one["source"], one["says"] or "-", one["detail"]) for one in told]
    return table(("AGO", "SOURCE", "SAYS", "WHAT"), lines)


def provider(row: Row) -> str:
    """`claude/opus`, or `claude` where the model is the provider's own choice."""
    return f"{row['provider']}/{row['model']}" if row.get("model") else str(row["provider"])


def doing(activity: str, at: str | None, source: str | None) -> str:
    """What an agent does, since when, and who says so."""
    if activity == "unknown" and ": " not in (source or ""):
        return activity
    return f"{activity} for {since(at)}" + (f" ({source})" if source else "")


def asks(row: Row) -> str:
    """What it asks leave for, and how that is answered."""
    told = row.get("asks") or []
    several = " --id ID" if len(told) > 1 else ""
    lines = [f"{str(one['id'])[:8]} {one['line']}" if several else str(one["line"]) for one in told]
    return f"{'; '.join(lines)} (genie answer {row['name']} {_words(told)}{several})" if told else ""


def _words(told: Sequence[Row]) -> str:
    if all(one["question"] for one in told):
        return "NUMBER|TEXT"
    return "yes|no|always|TEXT" if any(one["always"] for one in told) else "yes|no|TEXT"


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


def on_resume(row: Row) -> str:
    """What it is told when it was brought back; empty for what keeps no conversation."""
    known = {"default": "told why and what was unfinished, if a turn was", "none": "told nothing"}
    text = row.get("on_resume")
    return known.get(str(text), f"told: {clean(str(text))}") if text else ""


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
    """An event's age, kind and what it says, in one line. What a provider's own record was is left to --json."""
    told = ((key, value) for key, value in (row.get("payload") or {}).items() if key != "raw")
    said = ", ".join(f"{key}={value}" for key, value in told if value not in (None, ""))
    return since(row["at"]), str(row["kind"]), said
