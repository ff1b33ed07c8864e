"""The registry's searching in memory: whole words, each of which must be there."""

from __future__ import annotations

import re
from typing import Any

from genie.domain.errors import BadInput, RegistryAway
from genie.domain.events import Event
from genie.domain.searching import SEARCHED, Hit, Search


class MemoryLibrary:
    """`genie.ports.Library`, over the log and the store of the registry that it is a part of."""

    store: Any
    log: list[Event]
    away: bool
    shelved = 0
    """How many events of the log are searchable."""

    def shelve(self, *, most: int) -> int:
        if self.away:
            raise RegistryAway("PostgreSQL does not answer")
        looked = min(most, len(self.log) - self.shelved)
        self.shelved += looked
        return looked

    def search(self, wanted: Search) -> list[Hit]:
        words = re.findall(r"\w+", wanted.text)
        if not words:
            raise BadInput(f"{wanted.text!r} has no word to look for")
        found = [self._hit(one, words) for one in self.log[: self.shelved] if one.kind in SEARCHED]
        hits = [hit for hit in found if hit and self._fits(hit, wanted)]
        return sorted(hits, key=lambda hit: (hit.rank, hit.id), reverse=True)[: wanted.limit]

    def _hit(self, one: Event, words: list[str]) -> Hit | None:
        text = " ".join(str(one.payload[key]) for key in ("text", "tool", "input", "output") if key in one.payload)
        marks = sorted(place.span() for word in words for place in re.finditer(rf"(?i)\b{word}\b", text))
        if {text[low:high].lower() for low, high in marks} != {word.lower() for word in words}:
            return None
        agent, session = self.store.agents[one.agent], self.store.sessions[one.session]
        return Hit(
            id=one.id or 0,
            seq=one.seq or 0,
            at=one.at,
            kind=one.kind,
            agent=agent.id,
            session=session.id,
            name=agent.name,
            team=agent.team,
            provider=session.provider,
            tool=str(one.payload["tool"]) if "tool" in one.payload else None,
            rank=float(len(marks)),
            text=text,
            marks=tuple(marks),
        )

    def _fits(self, hit: Hit, wanted: Search) -> bool:
        tags = self.store.agents[hit.agent].tags
        return (
            hit.kind in wanted.kinds
            and wanted.team in (None, hit.team)
            and wanted.name in (None, hit.name)
            and wanted.provider in (None, hit.provider)
            and (wanted.tool is None or wanted.tool.lower() == (hit.tool or "").lower())
            and (not wanted.tags or bool(set(wanted.tags) & set(tags)))
            and (wanted.since is None or hit.at >= wanted.since)
            and (wanted.until is None or hit.at < wanted.until)
        )
