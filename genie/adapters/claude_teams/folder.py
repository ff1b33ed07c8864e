"""Teams of Claude Code's own in its configuration directory: those that genie has made and marked, and no others."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from secrets import token_hex
from threading import RLock
from typing import Any

from genie.adapters.claude_teams import _config, _inbox, _records
from genie.adapters.claude_teams._files import FOLDER_MODE, locked, write
from genie.domain.errors import Conflict, Failed, NotAllowed
from genie.domain.native import LEAD, MARKER, Mail, Roll

OLDEST = (2, 1, 328)
"""The oldest version that was seen to take members by its command line."""
VERSION_PATIENCE = 4.0
"""Seconds: a runner waits meanwhile, as it does for a lock."""
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class ClaudeTeams:
    """Implements `genie.ports.NativeTeams`. What was made is known by files in `records`; `owner` tells this genie from
    another one of the same user."""

    def __init__(self, records: Path, *, owner: str) -> None:
        self._records = records
        self._owner = owner
        self._lock = RLock()
        self._versions: dict[tuple[str, int, int], tuple[int, ...]] = {}

    def held(self) -> AbstractContextManager[object]:
        return self._lock

    def place(self, env: Mapping[str, str]) -> str:
        named = env.get("CLAUDE_CONFIG_DIR")
        return named or str(Path(env.get("HOME") or Path.home()) / ".claude")

    # ---- what the program can ----

    def check_program(self, program: str) -> None:
        version = self._version(program)
        if version < OLDEST:
            said = ".".join(map(str, version)) or "an unknown version"
            least = ".".join(map(str, OLDEST))
            raise NotAllowed(f"claude {said} takes no members of teams; {least} does", hint="claude update")

    def _version(self, program: str) -> tuple[int, ...]:
        """Empty where it cannot be told. A program that was replaced is asked again."""
        with _told(program):
            stat = os.stat(program)  # noqa: PTH116  the name is the key, too
            key = (program, stat.st_mtime_ns, stat.st_size)
        if key not in self._versions:
            try:
                done = subprocess.run(  # noqa: S603 - an argv list, no shell
                    [program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=VERSION_PATIENCE
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                raise Failed(f"cannot run {program} --version: {error}", hint="genie doctor") from error
            found = _VERSION.search(done.stdout.decode(errors="replace"))
            self._versions[key] = tuple(map(int, found.groups())) if found else ()
        return self._versions[key]

    # ---- folders ----

    def check_free(self, roll: Roll) -> None:
        folder = _folder(roll)
        with _told(folder):
            known = _records.read(_records.path_of(self._records, roll))
            if known and known.team != roll.team:
                raise Conflict(
                    f"team '{known.team}' is '{roll.name}' to Claude Code already", hint=f"rename team '{roll.team}'"
                )
            if folder.exists() and not self._is_ours(folder, roll):
                raise Conflict(
                    f"{folder} is there, and this genie has not made it",
                    hint=f"rename team '{roll.team}', or remove that folder if nobody needs it",
                )

    def _is_ours(self, folder: Path, roll: Roll) -> bool:
        try:
            said = json.loads((folder / MARKER).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        return bool(said == self._marker(roll))

    def _marker(self, roll: Roll) -> dict[str, str]:
        return {"owner": self._owner, "team": roll.team}

    def rolls(self) -> list[Roll]:
        with _told(self._records):
            return _records.read_all(self._records)

    def keep(self, roll: Roll) -> None:
        folder = _folder(roll)
        with self._lock, _told(folder):
            self.check_free(roll)
            before = _records.read(_records.path_of(self._records, roll))
            if before != roll:
                _records.keep(self._records, roll)
            if not folder.exists():
                self._make(folder, roll)
            self._bring(folder, roll)
            gone = {one.name for one in before.members} if before else set()
            for name in gone - {one.name for one in roll.members}:
                _inbox.remove(folder, name)

    def _make(self, folder: Path, roll: Roll) -> None:
        """It is there at once with all that marks it, or not at all."""
        folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        _sweep(folder)
        made = folder.with_name(f".genie-{folder.name}-{token_hex(4)}")
        made.mkdir(mode=FOLDER_MODE)
        write(made / MARKER, json.dumps(self._marker(roll)))
        (made / "inboxes").mkdir(mode=FOLDER_MODE)
        _save(made, _config.brought({}, roll))
        made.rename(folder)

    def _bring(self, folder: Path, roll: Roll) -> None:
        path = folder / "config.json"
        if _fits(path, roll):
            return
        with locked(path):
            found = _read(path)
            strangers = _config.names(found) & {one.name for one in roll.members}
            if strangers:
                raise Conflict(f"{path} has a member '{min(strangers)}' that genie has not written")
            wanted = _config.brought(found, roll)
            if wanted != found:
                _save(folder, wanted)

    # ---- its end ----

    def remove(self, roll: Roll) -> str | None:
        folder = _folder(roll)
        with self._lock, _told(folder):
            left = str(folder) if self._is_ours(folder, roll) and not self._clear(folder, roll) else None
            _sweep(folder)
            _records.path_of(self._records, roll).unlink(missing_ok=True)
        return left

    def _clear(self, folder: Path, roll: Roll) -> bool:
        """Take genie out of the folder, and the folder away where nothing else is in it; whether it is gone."""
        path = folder / "config.json"
        with locked(path):
            found = _read(path)
            left = _config.without(found)
            if not left["members"] and not _foreign(folder, roll):
                gone = folder.with_name(f".genie-{folder.name}-{token_hex(4)}")
                folder.rename(gone)  # the lock goes with it
                return True
            for name in (LEAD, *(one.name for one in roll.members)):
                _inbox.remove(folder, name)
            if found and left != found:
                _save(folder, left)
        (folder / MARKER).unlink(missing_ok=True)
        return False

    # ---- inboxes ----

    def mail(self, roll: Roll) -> list[Mail]:
        folder = _folder(roll)
        with _told(folder):
            return _inbox.read(folder, LEAD)

    def drop(self, roll: Roll, mails: Collection[str]) -> None:
        folder = _folder(roll)
        with _told(folder):
            _inbox.drop(folder, LEAD, mails)

    def put(self, roll: Roll, member: str, text: str, *, id: str) -> None:  # noqa: A002  the entry's own word
        folder = _folder(roll)
        with _told(folder):
            _inbox.put(folder, member, text, id=id)


def _folder(roll: Roll) -> Path:
    return Path(roll.directory) / "teams" / roll.name


def _read(path: Path) -> dict[str, Any]:
    """Empty for what is no object: a claude that was killed while it wrote has left a part of one."""
    try:
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fits(path: Path, roll: Roll) -> bool:
    """Whether it says what it should. A claude may be writing it: then it is looked at under the lock."""
    found = _read(path)
    return bool(found) and _config.brought(found, roll) == found


def _save(folder: Path, config: Mapping[str, Any]) -> None:
    write(folder / "config.json", json.dumps(config, indent=2, ensure_ascii=False))


def _foreign(folder: Path, roll: Roll) -> bool:
    """Whether something is in it that neither genie nor its members have put there."""
    own = {LEAD, *(one.name for one in roll.members)}
    inboxes = {f"{name}.json" for name in own}
    for path in folder.rglob("*"):
        here = path.relative_to(folder).as_posix()
        if here in (MARKER, "config.json", "config.json.lock", "inboxes") or ".json.tmp." in path.name:
            continue
        if path.parent.name != "inboxes" or path.name.removesuffix(".lock") not in inboxes:
            return True
    return False


def _sweep(folder: Path) -> None:
    """Remove what a crash has left of making the folder, or of taking it away: marked, or not filled yet."""
    for left in folder.parent.glob(f".genie-{folder.name}-{'[0-9a-f]' * 8}"):
        if any(left.iterdir()) and not (left / MARKER).exists():
            continue
        for path in sorted(left.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
        left.rmdir()


@contextmanager
def _told(what: object) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(f"{what}: {error.strerror or error}", hint="see that the folder can be written") from error
