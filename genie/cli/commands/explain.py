"""`genie explain`."""

from __future__ import annotations

from genie.cli.describing import TIERS, asks, chain, doing, event, meter, on_resume, witnesses
from genie.cli.output import as_json, clean, fields, life_style, line, paint, table
from genie.cli.parsing import AgentName, AsJson
from genie.cli.reach import reach
from genie.cli.spans import since, until
from genie.client import Row

HEADING = "Look"
CALL = "GET /v1/agents/{name}/explain"
EXAMPLE = "genie explain engineer"


def command(name: AgentName, json: AsJson = False) -> None:
    """Tell why an agent is in its state, and what is next.

    And how its team was found, tier by tier.
    """
    told = reach().explain(name)
    if json:
        as_json(told)
        return
    state = str(told["state"])
    line(f"{paint(clean(told['name']), 'bold')} is {paint(state, *life_style(state))} since {since(told['since'])}")
    team = told["team"]
    tier = team.get("tier")
    pairs = [
        ("why", told.get("why")),
        ("activity", _doing(told.get("activity"))),
        ("asks", asks(told)),
        ("used", meter(told.get("meter"))),
        ("wanted", told.get("desired")),
        ("next", _next(told["next"]) if told.get("next") else None),
        ("on resume", on_resume(told)),
        ("pane", _pane(told["pane"]) if told.get("pane") else None),
        ("team", f"{team['name']} ({f'tier {tier}: {TIERS.get(tier)}' if tier else 'a team of one'})"),
    ]
    for text in (*fields(pairs), *chain(team.get("chain") or [], tier)):
        line(text)
    if told.get("evidence"):
        line(paint("evidence", "bold"))
        for text in witnesses(told["evidence"]):
            line(f"  {text}")
    if told.get("events"):
        line(paint("last events", "bold"))
        for text in table(("AGO", "EVENT", "WHAT"), [event(row) for row in told["events"]]):
            line(f"  {text}")


def _doing(told: Row | None) -> str | None:
    return doing(told["activity"], told["since"], told["source"]) if told else None


def _next(step: Row) -> str:
    words = [str(step["decision"]).replace("_", " ")]
    if step.get("until"):
        words.append(f"for {until(step['until'])}")
    if step.get("attempt"):
        words.append(f"(attempt {step['attempt']})")
    text = " ".join(words)
    return f"{text}: {step['reason']}" if step.get("reason") else text


def _pane(pane: Row) -> str:
    sight, detail = str(pane["sight"]), pane.get("detail")
    return f"{sight}: {detail}" if detail and detail != sight else sight
