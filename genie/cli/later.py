"""A command line that is not to be done now: parsed as ever, and caught before the daemon hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from genie.cli.parsing import load
from genie.cli.reach import instead
from genie.client import Daemon, Row
from genie.domain.errors import BadInput

KINDS = {"/v1/agents": "spawn", "/v1/sessions": "run"}
"""What can be done later, by the path of its request."""

_OF_NOW = ("wait", "dry_run", "json", "quiet")
"""Parameters that say what is to be told to who waits for the command."""


@dataclass(frozen=True)
class Later:
    """What a command line asks for: its kind and the body of its request."""

    kind: str
    wanted: Row


class _Caught(Exception):
    def __init__(self, path: str, body: object) -> None:
        super().__init__(path)
        self.path = path
        self.body = body


class _Catcher(Daemon):
    """Lets questions through, and nothing that changes anything."""

    def request(self, method: str, path: str, body: object = None, *, timeout: float | None = 60.0) -> Any:  # noqa: ANN401
        if method != "GET":
            raise _Caught(path, body)
        return super().request(method, path, body, timeout=timeout)


def later(words: Sequence[str]) -> Later | None:
    """What `genie WORDS…` would ask for; None where it has asked for nothing but help. Raises as that command does, and
    BadInput for one that cannot be done later."""
    verb = words[0] if words else ""
    if verb not in KINDS.values():
        raise BadInput(
            f"'{verb}' cannot be done later" if verb else "what is to be started?",
            hint="genie schedule add NAME --every 10m spawn NAME …",
        )
    try:
        _invoke(load(verb)[0], list(words))
    except _Caught as caught:
        return _read(caught, verb)
    return None


def _invoke(command: Any, words: list[str]) -> None:  # noqa: ANN401 — typer moved the classes of commands
    ctx = command.make_context(f"genie {words[0]}", words[1:])
    with ctx, instead(_Catcher):
        for name in _OF_NOW:
            if ctx.params.get(name):
                flag = f"--{name.replace('_', '-')}"
                raise BadInput(f"{flag} is for who waits for the command", hint=f"leave out {flag} after '{words[0]}'")
        command.invoke(ctx)


def _read(caught: _Caught, verb: str) -> Later:
    kind = KINDS.get(caught.path)
    if kind is None:
        raise BadInput(f"this cannot be done later: genie {verb} asks for {caught.path}")
    return Later(kind, cast("Row", caught.body))
