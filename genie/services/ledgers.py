"""What a daemon remembers of what it has told, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from genie.domain.notice import Ledger, Told
from genie.domain.rule import Place


def write_ledger(ledger: Ledger) -> dict[str, object]:
    """In JSON's words."""
    return {
        "cursor": ledger.cursor,
        "told": {
            str(agent): {"mark": one.mark, "at": one.at.isoformat() if one.at else None, "sure": one.sure}
            for agent, one in ledger.told.items()
        },
        "due": {str(agent): at.isoformat() for agent, at in ledger.due.items()},
    }


def read_ledger(said: Mapping[str, Any]) -> Ledger | None:
    """None for what is none."""
    try:
        return Ledger(
            cursor=int(said["cursor"]),
            told={UUID(agent): _told(one) for agent, one in said["told"].items()},
            due={UUID(agent): datetime.fromisoformat(at) for agent, at in said["due"].items()},
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _told(one: Mapping[str, Any]) -> Told:
    at = one["at"]
    return Told(str(one["mark"]), datetime.fromisoformat(at) if at is not None else None, sure=bool(one["sure"]))


def write_place(place: Place) -> dict[str, object]:
    return {"event": place.event, "rules": place.rules}


def read_place(said: Mapping[str, Any]) -> Place | None:
    """None for what is none."""
    try:
        return Place(int(said["event"]), int(said["rules"]))
    except (KeyError, TypeError, ValueError):
        return None
