"""The contents of a team's config.json: genie's members brought in and out, everything else as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from genie.domain.native import LEAD, Member, Roll, Standing

MARK = "genieAgent"
"""A member that has this key was written by genie; it holds the agent's id."""


def brought(found: Mapping[str, Any], roll: Roll) -> dict[str, Any]:
    """What the file should say. `found` is what it says."""
    config = {"name": roll.name, "createdAt": _ms(roll.created_at)} | dict(found)
    config |= {"leadAgentId": f"{LEAD}@{roll.name}", "leadSessionId": str(roll.lead)}
    wanted = {str(one.agent): one for one in roll.members if one.standing is not Standing.ASIDE}
    kept: list[Any] = []
    for entry in members(found):
        mark = mark_of(entry)
        if mark is None or mark == LEAD:
            kept.append(entry)
        elif mark in wanted:
            kept.append(_again(entry, wanted.pop(mark), roll))
    if not any(mark_of(entry) == LEAD for entry in kept):
        kept.insert(0, _lead(roll))
    return config | {"members": [*kept, *(_new(one, roll) for one in wanted.values())]}


def without(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of it without genie."""
    return dict(found) | {"members": [entry for entry in members(found) if mark_of(entry) is None]}


def members(config: Mapping[str, Any]) -> list[Any]:
    found = config.get("members")
    return found if isinstance(found, list) else []


def mark_of(entry: object) -> str | None:
    mark = entry.get(MARK) if isinstance(entry, dict) else None
    return mark if isinstance(mark, str) else None


def names(config: Mapping[str, Any]) -> set[str]:
    """Those of members that genie has not written."""
    return {str(entry.get("name")) for entry in members(config) if isinstance(entry, dict) and mark_of(entry) is None}


def _again(entry: dict[str, Any], member: Member, roll: Roll) -> dict[str, Any]:
    """It as it is now. Whether it is active is what its program says, as long as that runs."""
    changed = entry | _fields(member, roll)
    if member.standing is Standing.AWAITED:
        changed["isActive"] = False
    elif entry.get("joinedAt") != changed["joinedAt"]:
        changed["isActive"] = True
    return changed


def _new(member: Member, roll: Roll) -> dict[str, Any]:
    return _fields(member, roll) | {"isActive": member.standing is Standing.LISTED}


def _fields(member: Member, roll: Roll) -> dict[str, Any]:
    model = {"model": member.model} if member.model else {}
    return {
        "agentId": f"{member.name}@{roll.name}",
        "name": member.name,
        "agentType": member.name,
        "color": member.color,
        "joinedAt": _ms(member.joined_at),
        "tmuxPaneId": member.pane,
        "cwd": member.cwd,
        **model,
        "subscriptions": [],
        "backendType": "tmux",
        MARK: str(member.agent),
    }


def _lead(roll: Roll) -> dict[str, Any]:
    return {
        "agentId": f"{LEAD}@{roll.name}",
        "name": LEAD,
        "agentType": LEAD,
        "joinedAt": _ms(roll.created_at),
        "tmuxPaneId": "leader",
        "cwd": roll.directory,
        "subscriptions": [],
        "backendType": "in-process",
        MARK: LEAD,
    }


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
