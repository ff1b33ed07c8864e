"""/v1/agents/{name}/events: what was told in a session, as NDJSON; and the sieve through which streams of all pass."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.responses import StreamingResponse

from genie.daemon.api.context import Context, context
from genie.daemon.api.wire import Answer, event, plain
from genie.domain.events import CHANGES, Event, Kind, kinds_of
from genie.ports import Badge, Registry
from genie.services import notes

router = APIRouter(prefix="/v1/agents")

NDJSON = "application/x-ndjson"
MOST = 2**63 - 1
_CHANGES = frozenset(CHANGES)


@router.get("/{name}/events", response_model=None)
def get_events(
    name: str,
    here: Annotated[Context, Depends(context)],
    type: Annotated[list[str] | None, Query()] = None,  # noqa: A002  its name in the query
    last: Annotated[int | None, Query(ge=1, le=MOST)] = None,
    after_seq: Annotated[int, Query(ge=0, le=MOST)] = 0,
    before_seq: Annotated[int | None, Query(ge=0, le=MOST)] = None,
    count: bool = False,
    all: bool = False,  # noqa: A002
) -> Answer | StreamingResponse:
    """The events of an agent's session, or of the session of that id, by their number in it, as NDJSON; with `all` of
    every session of that name; or how many there are."""
    asked = notes.Asked(kinds=kinds_of(type or ()), after=after_seq, before=before_seq, last=last, every=all)
    if count:
        return Answer({"count": notes.count(here.world, name, asked)})
    pages = notes.pages(here.world, name, asked)
    return StreamingResponse((_page(page, name) for page in pages), media_type=NDJSON)


def _page(page: list[Event], name: str) -> bytes:
    return b"".join(ndjson(event(one, name=name)) for one in page)


def ndjson(value: object) -> bytes:
    return json.dumps(value, default=plain, separators=(",", ":")).encode() + b"\n"


class Sieve:
    """Lets through the events of some kinds, and of agents of a team or with one of some tags, as these are when the
    events pass. Agents are looked up where that is asked for, once each until they change."""

    def __init__(self, kinds: Iterable[Kind], team: str | None, tags: Iterable[str]) -> None:
        self._kinds = frozenset(kinds)
        self._team = team
        self._tags = frozenset(tags)
        self._badges: dict[UUID, Badge] = {}

    @property
    def looks(self) -> bool:
        """Whether it asks the registry about agents."""
        return self._team is not None or bool(self._tags)

    def sift(self, registry: Registry, batch: Iterable[Event]) -> list[Event]:
        """Those of the batch that pass. Raises RegistryAway."""
        events = list(batch)
        if self.looks:
            self._look(registry, events)
        return [one for one in events if self._is_wanted(one)]

    def _look(self, registry: Registry, events: list[Event]) -> None:
        for one in events:
            if one.agent and one.kind in _CHANGES:
                self._badges.pop(one.agent, None)
        unknown = {one.agent for one in events if one.agent and one.agent not in self._badges and self._of_kind(one)}
        if unknown:
            self._badges |= registry.badges(sorted(unknown, key=str))

    def _of_kind(self, one: Event) -> bool:
        return not self._kinds or one.kind in self._kinds

    def _is_wanted(self, one: Event) -> bool:
        if not self._of_kind(one):
            return False
        if not self.looks:
            return True
        badge = self._badges.get(one.agent) if one.agent else None
        if badge is None:
            return False
        return self._team in (None, badge.team) and (not self._tags or bool(self._tags & badge.tags))
