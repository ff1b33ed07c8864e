"""The flags for provider claude-sdk, of all commands that start a session."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer

from genie.cli.spans import count
from genie.domain.errors import BadInput

EFFORTS = ("low", "medium", "high", "max")


def _efforts(incomplete: str) -> list[str]:
    return [word for word in EFFORTS if word.startswith(incomplete)]


SdkMaxTurns = Annotated[
    str | None, typer.Option("--sdk-max-turns", metavar="N", help="claude-sdk: the most turns of a message.")
]
SdkMaxBudget = Annotated[
    str | None, typer.Option("--sdk-max-budget", metavar="USD", help="claude-sdk: what it may cost, then it fails.")
]
SdkEffort = Annotated[
    str | None,
    typer.Option("--sdk-effort", metavar="EFFORT", help="claude-sdk: low ... max.", autocompletion=_efforts),
]
SdkResume = Annotated[
    str | None, typer.Option("--sdk-resume", metavar="ID", help="claude-sdk: go on with that conversation.")
]


def wishes(*, turns: str | None, budget: str | None, effort: str | None, resume: str | None) -> dict[str, Any]:
    """Those that were said. Raises BadInput."""
    if effort is not None and effort not in EFFORTS:
        raise BadInput(f"unknown effort '{effort}'", hint=f"one of {', '.join(EFFORTS)}")
    said = {
        "max_turns": None if turns is None else count(turns, "--sdk-max-turns"),
        "max_budget": None if budget is None else _dollars(budget),
        "effort": effort,
        "resume": resume,
    }
    return {key: value for key, value in said.items() if value is not None}


def _dollars(text: str) -> float:
    try:
        amount = float(text.removeprefix("$"))
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise BadInput(f"--sdk-max-budget {text!r} is no amount of money", hint="dollars, such as 2.50")
    return amount
