"""answer: what it asks for, and what it prints; and where else it is told that something is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error

ID = "1f0c9a77-b2e4-4d11-9d1c-0123456789ab"
LINE = "Bash: make all"


def a_row(**changed: object) -> dict[str, Any]:
    row = {
        "id": ID,
        "name": "ada",
        "team": "web",
        "tool": "Bash",
        "line": LINE,
        "input": {"command": "make all"},
        "question": False,
        "always": True,
        "state": "open",
        "answer": None,
        "text": None,
        "by": None,
        "reason": None,
        "asked_at": "2026-03-01T12:00:00+00:00",
        "until": "2026-03-01T13:00:00+00:00",
        "changed_at": "2026-03-01T12:00:00+00:00",
        "session_id": ID,
        "run_id": ID,
    }
    return row | changed


@pytest.fixture
def answered(peer: Peer) -> Peer:
    peer.answers["POST /v1/agents/ada/answer"] = a_row(state="allowed", answer="always", by="user")
    return peer


def test_it_says_the_answer_and_nothing_else_of_the_caller(answered: Peer, genie: Run) -> None:
    said = genie("answer", "ada", "always", "--id", "1f0c", GENIE_AGENT_TOKEN="f00d", OTHER_SECRET="hush")
    assert (said.code, said.out, said.err) == (0, "1f0c9a77  allowed, always  ada: Bash: make all\n", "")
    body = answered.last("POST /v1/agents/ada/answer").body
    assert body.pop("caller")["env"] == {"GENIE_AGENT_TOKEN": "f00d"}
    assert body == {"answer": "always", "id": "1f0c"}
    assert genie("answer", "ada", "yes", "--json").json["id"] == ID


@pytest.mark.parametrize(
    ("words", "stdin", "text"),
    [(("use", "make,", "please"), b"", "use make, please"), (("-",), b"1\n2\n", "1\n2\n")],
)
def test_a_text_is_one_or_more_words_or_stdin(
    words: tuple[str, ...], stdin: bytes, text: str, answered: Peer, genie: Run
) -> None:
    assert genie("answer", "ada", *words, stdin=stdin).code == 0
    assert answered.last("POST /v1/agents/ada/answer").body["answer"] == text


def test_without_an_answer_it_lists(peer: Peer, genie: Run) -> None:
    over = a_row(state="withdrawn", reason="gone\x1b[2J", id=ID.replace("1", "2"))
    peer.answers["GET /v1/permissions"] = [over, a_row()]
    for words in ((), ("--list",), ("ada",), ("ada", "--all")):
        said = genie("answer", *words)
        lines = said.out.splitlines()
        assert (said.code, lines[0].split()) == (0, ["ID", "AGO", "AGENT", "STATE", "WHAT"])
        assert lines[1].split("  ")[-2:] == ["withdrawn: gone\\x1b[2J", LINE]
        assert lines[2].split()[0] == "1f0c9a77"
    assert peer.last("GET /v1/permissions").query == {"agent": ["ada"], "all": ["true"]}
    assert [row["id"] for row in genie("answer", "--json").json] == [over["id"], ID]


@pytest.mark.parametrize(
    "words", [("ada", "yes", "--list"), ("ada", "yes", "--all"), ("--id", "1f"), ("ada", "--id", "1f")]
)
def test_what_does_not_go_together(words: tuple[str, ...], peer: Peer, genie: Run) -> None:
    said = genie("answer", *words)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(404, "not_found", 3), (409, "conflict", 4), (403, "refused", 5), (422, "not_allowed", 6)],
)
def test_refusals_are_a_line_and_an_exit_code(status: int, code: str, exit_code: int, peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents/ada/answer"] = (status, error(code, "it is so", "do this"))
    said = genie("answer", "ada", "yes")
    assert (said.code, said.out, said.err) == (exit_code, "", "genie: it is so — do this\n")


def test_names_and_words_are_completed(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [{"name": "ada"}, {"name": "yew"}]
    assert genie("__complete", "bash", "answer", "a").out.split() == ["ada", "always"]
    assert genie("__complete", "bash", "answer", "ada", "y").out.split() == ["yew", "yes"]
