"""genie read --log: what a command wrote, as lines of text."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genie.cli.commands import read
from genie.cli.commands.read import Plain
from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error, row

LOG = "GET /v1/agents/a/log"
RUN = "7b1c8d50-9f0b-4b1c-8f2e-0d4a5f3c2b1a"
NEXT = "9c1c8d50-9f0b-4b1c-8f2e-0d4a5f3c2b1a"


def piece(text: str, mark: str, *, more: bool = False, run: str = RUN) -> dict[str, Any]:
    return {"text": text, "path": f"/home/u/.genie/logs/runs/{run}.log", "run_id": run, "mark": mark, "more": more}


def test_a_log_is_read_to_its_end(peer: Peer, genie: Run) -> None:
    pieces = iter(
        [piece("one\r\n\x1b[31mtw", "m1", more=True), piece("o\x1b[0m\r\nthr", "m2", more=True), piece("ee", "m3")]
    )
    peer.answers[LOG] = lambda _: next(pieces)
    said = genie("read", "a", "--log", "-n", "3")
    assert (said.code, said.out, said.err) == (0, "one\ntwo\nthree\n", "")
    asked = [asked.query for asked in peer.asked if asked.path.endswith("/log")]
    assert asked == [{"lines": ["3"]}, {"after": ["m1"]}, {"after": ["m2"]}]


def test_json_has_every_character(peer: Peer, genie: Run) -> None:
    pieces = iter([piece("\x1b[31mone\r\n", "m1", more=True), piece("two", "m2")])
    peer.answers[LOG] = lambda _: next(pieces)
    path = f"/home/u/.genie/logs/runs/{RUN}.log"
    assert genie("read", "a", "--log", "--json").json == {
        "text": "\x1b[31mone\r\ntwo",
        "path": path,
        "run_id": RUN,
    }


def test_an_empty_log_is_nothing(peer: Peer, genie: Run) -> None:
    peer.answers[LOG] = piece("", "m0")
    said = genie("read", "a", "--log")
    assert (said.code, said.out) == (0, "")


def test_no_log_is_said(peer: Peer, genie: Run) -> None:
    peer.answers[LOG] = (422, error("not_allowed", "'a' has no log"))
    said = genie("read", "a", "--log")
    assert said.code == 6
    assert "'a' has no log" in said.err


@pytest.mark.parametrize("words", [("-n", "0"), ("-n", "x"), ("--follow", "--json")])
def test_what_cannot_be_meant(peer: Peer, genie: Run, words: tuple[str, ...]) -> None:
    peer.answers[LOG] = piece("x", "m")
    assert genie("read", "a", "--log", *words).code == 2


def test_follow_prints_only_what_is_new_over_runs(peer: Peer, genie: Run) -> None:
    written = {
        None: piece("one\r\nun", "m1"),
        "m1": piece("ended", "m2"),
        "m2": piece("two\r\n", "n1", run=NEXT),
        "n1": piece("three\r\nfour", "n2", run=NEXT),
        "n2": piece("", "n2", run=NEXT),
    }

    def answer(asked: Asked) -> dict[str, Any]:
        return written[asked.query.get("after", [None])[0]]

    states = iter(["running", "dead", "running"])
    peer.answers[LOG] = answer
    peer.answers["GET /v1/agents/a"] = lambda _: row("a", state=next(states, "done"))
    said = genie("read", "a", "--log", "--follow")
    assert (said.code, said.out) == (0, "one\nunended\ntwo\nthree\nfour\n")


def test_follow_of_what_is_over_prints_it_all(peer: Peer, genie: Run) -> None:
    peer.answers[LOG] = lambda asked: piece("" if "after" in asked.query else "one\r\ntwo", "m1")
    peer.answers["GET /v1/agents/a"] = row("a", state="terminated")
    said = genie("read", "a", "--log", "--follow")
    assert (said.code, said.out) == (0, "one\ntwo\n")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("plain\r\n", "plain"),
        ("tab\there\r\n", "tab\there"),
        ("\x1b[1;31mred\x1b[0m\r\n", "red"),
        ("\x1b]0;title\x07text\r\n", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\r\n", "link"),
        ("\x1bPdevice\x1b\\text\r\n", "text"),
        ("\x1b]0;never ends\r\n", ""),
        ("\x1b(B\x1b=\x1b>\x1b7text\r\n", "text"),
        ("\x1b[?25l\x1b[2K\x1b[10;5Htext\x1b[?25h\r\n", "text"),
        (" 10%\r 50%\r100%\r\n", "100%"),
        ("done\r\x1b[K\r\n", "done"),
        ("bell\x07 back\x08 nul\x00 del\x7f c1\x9b\r\n", "bell back nul del c1"),
        ("\x1b\r\n", ""),
        ("é 😀\n", "é 😀"),
    ],
)
def test_what_drives_a_terminal_is_left_out(raw: str, text: str) -> None:
    plain = Plain()
    assert plain.lines(raw) == [text]
    assert plain.rest() == []


@given(text=st.text(alphabet="ab\x1b[31m\r\n]\x07\\", max_size=80), cuts=st.lists(st.integers(0, 80), max_size=5))
def test_lines_do_not_depend_on_how_a_log_is_cut(text: str, cuts: list[int]) -> None:
    whole, pieces = Plain(), Plain()
    at = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    said = [line for begin, end in pairwise(at) for line in pieces.lines(text[begin:end])]
    assert said + pieces.rest() == whole.lines(text) + whole.rest()
    assert not any("\x1b" in line for line in said)


def test_a_line_without_an_end_is_printed_some_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "LONGEST", 10)
    plain = Plain()
    assert plain.lines("x" * 10) == []
    assert plain.lines("y") == ["x" * 10 + "y"]
    assert plain.rest() == []
