"""Claude Code's own files, read only: its teams, and which conversation of a directory is the newest."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ValidationError

from genie.domain.native import MARKER
from genie.domain.team import ClaudeTeam

_NOT_ALPHANUMERIC = re.compile(r"[^A-Za-z0-9]")
_SLASH_OR_DOT = re.compile(r"[/.]")


class _Member(BaseModel):
    name: str
    agentType: str | None = None  # noqa: N815 (the file's own spelling)


class _Config(BaseModel):
    """What genie needs of a team's config.json; the rest is Claude Code's own business."""

    name: str
    leadSessionId: str | None = None  # noqa: N815 (the file's own spelling)
    members: list[_Member] = []


class ClaudeFiles:
    """Looks in $CLAUDE_CONFIG_DIR of the environment it is given, else in that environment's ~/.claude."""

    def teams(self, *, env: Mapping[str, str]) -> tuple[tuple[ClaudeTeam, ...], tuple[str, ...]]:
        """Its teams by the names of their folders, and a warning for each file that could not be read. Those that a
        genie has made are that one's teams, under names of its own."""
        folder = _config_dir(env)
        if folder is None:
            return (), ()
        teams: list[ClaudeTeam] = []
        warnings: list[str] = []
        for path in sorted((folder / "teams").glob("*/config.json")):
            if path.with_name(MARKER).exists():
                continue
            try:
                teams.append(_team(_Config.model_validate(json.loads(path.read_bytes()))))
            except FileNotFoundError:
                continue  # the team was disbanded since the folder was listed
            except OSError as error:
                warnings.append(f"{path}: cannot be read: {error.strerror}")
            except ValidationError as error:
                warnings.append(f"{path}: not a team: {_where(error)}")
            except (ValueError, RecursionError) as error:
                warnings.append(f"{path}: not JSON: {error}")
        return tuple(teams), tuple(warnings)

    def newest_session(self, cwd: str, *, env: Mapping[str, str]) -> str | None:
        """The session id of the newest transcript of that directory. Only a caller inside Claude Code
        may take it for its own: elsewhere it is the conversation of somebody else."""
        folder = _config_dir(env)
        if folder is None:
            return None
        paths = [path for name in _folder_names(cwd) for path in (folder / "projects" / name).glob("*.jsonl")]
        found = [(changed, path.stem) for path in paths if _is_uuid(path.stem) and (changed := _changed(path))]
        return max(found)[1] if found else None


def _folder_names(cwd: str) -> set[str]:
    """How the folder of a directory's transcripts may be called: versions differ in what becomes a
    dash besides `/` and `.`, and name the directory as it is or with its links resolved."""
    written = {cwd, str(Path(cwd).resolve())}
    return {rule.sub("-", path) for path in written for rule in (_NOT_ALPHANUMERIC, _SLASH_OR_DOT)}


def _config_dir(env: Mapping[str, str]) -> Path | None:
    if env.get("CLAUDE_CONFIG_DIR"):
        return Path(env["CLAUDE_CONFIG_DIR"])
    return Path(env["HOME"]) / ".claude" if env.get("HOME") else None


def _team(config: _Config) -> ClaudeTeam:
    words = [word for member in config.members for word in (member.name, member.agentType) if word]
    return ClaudeTeam(config.name, config.leadSessionId or None, tuple(dict.fromkeys(words)))


def _where(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _changed(path: Path) -> int | None:
    """When it was changed last, in nanoseconds; None when it is gone or no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns if path.is_file() else None


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
