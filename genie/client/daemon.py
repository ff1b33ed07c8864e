"""The daemon as a caller sees it: requests, streams, its errors as ours, and a start when it is not there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from genie.client.wire import HungUp, NobodyThere, Reply, send
from genie.domain.errors import Failed, GenieError, TimedOut, Unreachable
from genie.paths import Home

PATIENCE = 60.0
"""Seconds to wait for an answer where the caller names nothing else."""

_RESERVED = frozenset({"message", "hint", "self"})


class Daemon:
    """One genie daemon: that of GENIE_HOME, or of another home. With `start`, one is started where none runs;
    `on_slow` is called once when that takes longer than a moment."""

    def __init__(
        self, home: Home | None = None, *, start: bool = True, on_slow: Callable[[], None] | None = None
    ) -> None:
        self.home = home or Home.from_environment()
        self.starts = start
        self._on_slow = on_slow

    def request(self, method: str, path: str, body: object = None, *, timeout: float | None = PATIENCE) -> Any:  # noqa: ANN401
        """Ask and return the JSON of the answer. Raises the GenieError that the daemon answered with, and
        Unreachable where there was no answer."""
        try:
            with self._ask(method, path, body, timeout) as reply:
                return reply.json()
        except TimeoutError as error:
            raise self._silent(method, path, timeout) from error
        except ConnectionError as error:
            raise self._went_away(method, path) from error

    def stream(self, path: str) -> Iterator[Any]:
        """The JSON lines of an answer, as they come. Raises as `request`; an end without an error is the
        daemon's own end of the stream."""
        try:
            with self._ask("GET", path, None, None) as reply:
                yield from reply.lines()
        except ConnectionError as error:
            raise self._went_away("GET", path) from error

    def ensure(self) -> None:
        """Return once a daemon answers. Raises Unreachable."""
        from genie.client.start import start

        start(self.home, self._on_slow)

    def _ask(self, method: str, path: str, body: object, timeout: float | None) -> Reply:
        reply = self._send(method, path, body, timeout)
        if reply.status < 400:
            return reply
        with reply:
            error = to_error(reply.status, reply.json())
        if error.details.get("state") == "starting" and self.starts:
            self.ensure()
            return self._answered(self._send(method, path, body, timeout))
        raise error

    def _answered(self, reply: Reply) -> Reply:
        if reply.status < 400:
            return reply
        with reply:
            raise to_error(reply.status, reply.json())

    def _send(self, method: str, path: str, body: object, timeout: float | None) -> Reply:
        try:
            return send(self.home.socket, method, path, body, timeout=timeout)
        except NobodyThere as error:
            if not self.starts:
                raise nobody(self.home) from error
        except HungUp as error:
            # A daemon on its way out: reading may be repeated, anything else might then happen twice.
            if method != "GET" or not self.starts:
                raise self._went_away(method, path) from error
        self.ensure()
        try:
            return send(self.home.socket, method, path, body, timeout=timeout)
        except (NobodyThere, HungUp) as error:
            raise self._went_away(method, path) from error

    def _went_away(self, method: str, path: str) -> GenieError:
        hint = "try again" if method == "GET" else "see with genie ls whether it was done before you repeat it"
        return Unreachable(f"the daemon went away before it answered {method} {_bare(path)}", hint=hint)

    def _silent(self, method: str, path: str, timeout: float | None) -> GenieError:
        return Unreachable(
            f"the daemon did not answer {method} {_bare(path)} within {timeout:g} s",
            hint=f"look into {self.home.logs}, then genie daemon stop",
        )


def nobody(home: Home) -> Unreachable:
    return Unreachable(f"no genie daemon runs for {home.root}", hint="genie daemon start", home=str(home.root))


def to_error(status: int, answer: object) -> GenieError:
    """The error that the daemon answered with, as an error of genie's own. A code that this client does
    not know (a newer daemon, a bug) becomes Failed and keeps the code in its details."""
    told = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(told, dict):
        return Failed(f"the daemon answered {status} without saying why", hint="genie daemon logs")
    code = str(told.get("code", "failed"))
    details = {str(key): value for key, value in told.items() if key not in _RESERVED and key != "code"}
    known = _by_code().get(code)
    if status == 504 and known is None:
        known = TimedOut
    if known is None:
        known, details["code"] = Failed, code
    return known(str(told.get("message", "")), hint=str(told.get("hint") or ""), **details)


def _by_code() -> dict[str, type[GenieError]]:
    found: dict[str, type[GenieError]] = {}
    todo: list[type[GenieError]] = [GenieError]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind is not GenieError and "code" in vars(kind):
            found[kind.code] = kind
    return found


def _bare(path: str) -> str:
    return path.partition("?")[0]
