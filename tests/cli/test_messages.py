"""send and inbox: what they ask for, and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error

ID = "1f0c9a77-b2e4-4d11-9d1c-0123456789ab"


def a_row(**changed: object) -> dict[str, Any]:
    row = {
        "id": ID,
        "from": "lead@web",
        "to": "ada",
        "text": "do\nit\x1b[31m " + "x" * 80,
        "raw": False,
        "key": None,
        "state": "queued",
        "reason": None,
        "waits": None,
        "tries": 0,
        "answer": None,
        "session_id": None,
        "created_at": "2026-03-01T12:00:00+00:00",
        "changed_at": "2026-03-01T12:00:00+00:00",
    }
    return row | changed


@pytest.fixture
def sent(peer: Peer) -> Peer:
    peer.answers["POST /v1/messages"] = a_row(waits="'ada' is suspended", repeated=False)
    return peer


def wait(peer: Peer, **changed: object) -> None:
    peer.answers[f"POST /v1/messages/{ID}/wait"] = a_row(**changed) | {"over": True}


def test_it_says_all_of_it_and_nothing_else_of_the_caller(sent: Peer, genie: Run) -> None:
    said = genie(
        "send", "ada", "do it", "--key", "k", "--raw", "--cross-team", GENIE_AGENT_TOKEN="f00d", OTHER_SECRET="hush"
    )
    assert (said.code, said.out) == (0, "1f0c9a77  queued  to ada  ('ada' is suspended)\n")
    body = sent.last("POST /v1/messages").body
    caller = body.pop("caller")
    assert caller["env"] == {"GENIE_AGENT_TOKEN": "f00d"}
    assert body == {"name": "ada", "text": "do it", "key": "k", "raw": True, "cross_team": True, "answer": False}


def test_a_repeat_says_so(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/messages"] = a_row(state="answered", repeated=True)
    assert genie("send", "ada", "x", "--key", "k").out == "1f0c9a77  answered  to ada  (sent before)\n"


def test_json(sent: Peer, genie: Run) -> None:
    assert genie("send", "ada", "x", "--json").json == a_row(waits="'ada' is suspended", repeated=False)


def test_it_waits_for_the_delivery(sent: Peer, genie: Run) -> None:
    wait(sent, state="delivered")
    said = genie("send", "ada", "x", "--wait-delivered")
    assert (said.code, said.out) == (0, "1f0c9a77  delivered  to ada\n")
    assert sent.last(f"POST /v1/messages/{ID}/wait").body == {"answer": False, "timeout": 300.0}


def test_the_answer_is_printed_as_it_is(sent: Peer, genie: Run) -> None:
    wait(sent, state="answered", answer="42\x1b[0m")
    said = genie("send", "ada", "x", "--ask", "--timeout", "5s")
    assert (said.code, said.out) == (0, "42\x1b[0m\n")
    assert sent.last("POST /v1/messages").body["answer"] is True
    body = sent.last(f"POST /v1/messages/{ID}/wait").body
    assert body["answer"] is True
    assert 0 < body["timeout"] <= 5
    wait(sent, state="answered", answer=None)
    assert genie("send", "ada", "x", "--ask").out == "\n"


@pytest.mark.parametrize("state", ["failed", "unproven"])
def test_what_does_not_arrive_is_a_failure(sent: Peer, genie: Run, state: str) -> None:
    wait(sent, state=state, reason="'ada' was killed")
    said = genie("send", "ada", "x", "--ask")
    assert said.code == 1
    assert f"the message is {state}: 'ada' was killed" in said.err


def test_a_turn_that_has_failed_is_no_answer(sent: Peer, genie: Run) -> None:
    wait(sent, state="answered", reason="API Error: 500 overloaded")
    said = genie("send", "ada", "x", "--ask")
    assert (said.code, said.out) == (1, "")
    assert "the turn of the message has failed: API Error: 500 overloaded" in said.err
    assert genie("send", "ada", "x", "--wait-delivered").code == 0
    wait(sent, state="answered", answer="half of it", reason="API Error: 500 overloaded")
    said = genie("send", "ada", "x", "--ask")
    assert (said.code, said.out) == (1, "half of it\n")


def test_not_in_time(sent: Peer, genie: Run) -> None:
    sent.answers[f"POST /v1/messages/{ID}/wait"] = a_row() | {"over": False}
    said = genie("send", "ada", "x", "--wait-delivered", "--timeout", "10ms")
    assert said.code == 124
    assert "not delivered in 0.01 s" in said.err
    assert "genie inbox" in said.err


def test_it_waits_in_turns(sent: Peer, genie: Run) -> None:
    answers = iter([a_row() | {"over": False}, a_row(state="delivered") | {"over": True}])

    def answer(_: Asked) -> Any:  # noqa: ANN401
        return next(answers)

    sent.answers[f"POST /v1/messages/{ID}/wait"] = answer
    assert "delivered" in genie("send", "ada", "x", "--wait-delivered").out


@pytest.mark.parametrize(
    ("status", "code", "exit_"), [(404, "not_found", 3), (403, "refused", 5), (409, "not_allowed", 6)]
)
def test_refusals(peer: Peer, genie: Run, status: int, code: str, exit_: int) -> None:
    peer.answers["POST /v1/messages"] = (status, error(code, "no", "--cross-team"))
    assert genie("send", "ada", "x").code == exit_


def test_an_inbox(peer: Peer, genie: Run) -> None:
    rows = [a_row(), a_row(state="failed", reason="'ada' was killed"), a_row(waits="'ada' is dead")]
    peer.answers["POST /v1/messages/inbox"] = {"agent": None, "messages": rows, "after": 3}
    lines = genie("inbox", "ada").out.splitlines()
    assert lines[0].split() == ["ID", "TIME", "FROM", "TO", "STATE", "TEXT"]
    assert "\x1b" not in "".join(lines)
    assert "…" in lines[1]
    assert "failed: 'ada' was killed" in lines[2]
    assert "queued: 'ada' is dead" in lines[3]
    assert peer.last("POST /v1/messages/inbox").body["name"] == "ada"
    assert genie("inbox", "--json").json == rows
