"""Who waits for a human."""

from __future__ import annotations

from genie.client.asking import Row, each, to_path
from genie.client.daemon import Daemon


class Needs:
    """The part of `Genie` that tells where a human is needed."""

    _daemon: Daemon

    def needs(self, *, team: str | None = None) -> list[Row]:
        """The agents that ask for a permission (`need` "permission") or something else ("question"), or whose resume
        attempts are spent ("failed"): who waits longest first. Rows as of `ls`, with `need`, `need_since` and
        `need_detail`."""
        return list(self._daemon.request("GET", to_path("/v1/needs", each("team", [team] if team else []))) or ())
