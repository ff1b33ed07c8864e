"""Sessions that are run to their end, or are fed line by line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Unpack

from genie.client.asking import Row, caller, chosen, myself
from genie.client.outcomes import Outcomes
from genie.domain.errors import BadInput, Failed

if TYPE_CHECKING:
    from genie.client.asks import Run
    from genie.client.rows import EndRow, InputRow, RetryRow, RunRow

LONG = 300.0
"""Seconds for what starts processes."""


class Running(Outcomes):
    """The part of `Genie` that runs sessions."""

    def run(self, prompt: str | None = None, *, name: str = "", **asked: Unpack[Run]) -> RunRow:
        """Run a session to its end, or with `streaming` until no more comes; answers at once, with its `session_id`,
        `name`, `state`, `pane` and `log_path`. Without a `name` it gets one. It is `queued` while it depends on others.
        Raises BadInput for what the provider cannot honour, NotFound for sessions and teams that are not there."""
        body: Row = {"name": name, "prompt": prompt, **asked, "caller": caller()}
        answer: RunRow = self._daemon.request("POST", "/v1/sessions", body, timeout=LONG)
        return answer

    def ask(self, prompt: str, *, name: str = "", **asked: Unpack[Run]) -> str:
        """Run a session, wait for its end, and return its result. Bound it by `timeout`. Raises as `run`, and Failed
        where it has not succeeded: the details have its `session_id`, `name` and `state`."""
        if asked.get("streaming"):
            raise BadInput(
                "a streaming session has no end to wait for", hint="run(streaming=True), then input and listen"
            )
        row = self.run(prompt, name=name, **asked)
        end = self.wait(row["session_id"])[0]
        if not end["success"]:
            raise self._failure(end)
        return self.output(row["session_id"])

    def pipe(
        self,
        prompt: str,
        *sessions: str,
        of_tags: Iterable[str] = (),
        latest: bool = False,
        wait: bool = True,
        name: str = "",
        **asked: Unpack[Run],
    ) -> RunRow:
        """Run a session that is given the results of others before its prompt, once these have ended; without `wait`
        what they have said so far. Which they are is said by `sessions`, `of_tags` and `latest`; `tags` are those of
        the new one. Answers as `run`. Raises as `run`, and Failed where none of them has said anything."""
        found = self.select(*sessions, tags=of_tags, latest=latest)
        if wait:
            self.wait_for(found).until(None)
        ids = [str(row["session_id"]) for row in found["sessions"]]
        if wait:
            self._check_said(ids)
        asked["pipe"] = [*asked.get("pipe", ()), *ids]
        return self.run(prompt, name=name, **asked)

    def retry(
        self,
        *sessions: str,
        team: str | None = None,
        tags: Iterable[str] = (),
        latest: bool = False,
        failed: bool = False,
        model: str | None = None,
    ) -> list[RetryRow]:
        """Run sessions once more as they were run, as new ones; `failed` leaves out those that have not failed, `model`
        takes another model. Each row has `retried_from` and how many `attempts` there were, or `ok` false and the
        `error`."""
        body = chosen(sessions, team, tags, latest) | {"failed": failed, "model": model}
        return list(self._daemon.request("POST", "/v1/sessions/retry", body, timeout=LONG))

    def input(
        self,
        message: str | None,
        *sessions: str,
        team: str | None = None,
        tags: Iterable[str] = (),
        latest: bool = False,
        envelope: bool = False,
        cross_team: bool = False,
        interrupt: bool = False,
    ) -> list[InputRow]:
        """Give a message to sessions: to one that is fed it is handed over as it is, to an agent on a terminal it is
        sent, with `envelope` so that it sees who wrote. None says that no more will come: sessions that are fed end
        once they have answered. Of a team or a tag those are meant that read messages, without the agent that asks.

        With `interrupt` the present turn of sessions that are fed stream-json is ended first, and None says nothing
        more; `ok` is false for the others."""
        said = {"message": message, "envelope": envelope, "cross_team": cross_team, "caller": myself()}
        body = chosen(sessions, team, tags, latest) | said | ({"interrupt": True} if interrupt else {})
        return list(self._daemon.request("POST", "/v1/sessions/input", body, timeout=LONG))

    def _check_said(self, ids: list[str]) -> None:
        """Raises Failed where none of these has said anything."""
        rows = self.collect(*ids)
        if rows and all(row["result_text"] is None for row in rows):
            names = ", ".join(row["name"] for row in rows)
            raise Failed(f"there is nothing to pipe: {names} said nothing", hint="genie summary")

    def _failure(self, end: EndRow) -> Failed:
        session, name, state = str(end["session_id"]), end["name"], end["state"]
        why = self.collect(session)[0]["error"] or end["reason"]
        details: dict[str, Any] = {"session_id": session, "name": name, "state": state}
        return Failed(f"'{name}' has not succeeded: {why or state}", hint=f"genie summary {session[:8]}", **details)
