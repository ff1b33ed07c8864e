"""output, collect, summary, done and gc: what they send, and what they print."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error

SESSION = "1f0c2a00-0000-4000-8000-000000000001"
USAGE = {"input": 1204, "output": 310, "cache_read": 0, "cache_write": 9, "cost": 0.0211}
NONE = {"input": 0, "output": 0, "cache_read": 0, "cache_write": 0, "cost": None}
WHO = {"session_id": SESSION, "name": "ada", "provider": "claude", "model": "opus", "status": "completed"}
TOKEN = "f00d" * 16


def outcome(**changes: object) -> dict[str, Any]:
    return WHO | {"result_text": "all green\n", "error": None, "usage": USAGE} | changes


def summed(**changes: object) -> dict[str, Any]:
    return WHO | {
        "turns": 3,
        "tool_calls": {"Bash": 7, "Edit": 2},
        "files_written": ["/w/a.py", "/w/b.py"],
        "duration": 192.5,
        "usage": USAGE,
        "result_head": "all green",
        "error": None,
        **changes,
    }


# ---- output ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["all green", "all green\n\n", "", " \t größe 🚀\r\n\x1b[31m", "x" * 300_000])
def test_output_is_the_result_byte_for_byte(peer: Peer, genie: Run, text: str) -> None:
    peer.answers["GET /v1/sessions/output"] = {"session_id": SESSION, "name": "ada", "result": text}
    for env in ({}, {"PYTHONIOENCODING": "latin-1"}):
        said = genie("output", "ada", **env)
        assert (said.code, said.out, said.err) == (0, text, "")


def test_output_selects(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/sessions/output"] = {"session_id": SESSION, "name": "ada", "result": None}
    said = genie("output", "1f0c", "--team", "web", "--tag", "t", "--latest", "--json")
    assert said.json == {"session_id": SESSION, "result": None}
    asked = peer.last("GET /v1/sessions/output").query
    assert asked == {"word": ["1f0c"], "team": ["web"], "tag": ["t"], "latest": ["true"]}
    assert genie("output", "1f0c").out == ""


def test_no_output_is_an_error_and_nothing_on_stdout(peer: Peer, genie: Run) -> None:
    told = error("failed", "'ada' has no result yet: it is running", "genie wait ada")
    peer.answers["GET /v1/sessions/output"] = (500, told)
    said = genie("output", "ada")
    assert (said.code, said.out) == (1, "")
    assert said.err == "genie: 'ada' has no result yet: it is running — genie wait ada\n"


# ---- collect --------------------------------------------------------------------------------


def test_collect_has_a_header_a_session(peer: Peer, genie: Run) -> None:
    failed = outcome(name="bob", model=None, status="failed", result_text=None, error="no\x1b such model", usage=NONE)
    peer.answers["GET /v1/sessions/outcomes"] = [outcome(result_text="a\x1b[2J\n\nb\n"), failed]
    said = genie("collect", "ada", "bob")
    assert said.out.splitlines() == [
        "==> ada  completed  claude/opus  1f0c2a00  1204 in, 310 out, 9 cache write, $0.0211",
        "a\\x1b[2J",
        "",
        "b",
        "",
        "==> bob  failed  claude  1f0c2a00",
        "error: no\\x1b such model",
    ]
    assert said.code == 0


def test_collect_gives_json_as_it_is(peer: Peer, genie: Run) -> None:
    rows = [outcome(structured={"green": 214}), outcome(session_id=None)]
    peer.answers["GET /v1/sessions/outcomes"] = rows
    assert genie("collect", "--tag", "a", "--tag", "b", "--json").json == rows
    assert peer.last("GET /v1/sessions/outcomes").query == {"tag": ["a", "b"]}
    assert "==> ada  completed  claude/opus  -" in genie("collect", "--tag", "a").out


# ---- summary --------------------------------------------------------------------------------


def test_summary_tells_what_was_done(peer: Peer, genie: Run) -> None:
    bare = summed(name="bob", tool_calls={}, files_written=[], usage=NONE, result_head=None, error="lost")
    peer.answers["GET /v1/sessions/summary"] = [summed(), bare]
    assert genie("summary", "ada", "bob").out.splitlines() == [
        "==> ada  completed  claude/opus  1f0c2a00",
        "turns   3",
        "tools   Bash 7, Edit 2",
        "files   /w/a.py, /w/b.py",
        "time    3m",
        "tokens  1204 in, 310 out, 9 cache write, $0.0211",
        "all green",
        "",
        "==> bob  completed  claude/opus  1f0c2a00",
        "turns  3",
        "time   3m",
        "error  lost",
    ]
    assert peer.last("GET /v1/sessions/summary").query == {"word": ["ada", "bob"]}


def test_summary_in_numbers_is_a_table(peer: Peer, genie: Run) -> None:
    row = {"session_id": SESSION, "name": "ada", "turns": 3, "tool_calls": 9, "files_written": 2, "duration": 61.0}
    peer.answers["GET /v1/sessions/summary"] = [row | USAGE, row | NONE | {"name": "bob"}]
    head, ada, bob = genie("summary", "--latest", "--stats").out.splitlines()
    assert head.split() == ["NAME", "TURNS", "CALLS", "FILES", "TIME", "IN", "OUT", "READ", "WRITTEN", "COST"]
    assert ada.split() == ["ada", "3", "9", "2", "1m", "1204", "310", "0", "9", "$0.0211"]
    assert bob.split() == ["bob", "3", "9", "2", "1m", "0", "0", "0", "0", "-"]
    assert peer.last("GET /v1/sessions/summary").query == {"latest": ["true"], "stats": ["true"]}
    assert genie("summary", "ada", "--json").json[0]["cost"] == 0.0211


# ---- done -----------------------------------------------------------------------------------


def test_done_sends_the_result_and_its_token(peer: Peer, genie: Run) -> None:
    kept = {"session_id": SESSION, "name": "ada", "submitted": True, "replaced": False}
    peer.answers["POST /v1/done"] = kept
    said = genie("done", "--result", "größe\n", GENIE_AGENT_TOKEN=TOKEN, OTHER_SECRET="hush")
    assert (said.code, said.out, said.err) == (0, "", "")
    body = peer.last("POST /v1/done").body
    assert (body["result"], body["caller"]["env"]) == ("größe\n", {"GENIE_AGENT_TOKEN": TOKEN})
    assert genie("done", "--json").json == kept
    assert peer.last("POST /v1/done").body["result"] is None


def test_done_reads_files_and_stdin(peer: Peer, genie: Run, tmp_path: Any) -> None:  # noqa: ANN401
    peer.answers["POST /v1/done"] = {"session_id": SESSION, "name": "ada", "submitted": True, "replaced": True}
    path = tmp_path / "result.json"
    path.write_text('{"green": 1}\n')
    said = genie("done", "--result-file", str(path))
    assert (said.code, said.err) == (0, "genie: the result was replaced\n")
    assert peer.last("POST /v1/done").body["result"] == '{"green": 1}\n'
    genie("done", "--result-file", "-", stdin="aus der Röhre\n".encode())
    assert peer.last("POST /v1/done").body["result"] == "aus der Röhre\n"


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--result", "a", "--result-file", "b"], 2, "two results"),
        (["--result-file", "/nowhere/at/all"], 3, "there is no file"),
        (["--result-file", "/"], 2, "cannot read /: Is a directory"),
        (["--result-file", "-"], 2, "not valid UTF-8"),
        (["--result-file", "/dev/zero"], 2, "NUL"),
    ],
)
def test_done_asks_nobody_to_keep_what_cannot_be(
    peer: Peer, genie: Run, words: list[str], code: int, text: str
) -> None:
    said = genie("done", *words, stdin=b"\xff")
    assert (said.code, said.out) == (code, "")
    assert text in said.err
    assert not [call for call in peer.asked if call.path == "/v1/done"]


def test_done_says_why_a_result_is_refused(peer: Peer, genie: Run) -> None:
    told = error("bad_input", "the result does not follow the JSON schema of this session: result: 'x'", "correct it")
    peer.answers["POST /v1/done"] = (400, told)
    said = genie("done", "--result", "{}")
    assert said.code == 2
    assert "result: 'x' — correct it" in said.err


# ---- gc -------------------------------------------------------------------------------------


def pile(what: str, count: int, size: int, removed: int = 0, *problems: str) -> dict[str, Any]:
    return {"what": what, "count": count, "bytes": size, "removed": removed, "names": [], "problems": list(problems)}


def test_gc_tells_and_removes_nothing(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/gc"] = [pile("logs", 12, 3 * 2**20 + 5), pile("panes", 0, 0), pile("events", 2, 2048)]
    said = genie("gc")
    assert said.out.splitlines() == [
        "WHAT    COUNT  SIZE",
        "logs    12     3MiB",
        "panes   0      0B",
        "events  2      2KiB",
    ]
    assert said.err == "genie: nothing was removed — genie gc --force removes it\n"
    assert (said.code, peer.last("POST /v1/gc").body) == (0, {"age": 7 * 86400.0, "force": False})


def test_gc_with_force_tells_what_has_gone_and_what_has_not(peer: Peer, genie: Run) -> None:
    rows = [pile("logs", 2, 900, 1, "/log: Permission denied"), pile("panes", 0, 0)]
    peer.answers["POST /v1/gc"] = rows
    said = genie("gc", "--older-than", "90m", "--force")
    assert said.out.splitlines() == ["WHAT   REMOVED  SIZE", "logs   1        900B", "panes  0        0B"]
    assert (said.code, said.err) == (1, "genie: /log: Permission denied\n")
    assert peer.last("POST /v1/gc").body == {"age": 5400.0, "force": True}
    assert genie("gc", "--force", "--json").json == rows


def test_gc_wants_a_time(peer: Peer, genie: Run) -> None:
    said = genie("gc", "--older-than", "long")
    assert (said.code, "'long' is not a duration" in said.err) == (2, True)
