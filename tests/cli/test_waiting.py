"""wait, status, cancel: what they ask of the daemon, over how many requests, and what they tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, Silence, error, row

Json = dict[str, Any]
SELECT, WAIT, CANCEL = "GET /v1/sessions", "POST /v1/sessions/wait", "POST /v1/sessions/cancel"


def session(name: str, state: str = "running", **more: Any) -> Json:  # noqa: ANN401
    """A session as the daemon selects it."""
    ended = state in ("done", "failed", "suspended", "terminated")
    known = {"name": name, "session_id": f"s-{name}", "agent_id": f"id-{name}", "state": state, "reason": None}
    return known | {"ended": ended, "past_session": None} | more


def selected(*sessions: Json, notes: list[str] | None = None) -> Json:
    return {"sessions": list(sessions), "notes": notes or [], "after": 40}


def turn(*ended: Json, pending: tuple[Json, ...] = (), after: int = 41) -> Json:
    rows = [one | {"success": one["state"] == "done"} for one in ended]
    return {"ended": rows, "pending": list(pending), "over": not pending, "after": after, "notes": []}


def in_turn(*answers: Any) -> Callable[[Asked], Any]:  # noqa: ANN401
    """One answer a request."""
    left = list(answers)
    return lambda _: left.pop(0)


# ---- wait --------------------------------------------------------------------------------------


def test_what_has_ended_is_told_at_once(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a", "done"), session("b", "failed", reason="exit"), notes=["b is past"])
    said = genie("wait", "a", "b", "--team", "web", "--tag", "x", "--tag", "y", "--latest")
    assert (said.code, said.out, said.err) == (1, "a  done\nb  failed  exit\n", "genie: b is past\n")
    query = {"word": ["a", "b"], "team": ["web"], "tag": ["x", "y"], "latest": ["true"]}
    assert peer.last(SELECT).query == query
    assert genie("wait", "a", "b", "-q").out == "a\nb\n"
    assert genie("wait", "a", "b", "--json").json == [
        {"session_id": "s-a", "name": "a", "success": True, "state": "done", "reason": None},
        {"session_id": "s-b", "name": "b", "success": False, "state": "failed", "reason": "exit"},
    ]
    peer.answers[SELECT] = selected(session("a", "done"))
    assert genie("wait", "a").code == 0
    assert not [asked for asked in peer.asked if asked.method == "POST"]


def test_it_goes_on_asking_where_it_was(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b"), session("c", "done"))
    peer.answers[WAIT] = in_turn(
        turn(session("b", "done"), pending=(session("a"),), after=50), turn(session("a", "done"))
    )
    said = genie("wait", "a", "b", "c")
    assert (said.code, said.out, said.err) == (0, "c  done\nb  done\na  done\n", "")
    first, second = (asked.body for asked in peer.asked if asked.method == "POST")
    assert (first["agents"], first["after"], first["told"]) == (["id-a", "id-b"], 40, ["s-c"])
    assert (second["agents"], second["after"], second["told"]) == (["id-a"], 50, ["s-c", "s-b"])
    assert (first["any"], first["timeout"]) == (False, 300)
    assert "follow_tag" not in first


def test_a_daemon_that_goes_away_is_asked_again(peer: Peer, genie: Run) -> None:
    away = (503, error("registry_away", "PostgreSQL does not answer"))
    peer.answers[SELECT] = selected(session("a"))
    peer.answers[WAIT] = in_turn(Silence(), away, turn(session("a", "done")))
    said = genie("wait", "a")
    assert (said.code, said.out, said.err) == (0, "a  done\n", "")
    bodies = [asked.body for asked in peer.asked if asked.method == "POST"]
    assert bodies == [bodies[0]] * 3


def test_any_returns_with_the_first(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b"))
    peer.answers[WAIT] = turn(session("b", "done"), pending=(session("a"),))
    assert genie("wait", "a", "b", "--any").out == "b  done\n"
    assert peer.last(WAIT).body["any"] is True
    peer.answers[SELECT] = selected(session("a"), session("b", "done"))
    assert genie("wait", "a", "b", "--any").out == "b  done\n"
    assert len([asked for asked in peer.asked if asked.method == "POST"]) == 1


def test_the_time_is_over(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b", "failed"), session("c"))
    peer.answers[WAIT] = turn(pending=(session("c"), session("a")))
    said = genie("wait", "a", "b", "c", "--timeout", "50ms", "--json")
    assert said.code == 124
    assert [one["name"] for one in said.json] == ["b"]
    assert said.err == "genie: not ended in 50ms: a, c — they go on; genie wait again\n"
    assert 0 < peer.last(WAIT).body["timeout"] <= 0.05
    assert genie("wait", "a", "--timeout", "0").code == 124
    assert genie("wait", "a", "--timeout", "soon").code == 2


def test_a_tag_is_followed(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a"))
    peer.answers[WAIT] = in_turn(turn(session("a", "done"), pending=(session("b"),)), turn(session("b", "done")))
    assert genie("wait", "--tag", "x", "--team", "web", "--follow-tag").out == "a  done\nb  done\n"
    body = peer.last(WAIT).body
    assert (body["tags"], body["team"], body["follow_tag"], body["agents"]) == (["x"], "web", True, ["id-b"])
    for words in (["a"], ["--tag", "x", "--latest"]):
        assert genie("wait", *words, "--follow-tag").code == 2


@pytest.mark.parametrize(
    ("status", "code", "exit_"), [(404, "not_found", 3), (409, "conflict", 4), (400, "bad_input", 2)]
)
def test_who_is_not_known(peer: Peer, genie: Run, status: int, code: str, exit_: int) -> None:
    told = (status, error(code, "'1f0c' is ambiguous: a, b", "more digits", matches=["1", "2"], more=0))
    peer.answers[SELECT] = peer.answers["GET /v1/sessions/status"] = told
    for verb in ("wait", "cancel", "status"):
        said = genie(verb, "1f0c", "--json")
        assert (said.code, said.err) == (exit_, "genie: '1f0c' is ambiguous: a, b — more digits\n")
        assert said.json["error"]["matches"] == ["1", "2"]
    assert not [asked for asked in peer.asked if asked.method == "POST"]


def test_names_cannot_drive_the_terminal(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a", "failed", reason="\x1b[2J"))
    assert genie("wait", "a").out == "a  failed  \\x1b[2J\n"


# ---- status ------------------------------------------------------------------------------------


def test_status_is_a_word(peer: Peer, genie: Run) -> None:
    told = {"status": "completed", "state": "done", "name": "a", "session_id": "s", "past_session": "p"}
    peer.answers["GET /v1/sessions/status"] = told | {"notes": ["p is a past session"]}
    said = genie("status", "1f0c", "--tag", "x", "--team", "t", "--latest")
    assert (said.code, said.out, said.err) == (0, "completed\n", "genie: p is a past session\n")
    query = {"word": ["1f0c"], "tag": ["x"], "team": ["t"], "latest": ["true"]}
    assert peer.last("GET /v1/sessions/status").query == query
    assert genie("status", "1f0c", "--json").json == told


# ---- cancel ------------------------------------------------------------------------------------


def outcomes(asked: Asked) -> list[Json]:
    return [
        {"name": agent, "session_id": agent, "state": "terminated", "outcome": "cancelled", "detail": "", "error": None}
        for agent in asked.body["agents"]
    ]


def alone(asked: Asked) -> list[Json]:
    """A tree of one."""
    return [row(asked.query["name"][0])]


def test_cancel_ends_those_that_were_selected(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b", "done"), notes=["careful"])
    peer.answers["GET /v1/tree"] = alone
    peer.answers[CANCEL] = outcomes
    said = genie("cancel", "a", "b", "--reason", "enough")
    assert (said.code, said.err) == (0, "genie: careful\n")
    assert said.out == "id-a  terminated  cancelled\nid-b  terminated  cancelled\n"
    assert peer.last(CANCEL).body == {"agents": ["id-a", "id-b"], "reason": "enough"}
    assert [asked.query["name"] for asked in peer.asked if asked.path == "/v1/tree"] == [["a"]]
    assert genie("cancel", "a", "-q").out == "id-a\nid-b\n"
    assert len(genie("cancel", "a", "--json").json) == 2
    assert peer.last(CANCEL).body["reason"] is None


def test_to_cancel_many_needs_a_yes(peer: Peer, genie: Run) -> None:
    live = [session(f"a{number}") for number in range(6)]
    peer.answers["GET /v1/tree"] = alone
    peer.answers[CANCEL] = outcomes
    peer.answers[SELECT] = selected(*live)
    refused = genie("cancel", "--tag", "x")
    assert (refused.code, refused.err) == (2, "genie: this would cancel 6 agents — say --yes\n")
    assert not [asked for asked in peer.asked if asked.method == "POST"]
    assert genie("cancel", "--tag", "x", "--yes").code == 0
    peer.answers[SELECT] = selected(*live[:5], session("over", "done"))
    assert genie("cancel", "--tag", "x").code == 0, "who has ended does not count"
    family = [row("a0"), *(row(f"child-{number}", parent="a0") for number in range(5))]
    peer.answers[SELECT] = selected(live[0])
    peer.answers["GET /v1/tree"] = family
    assert "would cancel 6 agents" in genie("cancel", "a0").err


def test_one_that_cannot_be_cancelled_decides_the_exit_code(peer: Peer, genie: Run) -> None:
    failed = {"name": "b", "session_id": "s", "state": None, "outcome": "failed", "detail": "no"}
    peer.answers[SELECT] = selected(session("a"), session("b"))
    peer.answers["GET /v1/tree"] = alone
    peer.answers[CANCEL] = [
        outcomes(Asked("POST", "", {}, {"agents": ["a"]}))[0],
        failed | error("survivors", "2 left"),
    ]
    said = genie("cancel", "a", "b")
    assert (said.code, said.err) == (1, "genie: 2 left\n")
    assert said.out.startswith("a  terminated  cancelled\n")
