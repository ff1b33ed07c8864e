"""`genie search`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer

from genie.cli.conversing import marked
from genie.cli.output import as_json, clean, line, paint, say
from genie.cli.parsing import AsJson, Tags, Team, answer_names, answer_providers
from genie.cli.reach import reach
from genie.cli.spans import count, now, seconds
from genie.domain.errors import BadInput

HEADING = "Look"
CALL = "GET /v1/search"
EXAMPLE = """
genie search 'flaky test'
genie search '"connection refused" -retry' --role tool --since 2h
genie search migration --team web --limit 50 --json
"""
ROLES = ("user", "assistant", "reasoning", "tool", "result")


def _answer_roles(incomplete: str) -> list[str]:
    return [role for role in ROLES if role.startswith(incomplete)]


def command(
    query: Annotated[str, typer.Argument(metavar="QUERY", help='Words, "phrases", or, -words.')],
    role: Annotated[
        list[str] | None,
        typer.Option("--role", help=f"{', '.join(ROLES)}; repeatable.", autocompletion=_answer_roles),
    ] = None,
    tool: Annotated[str | None, typer.Option("--tool", help="A tool, or a kind of tools such as shell.")] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="claude, codex, …", autocompletion=answer_providers)
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help='"2h" ago, or a date.')] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help='"2h" ago, or a date.')] = None,
    tag: Tags = None,
    team: Team = None,
    name: Annotated[str | None, typer.Option("--name", help="One agent.", autocompletion=answer_names)] = None,
    limit: Annotated[str, typer.Option("--limit", "-n", metavar="N", help="The best so many.")] = "20",
    json: AsJson = False,
) -> None:
    """Search in what was said in all sessions."""
    rows = reach().search(
        query,
        roles=role or [],
        tool=tool,
        provider=provider,
        since=_time(since, "--since"),
        until=_time(until, "--until"),
        tags=tag or [],
        team=team,
        name=name,
        limit=count(limit, "--limit"),
    )
    if json:
        as_json(rows)
        return
    for row in rows:
        where = f"{str(row['session_id'])[:8]} #{row['seq']}"
        head = [str(row["at"])[:19].replace("T", " "), paint(clean(row["name"]), "bold"), where, clean(_role(row))]
        line("  ".join(head))
        line(f"    {marked(clean(row['headline']))}")
    if not rows:
        say("genie: nothing was found")


def _role(row: dict[str, str]) -> str:
    return f"{row['role']} {row['tool']}" if row.get("tool") else row["role"]


def _time(text: str | None, flag: str) -> str | None:
    """An ISO time with its zone. Raises BadInput."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).astimezone().isoformat()
    except ValueError:
        pass
    try:
        return (now() - timedelta(seconds=seconds(text))).isoformat()
    except (BadInput, OverflowError) as error:
        raise BadInput(f"{flag} {text!r} is no time", hint=f'{flag} 2h, or {flag} "2026-01-31 12:00"') from error
