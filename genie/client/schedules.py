"""Sessions that are started by the clock."""

from __future__ import annotations

from genie.client.asking import AnyRow, Row, segment
from genie.client.daemon import Daemon

LONG = 300.0
"""Seconds for what starts a session, or tries whether it could be started."""


class Schedules:
    """The part of `Genie` that is about schedules."""

    _daemon: Daemon

    def add_schedule(
        self,
        name: str,
        kind: str,
        wanted: AnyRow,
        *,
        cron: str | None = None,
        every: str | float | None = None,
        at: str | None = None,
        in_: str | float | None = None,
        timezone: str | None = None,
        missed: str | None = None,
        overlap: str | None = None,
        paused: bool = False,
    ) -> Row:
        """Have a session started at each due time: one of `cron`, `every`, `at` and `in_` says when. `kind` is "spawn"
        or "run", and `wanted` the body of that request. Raises Conflict where there is a schedule of that name, and
        what is wrong with the request."""
        said = {"cron": cron, "every": every, "at": at, "in": in_}
        how = {"timezone": timezone, "missed": missed, "overlap": overlap, "paused": paused}
        body = {"name": name, "kind": kind, "wanted": dict(wanted), **said, **how}
        return dict(self._daemon.request("POST", "/v1/schedules", body, timeout=LONG))

    def schedules(self, *, timeout: float = 60.0) -> list[Row]:
        """All schedules, with their next due times and the last fire."""
        return list(self._daemon.request("GET", "/v1/schedules", timeout=timeout))

    def schedule(self, name: str) -> Row:
        """One schedule. Raises NotFound."""
        return dict(self._daemon.request("GET", _one(name)))

    def fires(self, name: str, *, limit: int = 50) -> list[Row]:
        """What became of the latest due times of a schedule, latest first. Raises NotFound."""
        return list(self._daemon.request("GET", f"{_one(name)}/history?limit={limit}"))

    def pause_schedule(self, name: str) -> Row:
        """Start nothing until it is resumed. Raises NotFound."""
        return dict(self._daemon.request("POST", f"{_one(name)}/pause", {}))

    def resume_schedule(self, name: str, *, missed: str | None = None) -> Row:
        """Go on with a schedule. What was due meanwhile is left out, or made up for as `missed` says. Raises NotFound,
        NotAllowed where it is not paused."""
        return dict(self._daemon.request("POST", f"{_one(name)}/resume", {"missed": missed}))

    def run_schedule(self, name: str) -> Row:
        """Start it now, besides its due times. Raises NotFound, and what is in the way of the start."""
        return dict(self._daemon.request("POST", f"{_one(name)}/run", {}, timeout=LONG))

    def remove_schedule(self, name: str) -> Row:
        """Forget a schedule and its history; what it has started goes on. Raises NotFound."""
        return dict(self._daemon.request("POST", f"{_one(name)}/remove", {}))


def _one(name: str) -> str:
    return f"/v1/schedules/{segment(name)}"
