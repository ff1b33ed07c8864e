"""genie read: a pane whose process has ended, and one that is gone."""

from __future__ import annotations

import pytest

from genie.cli.commands.read import folded
from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error, row

SCREEN = "GET /v1/agents/a/screen"
AGENT = "GET /v1/agents/a"
DEAD = "Pane is dead (status 3, Sat Nov 21 07:45:00 2026)"
GONE = (403, error("foreign_pane", "pane %1 is not that of run 9a0c2a34 any more"))


def dead(asked: Asked) -> dict[str, str]:
    """A pane of four lines, whose first has scrolled out of sight when tmux wrote its last."""
    text = f"\n\n\n{DEAD}" if asked.query.get("lines", ["4"]) == ["4"] else f"one\ntwo\n\n\n{DEAD}"
    return {"text": text, "pane": "%1"}


@pytest.mark.parametrize(
    ("words", "said"), [((), ["one", "two", DEAD]), (("-n", "2"), ["two", DEAD]), (("-n", "1"), [DEAD])]
)
def test_an_ended_command_is_read_with_what_tmux_moved_out_of_sight(
    peer: Peer, genie: Run, words: tuple[str, ...], said: list[str]
) -> None:
    peer.answers[SCREEN] = dead
    assert genie("read", "a", *words).out.splitlines() == said
    assert genie("read", "a", *words, "--json").json == {"text": "\n".join(said), "pane": "%1"}


@pytest.mark.parametrize(
    ("log", "hint"), [("/home/u/.genie/logs/runs/1.log", "genie read a --log"), (None, "genie history a")]
)
def test_a_pane_that_is_gone_is_said_with_what_there_is(peer: Peer, genie: Run, log: str | None, hint: str) -> None:
    peer.answers[SCREEN] = GONE
    peer.answers[AGENT] = row("a", state="suspended", log=log)
    said = genie("read", "a")
    assert (said.code, said.out) == (6, "")
    assert said.err == f"genie: 'a' is suspended, and its pane is gone — {hint}\n"
    told = genie("read", "a", "--json").json["error"]
    assert (told["code"], told["hint"]) == ("not_allowed", hint)


def test_following_ends_well_when_the_agent_is_stopped_and_its_pane_closed(peer: Peer, genie: Run) -> None:
    screens = iter([{"text": "1\n2\n3", "pane": "%1"}, {"text": f"2\n3\n\n\n{DEAD}", "pane": "%1"}])
    states = iter(["running", "running", "suspended"])
    peer.answers[SCREEN] = lambda _: next(screens, GONE)
    peer.answers[AGENT] = lambda _: row("a", state=next(states))
    said = genie("read", "a", "--follow")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == ["1", "2", "3", DEAD]


@pytest.mark.parametrize("count", ["", "0", "x"])
def test_a_count_that_is_none_is_refused(peer: Peer, genie: Run, count: str) -> None:
    peer.answers[SCREEN] = {"text": "one", "pane": "%1"}
    said = genie("read", "a", "-n", count)
    assert (said.code, said.out) == (2, "")
    assert f"--lines '{count}' is not a whole number from 1 on" in said.err


def test_only_what_tmux_says_of_a_dead_pane_is_pulled_up() -> None:
    assert folded([]) == []
    assert folded(["one", "", "two"]) == ["one", "", "two"]
    assert folded(["", "", DEAD]) == [DEAD]
    assert folded(["", "one", "", "", DEAD]) == ["", "one", DEAD]
