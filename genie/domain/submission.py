"""A result that a session gives itself."""

from __future__ import annotations

import json
from typing import NoReturn

from genie.domain.amounts import write_size
from genie.domain.errors import BadInput
from genie.domain.note import check_text

LONGEST = 2**20
"""Bytes of a result in UTF-8."""
DEEPEST = 200
"""Lists and objects within each other, of a result that is JSON."""


def check_result(text: str) -> None:
    """Raises BadInput for a result that is too long, or that the registry cannot keep."""
    check_text("the result", text)
    if len(text.encode()) > LONGEST:
        hint = "write it to a file, and name the file in the result"
        raise BadInput(f"the result is longer than {write_size(LONGEST)}", hint=hint)


def read_json(text: str) -> object:
    """The JSON that a result is. Raises BadInput for what is none."""
    try:
        value: object = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise BadInput("the result is nested too deep", hint="flatten it") from error
    except ValueError as error:
        hint = "this session has a JSON schema: give JSON alone, and nothing around it"
        raise BadInput(f"the result is not JSON: {error}", hint=hint) from error
    _check_inside(value)
    return value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _check_inside(value: object) -> None:
    """Escapes of JSON can say what no text of the registry holds."""
    pending = [(value, 1)]
    while pending:
        one, depth = pending.pop()
        if depth > DEEPEST:
            raise BadInput(f"the result is nested more than {DEEPEST} deep", hint="flatten it")
        if isinstance(one, str):
            check_text("the result", one)
        elif isinstance(one, dict):
            pending += [(inner, depth + 1) for pair in one.items() for inner in pair]
        elif isinstance(one, list):
            pending += [(inner, depth + 1) for inner in one]
