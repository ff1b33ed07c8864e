"""Inboxes: a JSON list a member, to which mates append, and from which its owner removes what it has read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from genie.adapters.claude_teams._files import FOLDER_MODE, locked, write
from genie.domain.native import LEAD, Mail

PATIENCE = 2.0
"""Seconds for which an inbox's lock is waited for; what was not done is done a moment later."""
EMPTY = 2
"""Bytes of a list without entries."""


def path_of(folder: Path, name: str) -> Path:
    return folder / "inboxes" / f"{name}.json"


def read(folder: Path, name: str) -> list[Mail]:
    """What lies there. An inbox is only ever replaced as a whole: no lock is needed to read it."""
    path = path_of(folder, name)
    try:
        if path.stat().st_size <= EMPTY:
            return []
    except FileNotFoundError:
        return []
    return [mail for entry in _entries(path) if (mail := _mail(entry))]


def drop(folder: Path, name: str, mails: Collection[str]) -> None:
    """Remove these; what came since stays."""
    path = path_of(folder, name)
    try:
        with locked(path, patience=PATIENCE):
            found = _entries(path)
            left = [entry for entry in found if (mail := _mail(entry)) and mail.id not in mails]
            if left != found:
                _write(path, left)
    except FileNotFoundError:
        return


def put(folder: Path, name: str, text: str, *, id: str) -> None:  # noqa: A002  the entry's own word
    """Append a message of the lead's."""
    path = path_of(folder, name)
    path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
    with locked(path, patience=PATIENCE):
        found = _entries(path) if path.exists() else []
        if any(entry.get("msg_id") == id for entry in found if isinstance(entry, dict)):
            return
        sent = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"from": LEAD, "text": text, "timestamp": sent, "msgV": 1, "msg_id": id}
        _write(path, [*found, said | {"type": "message", "read": False}])


def remove(folder: Path, name: str) -> None:
    path = path_of(folder, name)
    path.unlink(missing_ok=True)


def _write(path: Path, entries: list[Any]) -> None:
    write(path, json.dumps(entries, indent=2, ensure_ascii=False))


def _entries(path: Path) -> list[Any]:
    """The program takes what is no list for empty, too."""
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def _mail(entry: object) -> Mail | None:
    if not isinstance(entry, dict):
        return None
    said = [entry.get(key) for key in ("from", "text", "timestamp")]
    if not all(isinstance(one, str) for one in said):
        return None
    own = entry.get("msg_id")
    known = own if isinstance(own, str) else hashlib.sha256(json.dumps(said).encode()).hexdigest()
    return Mail(id=known, sender=str(said[0]), text=str(said[1]))
