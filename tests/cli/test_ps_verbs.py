"""ps list, show, stop and kill."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error, row

RUN = {"name": "a", "state": "running", "pid": 4711, "cpu": 1.5, "rss": 2**20, "processes": 2, "history": [],
       "started_at": "2026-01-01T00:00:00+00:00", "expires_at": None}  # fmt: skip


def outcome(asked: Asked) -> list[dict[str, Any]]:
    return [{"name": name, "state": "suspended", "outcome": "stopped", "detail": ""} for name in asked.body["names"]]


def test_list_and_show(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/runs"] = [RUN, RUN | {"name": "b"}]
    assert genie("ps", "list", "-q", "a", "b").out == genie("ps", "-q", "a", "b").out == "a\nb\n"
    assert peer.last("GET /v1/runs").query["name"] == ["a", "b"]
    shown = genie("ps", "show", "a").out
    assert shown.startswith("name        a\nstate       running\npid         4711\n")
    assert "\n\nname        b\n" in shown
    assert genie("ps", "show", "a", "--json").json == [RUN, RUN | {"name": "b"}]
    assert genie("ps", "show", "a", "-q").out == "a\nb\n"
    genie("ps", "list", "show")
    assert peer.last("GET /v1/runs").query["name"] == ["show"]


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_stop_and_kill(peer: Peer, genie: Run, verb: str) -> None:
    peer.answers[f"POST /v1/agents/{verb}"] = outcome
    peer.answers["GET /v1/tree"] = [row("me")]
    peer.answers["POST /v1/whoami"] = row("me")
    assert genie("ps", verb, "self", "b", "-q").out == "me\nb\n"
    assert peer.last(f"POST /v1/agents/{verb}").body["names"] == ["me", "b"]
    assert "would" in genie("ps", verb, *"abcdef").err
    assert genie("ps", verb, *"abcdef", "--yes").code == 0
    assert genie("ps", verb, "--team", "web", "--yes").code == 0
    peer.answers["POST /v1/whoami"] = (404, error("not_found", "you are nobody"))
    assert genie("ps", verb, "self").code == 3


def test_what_says_nothing_is_refused(peer: Peer, genie: Run) -> None:
    for words in (("stop",), ("show",), ("show", "a", "--yes"), ("kill", "a", "--watch"), ("list", "--yes")):
        said = genie("ps", *words)
        assert (said.code, said.err.count("\n")) == (2, 1), words
    assert not [asked for asked in peer.asked if asked.method == "POST"]
    assert genie("__complete", "bash", "ps", "sh").out == "show\n"
