"""Gemini's session files: `~/.gemini/tmp/<project>/chats/session-<time>-<8 of the id>.jsonl`, there from the start on.

Each start of a session that is resumed leaves one more file without a message, which the program removes when it ends
by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from genie.domain.errors import Failed

ID_LENGTH = 8
ASIDE = ".without-message"
SPEAKERS = ("user", "gemini")


def chat_of(session: str, *, env: Mapping[str, str]) -> Path | None:
    """The conversation of a session: the newest of its files that holds a message, else the newest."""
    found = _files(session, env)
    return max(found, default=None, key=lambda path: (holds_message(path), path.name))


def leftovers(session: str, *, env: Mapping[str, str]) -> list[Path]:
    return _files(session, env)


def _files(session: str, env: Mapping[str, str]) -> list[Path]:
    root = Path(env.get("GEMINI_CLI_HOME") or env.get("HOME") or Path.home()) / ".gemini" / "tmp"
    found = root.glob(f"*/chats/session-*-{session[:ID_LENGTH]}.jsonl")
    return [path for path in found if _is_of(path, session)]


def _is_of(path: Path, session: str) -> bool:
    try:
        with path.open("rb") as lines:
            record = json.loads(lines.readline())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("sessionId") == session


def holds_message(path: Path) -> bool:
    """Whether the user or the model has said something: only then can the program resume it."""
    try:
        with path.open("rb") as lines:
            return any(_is_message(line) for line in lines)
    except OSError:
        return False


def _is_message(line: bytes) -> bool:
    try:
        record = json.loads(line)
    except ValueError:
        return False
    return isinstance(record, dict) and record.get("type") in SPEAKERS


def set_aside(path: Path) -> None:
    """Rename a file that a crash has left without a message: while it is there the program can neither resume the
    session nor start its id anew."""
    try:
        path.replace(path.with_name(path.name + ASIDE))
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failed(f"cannot rename {path}: {error.strerror}", hint="remove that file") from error
