"""Which folders genie has made, in files of its own: they outlive the daemon, and the agents."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, ValidationError

from genie.adapters.claude_teams._files import FOLDER_MODE, write
from genie.domain.native import Member, Roll, Standing


class _Member(BaseModel):
    agent: UUID
    name: str
    color: str
    cwd: str
    model: str | None
    pane: str
    joined_at: datetime
    standing: Standing


class _Roll(BaseModel):
    directory: str
    name: str
    team: str
    lead: UUID
    created_at: datetime
    members: list[_Member]


def path_of(folder: Path, roll: Roll) -> Path:
    """The record of that team in that configuration directory."""
    known = hashlib.sha256(f"{roll.directory}\0{roll.name}".encode("utf-8", "surrogateescape")).hexdigest()
    return folder / f"{known[:32]}.json"


def read_all(folder: Path) -> list[Roll]:
    found = (read(path) for path in sorted(folder.glob("*.json")))
    return [roll for roll in found if roll]


def read(path: Path) -> Roll | None:
    """None for one that is gone, and for one that does not read."""
    try:
        said = _Roll.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    members = tuple(Member(**{key: getattr(one, key) for key in _Member.model_fields}) for one in said.members)
    return Roll(**{key: getattr(said, key) for key in _Roll.model_fields} | {"members": members})


def keep(folder: Path, roll: Roll) -> None:
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    said = {key: getattr(roll, key) for key in _Roll.model_fields if key != "members"}
    listed = [_Member(**{key: getattr(one, key) for key in _Member.model_fields}) for one in roll.members]
    write(path_of(folder, roll), _Roll(**said, members=listed).model_dump_json())
