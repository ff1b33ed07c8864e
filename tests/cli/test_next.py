"""`genie next`: who waits longest, then the one after the present pane."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error, row
from tests.cli.test_terminal import on_terminal, place_of, tmux

__all__ = ["tmux"]  # the fixture

PLACE = {"socket": "/s", "session": "web", "window": "web", "window_id": "@1"}


def needs(peer: Peer, *names: str, need: str = "permission") -> None:
    rows = []
    for number, name in enumerate(names, 1):
        more = {"need": need, "need_since": "2026-01-01T00:00:00+00:00", "need_detail": "hook: Bash"}
        rows.append(row(name, pane=f"%{number}") | more)
        peer.answers[f"GET /v1/agents/{name}/place"] = PLACE | {"pane": f"%{number}"}
    peer.answers["GET /v1/needs"] = rows


def test_nobody_needs_anybody(peer: Peer, genie: Run) -> None:
    needs(peer)
    said = genie("next")
    assert (said.code, said.out, said.err) == (3, "", "genie: no agent needs you — genie ls\n")
    said = genie("next", "--team", "web", "--json")
    assert (said.code, said.json["error"]["message"]) == (3, "no agent of team 'web' needs you")
    assert peer.last("GET /v1/needs").query == {"team": ["web"]}


def test_who_waits_longest_is_told(peer: Peer, genie: Run) -> None:
    needs(peer, "a", "b")
    assert genie("next", "--no-attach").out == "a  permission  %1\n"
    told: dict[str, Any] = genie("next", "--json").json
    assert (told["name"], told["need"], told["place"]["pane"]) == ("a", "permission", "%1")


@pytest.mark.parametrize(("present", "name"), [("%1", "b"), ("%2", "c"), ("%3", "a"), ("%99", "a")])
def test_from_the_pane_of_one_the_next_is_meant(peer: Peer, genie: Run, present: str, name: str) -> None:
    needs(peer, "a", "b", "c")
    inside = {"TMUX": "/s,1,0", "TMUX_PANE": present}
    assert genie("next", "--no-attach", **inside).out.split()[0] == name
    assert genie("next", "--no-attach", TMUX_PANE=present).out.split()[0] == "a"


def test_who_is_in_no_pane_is_passed_over(peer: Peer, genie: Run) -> None:
    needs(peer, "a", "b")
    peer.answers["GET /v1/agents/a/place"] = (409, error("not_allowed", "the pane of 'a' is gone"))
    assert genie("next", "--no-attach").out.split()[0] == "b"
    peer.answers["GET /v1/agents/b/place"] = (404, error("not_found", "unknown agent 'b'"))
    said = genie("next")
    assert (said.code, said.err) == (3, "genie: who needs you is in no pane: a, b — genie explain a\n")


def test_it_needs_a_terminal_to_go_there(peer: Peer, genie: Run) -> None:
    needs(peer, "a")
    said = genie("next")
    assert (said.code, said.err) == (2, "genie: attach needs a terminal — genie read a\n")


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux")
def test_it_goes_there(peer: Peer, tmux: Callable[..., str], environ: dict[str, str]) -> None:
    needs(peer, "a", need="question")
    peer.answers["GET /v1/agents/a/place"] = place_of(tmux, "one")
    tmux("select-window", "-t", "=web:two")
    with on_terminal(environ, "next") as screen:
        screen.until(lambda _: tmux("list-clients", "-F", "#{client_session}:#{window_name}") == "web:one")
