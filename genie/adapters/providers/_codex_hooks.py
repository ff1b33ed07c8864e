"""How codex is given hooks of genie's: by its command line, beside those of the user's files, of which none is edited.

The program asks about hooks that are new to it, and runs none before it has been answered. One flag has it run all of
them without: the user's own too, so it is given only where the user has allowed it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genie.adapters.providers._hooks import hook
from genie.adapters.providers._program import HookProgram

UNSEEN = "--dangerously-bypass-hook-trust"
EVENTS = ("SessionStart", "UserPromptSubmit", "PermissionRequest", "PostToolUse", "Stop")
_BARE = re.compile("[A-Za-z0-9_-]+")


def hook_flags(hooks: HookProgram | None, home: Path, extra: Sequence[str]) -> tuple[str, ...]:
    """The options; none where the user's arguments name hooks."""
    if hooks is None or any(re.match(r"hooks\s*[.=]", word) for word in extra):
        return ()
    own, words = _own(home), []
    for event in EVENTS:
        entry = {"hooks": [hook(hooks, f"codex.{event}")]}
        words += ["-c", f"hooks.{event}={toml([*own.get(event, ()), entry])}"]
    return (UNSEEN, *words)


def _own(home: Path) -> dict[str, list[Any]]:
    """Those of the user's config.toml, whose place a setting on the command line takes; hooks.json stays as it is."""
    try:
        said = tomllib.loads((home / "config.toml").read_text(encoding="utf-8")).get("hooks")
    except (OSError, ValueError):
        return {}
    found = said if isinstance(said, dict) else {}
    return {event: entries for event, entries in found.items() if isinstance(entries, list)}


def toml(value: object) -> str:
    """A value of JSON as TOML writes it within a line."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_key(key)} = {toml(one)}' for key, one in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(toml(one) for one in value)}]"
    if isinstance(value, (str, bool, int, float)):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)  # a date


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else json.dumps(key)
