"""Codex's session files: `sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl`, written from the first message on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psutil

PATTERN = "rollout-*.jsonl"
ID_LENGTH = 36
FIRST_WITHIN = 1 << 20
"""In how many bytes its first record is looked for: an agent may name any file."""
PROMPT_WITHIN = 400
"""In how many records from the start the first prompt is looked for."""


def rollout_id(path: Path) -> str:
    return path.stem[-ID_LENGTH:]


def find_rollout(home: Path, session: str) -> Path | None:
    """The rollout of a session; the newest where there are several."""
    found = [path for path in (home / "sessions").glob(f"*/*/*/{PATTERN}") if rollout_id(path) == session]
    return max(found, default=None, key=lambda path: path.name)


def of_a_user(path: Path) -> bool:
    """Whether that file tells of itself that it is the rollout of a session, not of a helper; False while it is not
    there. Any path is good, also one that nobody can vouch for."""
    meta = _meta(path)
    return bool(meta) and not _is_helper(meta)


def held_rollouts(pid: int, home: Path) -> list[Path] | None:
    """The rollouts that a process or its descendants hold open; None when it cannot be looked at.
    A session's helpers have rollouts of their own, which are left out."""
    folder = Path(os.path.realpath(home)) / "sessions"
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        family = [process, *process.children(recursive=True)]
        opened = {Path(file.path) for member in family for file in _files(member)}
    except psutil.Error:
        return None
    ours = (path for path in opened if path.is_relative_to(folder) and path.match(PATTERN))
    return sorted(path for path in ours if not _is_helper(_meta(path)))


def _files(process: psutil.Process) -> list[Any]:
    try:
        return list(process.open_files())
    except psutil.NoSuchProcess:
        return []


def new_rollouts(home: Path, *, cwd: str, since: datetime, prompt: str) -> list[Path]:
    """Rollouts of that directory that were begun since then and told that prompt at their start."""
    found = []
    for path in _since(home / "sessions", since):
        meta = _meta(path)
        if meta.get("cwd") != os.path.realpath(cwd) or _is_helper(meta) or not _begun(meta, since):
            continue
        if _was_told(path, prompt):
            found.append(path)
    return found


def _since(sessions: Path, since: datetime) -> Iterator[Path]:
    # The folders are days of local time: a day of margin takes in every zone.
    earliest = (since - timedelta(days=1)).strftime("%Y/%m/%d")
    for day in sessions.glob("*/*/*"):
        if day.relative_to(sessions).as_posix() >= earliest:
            yield from day.glob(PATTERN)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """The payloads of its records, with their type; lines that do not read are left out."""
    try:
        with path.open("rb") as lines:
            for line in lines:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue
                if isinstance(record, dict) and isinstance(record.get("payload"), dict):
                    yield {**record["payload"], "record": record.get("type")}
    except OSError:
        return


def _meta(path: Path) -> dict[str, Any]:
    """What its first record says of the session; nothing where that is none, or the path is no file."""
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            first = json.loads(file.readline(FIRST_WITHIN))
    except (OSError, ValueError, RecursionError):
        return {}
    told = isinstance(first, dict) and first.get("type") == "session_meta" and isinstance(first.get("payload"), dict)
    return first["payload"] if told else {}


def _is_helper(meta: dict[str, Any]) -> bool:
    return isinstance(meta.get("source"), dict) or meta.get("source") in ("exec", "mcp")


def _begun(meta: dict[str, Any], since: datetime) -> bool:
    try:
        begun = datetime.fromisoformat(str(meta.get("timestamp")))
    except ValueError:
        return False
    # Its clock counts in milliseconds.
    return begun.tzinfo is not None and begun >= since - timedelta(milliseconds=1)


def _was_told(path: Path, prompt: str) -> bool:
    """Whether a message of the user near its start is that prompt."""
    said = (_said(record) for record in islice(_records(path), PROMPT_WITHIN))
    return any(text is not None and text.strip() == prompt.strip() for text in said)


def _said(record: dict[str, Any]) -> str | None:
    if record.get("record") != "response_item" or record.get("type") != "message" or record.get("role") != "user":
        return None
    content = record.get("content")
    parts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(str(part) for part in parts if part)
