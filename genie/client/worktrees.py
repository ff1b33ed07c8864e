"""The worktrees that genie has made."""

from __future__ import annotations

from genie.client.asking import Row
from genie.client.daemon import Daemon

LONG = 600.0
"""Seconds for git to go through many files."""


class Worktrees:
    """The part of `Genie` that is about worktrees."""

    _daemon: Daemon

    def worktrees(self, *, timeout: float = LONG) -> list[Row]:
        """Those that genie has made on the daemon's host: `name`, `path`, `branch`, `repository`, `base`, `agents`, and
        `state`, or the `problem` why that cannot be told."""
        return list(self._daemon.request("GET", "/v1/worktrees", timeout=timeout) or ())

    def remove_worktree(self, name: str) -> Row:
        """Remove one, by its name or its absolute path, in which nothing would be lost. Raises Refused with what would
        be, NotAllowed where an agent lives in it, NotFound, Conflict."""
        return dict(self._daemon.request("POST", "/v1/worktrees/remove", {"name": name}, timeout=LONG))
