"""What the last beat has read: of a thousand agents next to none has changed since."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from genie.adapters.postgres import rows
from genie.domain.session import Standing


class Standings:
    """The standings of the last beat by their agents. A row that has come again is not made into values again: they
    are frozen, so that the former ones serve."""

    def __init__(self) -> None:
        self._last: dict[UUID, tuple[rows.Row, Standing]] = {}

    def of(self, found: Sequence[rows.Row]) -> list[Standing]:
        """The rows of a beat as standings, in their order. Rows that are gone are forgotten."""
        self._last = {row[_AGENT]: self._known(row) for row in found}
        return [standing for _, standing in self._last.values()]

    def _known(self, row: rows.Row) -> tuple[rows.Row, Standing]:
        known = self._last.get(row[_AGENT])
        return known if known and known[0] == row else (row, rows.to_waiting(row))


_AGENT = 1
"""Where the agent's id stands, after what it waits for."""
