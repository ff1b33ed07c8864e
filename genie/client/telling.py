"""What can be asked about what was told in sessions: reading it, following it, searching in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Unpack

from genie.client.asking import Row, each, events_path, segment, to_path
from genie.client.following import Listening, Lost, follow
from genie.client.waits import Waiting

if TYPE_CHECKING:
    from genie.client.asks import Events, Search
    from genie.client.rows import EventRow, Selected

LONG = 300.0
"""Seconds for a search: it may have much to make searchable first."""


class Telling(Waiting):
    """The part of `Genie` that reads what was told. Types of events are words such as `tool_call` or `failed`."""

    def listen(
        self,
        *sessions: str,
        team: str | None = None,
        tags: Iterable[str] = (),
        latest: bool = False,
        types: Iterable[str] = (),
        after: int = 0,
        on_lost: Lost | None = None,
    ) -> Listening:
        """What is told in these sessions, of these types: iterate over it, it begins with what was told before (after
        that event) and ends with the sessions; then it has `success`. `on_lost` is called each time that the daemon
        went away. Raises NotFound, Conflict, BadInput for a type that there is not."""
        found = self.select(*sessions, team=team, tags=tags, latest=latest)
        return self.listen_to(found, types=types, after=after, on_lost=on_lost)

    def listen_to(
        self, selected: Selected, *, types: Iterable[str] = (), after: int = 0, on_lost: Lost | None = None
    ) -> Listening:
        """The same for sessions that were selected before."""
        return Listening(self._daemon, selected, types=types, after=after, on_lost=on_lost)

    def subscribe(
        self,
        *,
        team: str | None = None,
        tags: Iterable[str] = (),
        types: Iterable[str] = (),
        after: int | None = None,
        on_lost: Lost | None = None,
    ) -> Iterator[EventRow]:
        """What happens in all sessions, also in those that start later, without an end: from now on, or after the event
        of that id. Of these types, of agents of that team or with one of the tags, where that is said.

        A daemon that has crashed is started again, one that was stopped is waited for, and no event is lost or told
        twice; `on_lost` is called each time that it went away. Raises what the first attempt meets."""
        return follow(self._daemon, after=after, types=types, team=team, tags=tags, on_lost=on_lost)

    def events(
        self,
        *,
        after: int = -1,
        follow: bool = True,
        types: Iterable[str] = (),
        team: str | None = None,
        tags: Iterable[str] = (),
    ) -> Iterator[EventRow]:
        """As `subscribe`, over one connection: it ends with the daemon, and without `follow` with what there is. Raises
        Unreachable where it is cut off."""
        path = events_path(after=after, follow=follow, types=types, team=team, tags=tags)
        return self._daemon.stream(path)

    def last_event(self) -> int:
        """The id of the last event that there is."""
        return int(self._daemon.request("GET", "/v1/events/last")["id"])

    def session_events(self, session: str, **asked: Unpack[Events]) -> Iterator[EventRow]:
        """What was told in an agent's present session, or in that of an id, by the number `seq` that each event has
        there, up to now. Raises NotFound, BadInput for a type that there is not."""
        return self._daemon.stream(to_path(_events(session), _stretch(asked)))

    def count_events(self, session: str, **asked: Unpack[Events]) -> int:
        """How many events `session_events` would give."""
        pairs = [*_stretch(asked), ("count", "true")]
        return int(self._daemon.request("GET", to_path(_events(session), pairs))["count"])

    def search(self, query: str, **asked: Unpack[Search]) -> list[Row]:
        """The best hits among what was said, the best first; in each `headline` the matches stand between asterisks."""
        lists = [*each("role", asked.get("roles", ())), *each("tag", asked.get("tags", ()))]
        given = [
            (key, str(value)) for key, value in asked.items() if key not in ("roles", "tags") and value is not None
        ]
        pairs = [("query", query), *lists, *given]
        return list(self._daemon.request("GET", to_path("/v1/search", pairs), timeout=LONG))


def _events(name: str) -> str:
    return f"/v1/agents/{segment(name)}/events"


def _stretch(asked: Events) -> list[tuple[str, str]]:
    said = {"last": asked.get("last"), "after_seq": asked.get("after"), "before_seq": asked.get("before")}
    told = [(key, str(value)) for key, value in said.items() if value is not None]
    return [*each("type", asked.get("types", ())), *told, *each("all", ["true"] if asked.get("every") else [])]
