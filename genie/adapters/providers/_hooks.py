"""How claude and codex are told to tell genie what they do: claude by a settings file of genie's, which goes beside the
user's own, codex by its notify program, after which the user's own is run."""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from genie.adapters.providers._program import HookProgram, read_version

FLAG = "--settings"
FILE, CLASSIC_FILE = "claude.json", "claude-classic.json"
CLASSIC: Mapping[str, str | None] = {
    "SessionStart": None,
    "PreToolUse": "AskUserQuestion",
    "Notification": None,
    "Stop": None,
}
"""Events that every release knows, with the tools that they are wanted of. One that a release does not know makes it
show a dialog at its start, and wait. UserPromptSubmit is left out: with it the program writes a prompt to its
transcript later, up to after a quick answer, and a kill before that loses the conversation. The registry tells the
same."""
EVENTS: Mapping[str, str | None] = {**CLASSIC, "PermissionRequest": None, "StopFailure": None}
KNOWN_SINCE = (2, 1, 197)
"""The release in which the others were seen to be known."""
SECONDS = 5
ASKS = "PermissionRequest"
"""The event that can be answered. claude shows its dialog while the hook waits, and takes what comes first."""
REFRESH = 10
"""Seconds after which the status line is run though nothing has changed. Each time costs a start of Python: with 2 an
agent that does nothing would cost more than 1 % of a core."""
SPARE = 60
"""Seconds that the program gives the hook beyond its own wait."""


# ---- claude ---------------------------------------------------------------------------------


def settings_flag(hooks: HookProgram | None, program: str, extra: Sequence[str]) -> tuple[str, ...]:
    """The options that name the settings file, which is written. None where the user names one: the program takes
    one only; and where it cannot be written, since an agent without hooks is better than none."""
    if hooks is None or any(word.partition("=")[0] == FLAG for word in extra):
        return ()
    name = FILE if knows_all(program) else CLASSIC_FILE
    path = _write(hooks, name)
    return (FLAG, str(path)) if path else ()


def renewed(hooks: HookProgram | None, argv: tuple[str, ...]) -> tuple[str, ...]:
    """argv whose settings file is there, and names this genie's program; without it where that cannot be."""
    for place, word in enumerate(argv[:-1]):
        path = Path(argv[place + 1])
        if word != FLAG or path.name not in (FILE, CLASSIC_FILE):
            continue
        written = hooks is not None and path.parent == Path(hooks.directory) and _write(hooks, path.name)
        return argv if written or path.is_file() else (*argv[:place], *argv[place + 2 :])
    return argv


def knows_all(program: str) -> bool:
    """Whether that release of claude knows all of the events."""
    try:
        stat = Path(program).stat()
    except OSError:
        return False
    return _release(program, stat.st_mtime_ns, stat.st_size) >= KNOWN_SINCE


@lru_cache(maxsize=16)
def _release(program: str, changed: int, size: int) -> tuple[int, ...]:  # noqa: ARG001 - another program has others
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", read_version(program) or "")
    return tuple(int(part) for part in found.groups()) if found else ()


def settings(hooks: HookProgram, events: Mapping[str, str | None]) -> dict[str, Any]:
    """What the file says. The program takes what else the user's own status line says, such as its padding, from there,
    and shows nothing of one that fails."""
    said: dict[str, Any] = {"hooks": {event: [_entry(hooks, event, tools)] for event, tools in events.items()}}
    if hooks.line:
        said["statusLine"] = {"type": "command", "command": shlex.join(hooks.line), "refreshInterval": REFRESH}
    return said


def _entry(hooks: HookProgram, event: str, tools: str | None) -> dict[str, Any]:
    told = hook(hooks, f"claude.{event}")
    # Releases that do not know async wait for the hook, and take the word without complaint.
    entry = {"hooks": [told if told["timeout"] > SECONDS else {**told, "async": True}]}
    return {"matcher": tools, **entry} if tools else entry


def hook(hooks: HookProgram, event: str) -> dict[str, Any]:
    """A hook in the words of claude and codex: it tells that event, or where that can be answered, waits for it."""
    asks = hooks.answer_wait if event.endswith(f".{ASKS}") else 0
    words = (*hooks.command, event, *((f"wait={asks}",) if asks else ()))
    # A hook that ends with 2 forbids what it was asked about, and Python ends so when its program is not there.
    return {"type": "command", "command": f"{shlex.join(words)} || :", "timeout": asks + SPARE if asks else SECONDS}


def _write(hooks: HookProgram, name: str) -> Path | None:
    """The file, written where it says anything else."""
    path = Path(hooks.directory) / name
    said = json.dumps(settings(hooks, EVENTS if name == FILE else CLASSIC), indent=1)
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == said:
            return path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _put(path, said)
    except (OSError, ValueError):
        return None
    return path


def _put(path: Path, said: str) -> None:
    """Whole, and for its owner only. Many spawns at once may do it."""
    descriptor, hidden = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(said)
        Path(hidden).replace(path)
    except OSError:
        Path(hidden).unlink(missing_ok=True)
        raise


# ---- codex ----------------------------------------------------------------------------------


def notify_flag(hooks: HookProgram | None, home: Path, extra: Sequence[str]) -> tuple[str, ...]:
    """The options that name the notify program; none where the user's arguments name one."""
    if hooks is None or any(word.startswith(("notify=", "notify =")) for word in extra):
        return ()
    words = [*hooks.command, "codex.notify", *_own_notify(home)]
    written = json.dumps(words, ensure_ascii=False).replace("\x7f", "\\u007f")
    return ("-c", f"notify={written}")


def _own_notify(home: Path) -> list[str]:
    """The user's own notify program, from codex's configuration."""
    try:
        said = tomllib.loads((home / "config.toml").read_text(encoding="utf-8")).get("notify")
    except (OSError, ValueError):
        return []
    return said if isinstance(said, list) and all(isinstance(word, str) for word in said) else []
