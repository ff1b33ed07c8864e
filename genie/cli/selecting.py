"""The flags of a verb that is about sessions: names, ids, beginnings of ids, --team, --tag, --latest."""

from __future__ import annotations

from typing import Annotated

import typer

from genie.cli.parsing import answer_names, answer_teams

Sessions = Annotated[
    list[str] | None,
    typer.Argument(metavar="SESSION", help="Names, ids, or beginnings of ids.", autocompletion=answer_names),
]
OfTeam = Annotated[
    str | None, typer.Option("--team", metavar="TEAM", help="Those of this team.", autocompletion=answer_teams)
]
OfTags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Those with this tag; repeatable.")]
Latest = Annotated[bool, typer.Option("--latest", help="The newest, of all or of those.")]
