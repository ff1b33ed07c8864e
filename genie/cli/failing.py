"""What a failed command tells: one line, an exit code, and JSON where it was asked for."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from genie.cli.output import as_json, clean, say
from genie.domain.errors import (
    BadInput,
    Conflict,
    GenieError,
    NotAllowed,
    NotFound,
    Refused,
    TimedOut,
    Unreachable,
)
from genie.paths import Home

INTERRUPTED = 130
_EXITS: dict[type[GenieError], int] = {
    BadInput: 2,
    NotFound: 3,
    Conflict: 4,
    Refused: 5,
    NotAllowed: 6,
    Unreachable: 7,
    TimedOut: 124,
}


def exit_code(error: GenieError) -> int:
    """The exit code of an error, by its branch of the tree."""
    return next((_EXITS[kind] for kind in type(error).__mro__ if kind in _EXITS), 1)


def sentence(error: GenieError) -> str:
    """The one line: what, which value, and what to do."""
    return _sentence(error.message, error.hint)


def _sentence(message: str, hint: str) -> str:
    text = clean(" ".join(message.split("\n")))
    return f"genie: {text} — {clean(hint)}" if hint else f"genie: {text}"


def sentences(error: GenieError) -> list[str]:
    """A line for each thing that is wrong with a file, where the error is the first of these."""
    listed = error.details.get("errors")
    each = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    if not each or each[0].get("message") != error.message:
        return [sentence(error)]
    return [_sentence(str(one.get("message", "")), str(one.get("hint", ""))) for one in each]


def report(error: GenieError, *, json: bool) -> int:
    """Tell of an error; the exit code."""
    if json:
        as_json({"error": {"code": error.code, "message": error.message, "hint": error.hint, **error.details}})
    for line in sentences(error):
        say(line)
    return exit_code(error)


def report_bug(error: Exception, *, json: bool) -> int:
    """Tell of an error that nobody foresaw: the traceback goes to the log, its id to the user."""
    number = os.urandom(4).hex()
    path = Home.from_environment().logs / "cli.log"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {number}\n{''.join(traceback.format_exception(error))}\n")
        where = f"the traceback is in {path} under {number}"
    except OSError:
        where = f"and its traceback could not be written to {path}"
    if json:
        as_json({"error": {"code": "bug", "message": str(error), "hint": where, "id": number}})
    say(f"genie: a bug of genie's: {type(error).__name__}: {clean(str(error))} — {where}")
    return 1
