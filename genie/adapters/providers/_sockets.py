"""The sockets at which Claude Code takes messages of other sessions."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from genie.adapters.providers._registered import entry
from genie.adapters.providers.claude import config_dir
from genie.ports.messages import Socket

SINCE = (2, 1, 328)
"""The release that takes messages as docs/messages.md says."""
INBOUND = "crossSessionInbound"
"""The setting: `accept`, `hold` or `refuse`."""
MANAGED = (
    Path("/Library/Application Support/ClaudeCode/managed-settings.json")
    if sys.platform == "darwin"
    else Path("/etc/claude-code/managed-settings.json")
)
_BYPASS = ("bypassPermissions", "--dangerously-skip-permissions", "--allow-dangerously-skip-permissions")


class ClaudeSockets:
    """Implements `genie.ports.messages.Sockets`. `managed` is the file of who administers the machine."""

    def __init__(self, managed: Path = MANAGED) -> None:
        self._managed = managed

    def find(self, provider: str, *, env: Mapping[str, str], cwd: str, argv: Sequence[str], pid: int) -> Socket | None:
        config = config_dir(env)
        found = entry(config, pid) if provider == "claude" else None
        path = found.get("messagingSocketPath") if found else None
        if found is None or not isinstance(path, str) or not path or _release(found.get("version")) < SINCE:
            return None
        return Socket(path, _token(config, found)) if self._accepts(config, cwd, argv) else None

    def _accepts(self, config: Path, cwd: str, argv: Sequence[str]) -> bool:
        """Whether messages are taken in at once. Where its user is asked for nothing, one from who says nothing of
        himself is kept back, unless that was settled. A project may only say that there be none."""
        of_project = [Path(cwd) / ".claude" / name for name in ("settings.json", "settings.local.json")]
        of_user = [config / "settings.json", self._managed, *_named(argv)]
        said = [_object(path).get(INBOUND) for path in of_user]
        if any(word not in (None, "accept") for word in (*said, *(_object(path).get(INBOUND) for path in of_project))):
            return False
        return "accept" in said or not any(_bypasses(word) for word in argv)


def _bypasses(word: str) -> bool:
    return any(word == one or word.endswith(f"={one}") for one in _BYPASS)


def _named(argv: Sequence[str]) -> Iterator[Path]:
    """The settings files that its command line names."""
    for place, word in enumerate(argv):
        name, equals, value = word.partition("=")
        if name == "--settings":
            yield Path(value if equals else "".join(argv[place + 1 : place + 2]))


def _release(version: object) -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version) if isinstance(version, str) else None
    return tuple(int(part) for part in found.groups()) if found else ()


def _token(config: Path, found: Mapping[str, Any]) -> str | None:
    """The word that this process, and not one before of its pid, has written down for others."""
    for path in sorted((config / "sessions").glob(f"{found['pid']}.*.key")):
        key = _object(path)
        if str(key.get("procStart")) == str(found.get("procStart")) and isinstance(key.get("peerToken"), str):
            return str(key["peerToken"])
    return None


def _object(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one for what is none."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
