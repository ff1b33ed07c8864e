"""`genie input`: what is asked of the daemon, and in which order."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error

PATH = "POST /v1/sessions/input"


def a_row(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": "ada", "session_id": "1f0c", "id": None, "state": None, "ok": True, "error": None, **more}


def asked(peer: Peer) -> list[tuple[Any, Any]]:
    return [(one.body["message"], one.body.get("interrupt", False)) for one in peer.asked if "input" in one.path]


def test_an_interrupt_goes_before_what_is_said_and_the_end(peer: Peer, genie: Run) -> None:
    peer.answers[PATH] = [a_row()]
    assert genie("input", "ada", "--interrupt").code == 0
    assert asked(peer) == [(None, True)]
    peer.asked.clear()
    assert genie("input", "ada", "rather this", "--close", "--interrupt").code == 0
    assert asked(peer) == [("rather this", True), (None, False)]
    peer.asked.clear()
    assert genie("input", "--team", "web", "--interrupt").code == 0
    assert (asked(peer), peer.last(PATH).body["team"]) == ([(None, True)], "web")


def test_one_that_cannot_be_interrupted_is_not_closed_either(peer: Peer, genie: Run) -> None:
    why = "'ada' cannot be interrupted by genie: it reads no stream-json"
    peer.answers[PATH] = [a_row(ok=False, **error("bad_input", why))]
    said = genie("input", "ada", "--interrupt", "--close")
    assert (said.code, said.out, asked(peer)) == (2, "", [(None, True)])
    assert (why in said.err, said.err.count("\n")) == (True, 1)


def test_there_is_something_to_do(peer: Peer, genie: Run) -> None:
    said = genie("input", "ada")
    assert (said.code, peer.asked) == (2, [])
    assert "--interrupt or --close" in said.err
