"""What sessions have come to, and what they have left behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from genie.client.asking import Row, myself, selection, to_path
from genie.client.waits import Waiting

if TYPE_CHECKING:
    from genie.client.rows import DoneRow, OutputRow, ResultRow, SummaryRow

LONG = 600.0
"""Seconds for a look through all that is left behind."""


class Outcomes(Waiting):
    """The part of `Genie` that is about outcomes."""

    def output(self, session: str, *, wait: bool = False) -> str:
        """The result of one session as text: what it submitted, else the last message of its provider, or the end of
        what a plain command wrote; with `wait` once it has ended. Empty for one that has ended well and said nothing.
        Raises NotFound, and Failed for one that has failed without a result, or has none yet."""
        if wait:
            self.wait(session)
        return self.result(session)["result"] or ""

    def result(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> OutputRow:
        """The same of the one session that is meant, with its id. Raises Conflict where several are meant."""
        answer: OutputRow = self._of("output", selection(sessions, team, tags, latest))
        return answer

    def collect(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> list[ResultRow]:
        """What these sessions have come to so far: result, error, usage; in the order in which they were named. Raises
        NotFound, Conflict."""
        answer: list[ResultRow] = self._of("outcomes", selection(sessions, team, tags, latest))
        return answer

    def summary(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> list[SummaryRow]:
        """What these sessions did: turns, calls of tools, files, seconds, tokens and price. Raises NotFound,
        Conflict."""
        answer: list[SummaryRow] = self._of("summary", selection(sessions, team, tags, latest))
        return answer

    def stats(
        self, *sessions: str, team: str | None = None, tags: Iterable[str] = (), latest: bool = False
    ) -> list[Row]:
        """The same in numbers only: how many calls, how many files; tokens and `cost` in the row itself."""
        pairs = [*selection(sessions, team, tags, latest), ("stats", "true")]
        return list(self._of("summary", pairs))

    def done(self, result: str | None = None) -> DoneRow:
        """Say, from within a session, that it is done, and what its result is, in the place of an earlier one. It ends
        nothing: the program leaves by itself. Raises NotFound where this process is in no session, BadInput for a
        result that does not follow the session's JSON schema: its details have the `violations`."""
        answer: DoneRow = self._daemon.request("POST", "/v1/done", {"caller": myself(), "result": result})
        return answer

    def gc(self, *, age: float, force: bool = False) -> list[Row]:
        """What sessions of this host that ended more than `age` seconds ago have left behind, by kind: how many, how
        many bytes; with `force` it is removed."""
        return list(self._daemon.request("POST", "/v1/gc", {"age": age, "force": force}, timeout=LONG))

    def _of(self, what: str, pairs: list[tuple[str, str]]) -> Any:  # noqa: ANN401 — JSON is anything
        return self._daemon.request("GET", to_path(f"/v1/sessions/{what}", pairs))
