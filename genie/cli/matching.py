"""Which events a watch is about, and the command that it runs for one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from genie.client import Row
from genie.domain.errors import BadInput

_PLACE = re.compile(r"\{(session_id|name|event_type|seq|ts)\}")


def conditions(words: Sequence[str]) -> list[tuple[str, str]]:
    """`k=v,k=v` words, taken apart. Raises BadInput."""
    found = []
    for part in (part for word in words for part in word.split(",")):
        key, equals, value = part.partition("=")
        if not equals or not key:
            raise BadInput(f"--filter {part!r} is not KEY=VALUE", hint="--filter tool=Bash,is_error=true")
        found.append((key.strip(), value))
    return found


def fits(row: Row, wanted: Sequence[tuple[str, str]]) -> bool:
    """Whether all of them hold: of the event's payload (`a.b` is b in a), else of the event itself."""
    return all(_holds(row, key, value) for key, value in wanted)


def _holds(row: Row, key: str, value: str) -> bool:
    found: object = row.get("payload") or {}
    if key.partition(".")[0] not in (row.get("payload") or {}):
        found = row
    for part in key.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return False
        found = found[part]
    return value == (found if isinstance(found, str) else json.dumps(found))


def command_of(row: Row, words: Sequence[str]) -> list[str]:
    """The words of a command, with what is in braces replaced."""
    values = {
        "session_id": row.get("session_id"),
        "name": row.get("name"),
        "event_type": str(row["kind"]).partition(".")[2],
        "seq": row.get("seq"),
        "ts": row["at"],
    }
    return [_PLACE.sub(lambda found: str(values[found[1]] or ""), word) for word in words]
