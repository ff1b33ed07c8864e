"""What an agent or a script says of its own session: a message, how much it matters, and data."""

from __future__ import annotations

import json
from enum import Enum

from genie.domain.amounts import write_size
from genie.domain.errors import BadInput

LONGEST = 64 * 1024
"""Bytes of a message in UTF-8, and of its data as JSON."""
DEEPEST = 64
"""Lists and objects within each other."""


class Level(Enum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def check_message(text: str) -> None:
    """Raises BadInput for a text that is too long, or that the registry cannot keep."""
    check_text("the message", text)
    _check_size("the message", text)


def check_data(data: object) -> None:
    """Raises BadInput for what is no JSON, too large or too deep, or that the registry cannot keep."""
    pending: list[tuple[object, int]] = [(data, 1)]
    while pending:
        value, depth = pending.pop()
        if depth > DEEPEST:
            raise BadInput(f"the data is nested more than {DEEPEST} deep", hint="flatten it")
        if isinstance(value, str):
            check_text("the data", value)
        elif isinstance(value, dict):
            pending += [(inner, depth + 1) for pair in value.items() for inner in pair]
        elif isinstance(value, list):
            pending += [(inner, depth + 1) for inner in value]
    try:
        written = json.dumps(data, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise BadInput("the data has a number that JSON does not have", hint="no NaN, no Infinity") from error
    _check_size("the data", written)


def check_text(what: str, text: str) -> None:
    """Raises BadInput for a text that the registry cannot keep."""
    if "\0" in text:
        raise BadInput(f"{what} has a NUL character", hint="leave it out")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput(f"{what} is not valid UTF-8", hint="re-encode it") from error


def _check_size(what: str, text: str) -> None:
    size = len(text.encode())
    if size > LONGEST:
        raise BadInput(
            f"{what} has {size} bytes; the limit is {write_size(LONGEST)}", hint="write it to a file, and name the file"
        )
