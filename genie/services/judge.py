"""Whether the result of a session fits the schema that it was asked to fit."""

from __future__ import annotations

import json
from typing import NoReturn

from genie.domain.errors import BadInput, GenieError
from genie.domain.session import Standing
from genie.services.world import World


def judge_result(
    world: World, standing: Standing, text: str | None, *, structured: object = None
) -> tuple[object, tuple[str, ...]]:
    """The result as JSON, and what is wrong with it, a sentence each: nothing where there is no schema. `structured` is
    the result where the provider itself has given it as JSON."""
    attend = standing.session.attend if standing.session else None
    if attend is None or attend.schema is None:
        return structured, ()
    try:
        value = _json(text) if structured is None else structured
        _check_kept(value)
        violations = tuple(world.supplies.schemas.violations(attend.schema, value))
    except GenieError as error:
        return None, (error.message,)
    return (None if violations else value), violations


def _json(text: str | None) -> object:
    """Raises BadInput for what is no JSON."""
    if text is None or not text.strip():
        raise BadInput("result: there is none")
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise BadInput("result: it is nested too deeply") from error
    except ValueError as error:
        raise BadInput(f"result: it is not JSON: {error}") from error


def _check_kept(value: object) -> None:
    """Raises BadInput for a text that the registry cannot keep."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending += [*one, *one.values()]
        elif isinstance(one, list):
            pending += one
        elif isinstance(one, str) and ("\0" in one or any("\ud800" <= sign <= "\udfff" for sign in one)):
            raise BadInput("result: a text in it has a NUL character, or half a one of UTF-16")


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")
