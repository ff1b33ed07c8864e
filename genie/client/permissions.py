"""What agents ask leave for, and answers to it."""

from __future__ import annotations

from genie.client.asking import Row, each, myself, segment, to_path
from genie.client.daemon import Daemon


class Permissions:
    """The part of `Genie` that answers permission requests."""

    _daemon: Daemon

    def requests(self, name: str | None = None, *, everything: bool = False) -> list[Row]:
        """What is asked, of one agent or of all, oldest first; with `everything` also what is over. Each has an `id`,
        a `line` that tells it, the `tool` and its `input`."""
        pairs = [*each("agent", [name] if name is not None else []), *each("all", ["true"] if everything else [])]
        return list(self._daemon.request("GET", to_path("/v1/permissions", pairs)))

    def answer(self, name: str, answer: str, *, id: str | None = None) -> Row:  # noqa: A002
        """Answer what an agent asks: `yes`, `no`, `always`, or a text, which answers a question, and tells instead of a
        tool's leave what to do. `id` names one of several. Returns the request, with its `state`. Raises NotFound,
        Conflict where several are open, NotAllowed where nothing is asked any more, Refused for who may not answer."""
        body: Row = {"caller": myself(), "answer": answer, "id": id}
        row: Row = self._daemon.request("POST", f"/v1/agents/{segment(name)}/answer", body)
        return row
