"""listen, watch and search: what they ask of the daemon, what they print, what they leave behind."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genie.cli import keeping
from genie.cli.matching import command_of, conditions, fits
from genie.domain.errors import BadInput
from genie.domain.rule import LARGEST, as_variable
from tests.cli.conftest import Run
from tests.cli.peer import Asked, Lines, Peer, Silence, error
from tests.cli.test_events_verbs import happened
from tests.cli.test_waiting import SELECT, selected, session

TOLD = "GET /v1/sessions/events"


def told(number: int, kind: str, name: str = "ada", **payload: Any) -> dict[str, Any]:  # noqa: ANN401
    return happened(number, kind=f"session.{kind}", name=name, session_id=f"s-{name}", payload=payload)


def over(*names: str, success: bool = True) -> dict[str, Any]:
    state = "done" if success else "failed"
    ended = [
        {"name": name, "success": success, "state": state, "reason": None if success else "exit"} for name in names
    ]
    return {"over": True, "ended": ended}


CONVERSATION = [
    told(1, "session_started", model="opus", cwd="/src"),
    told(2, "user_message", text="fix\nit"),
    told(3, "reasoning", text="hm"),
    told(4, "assistant_message", text="I look."),
    told(5, "assistant_message", text="inside", parent="toolu_1"),
    told(6, "tool_call", tool="Bash", tool_kind="shell", input={"command": "ls\x1b[31m", "description": "list"}),
    told(7, "tool_result", output="a\nb\nc\nd\ne"),
    told(8, "tool_result", output="no such file", is_error=True),
    told(9, "usage", input=1, output=2),
    told(10, "permission", tool="Write", input={"file_path": "/x"}),
    told(11, "stdout", text="out"),
    told(12, "stderr", text="err"),
    told(13, "usage_limit_hit", resets_at="2026-01-01T15:00:00+00:00"),
    told(14, "usage_limit_resumed"),
    told(15, "user_event", message="half way", level="info"),
    told(16, "provider_status", status="api_error", text="overloaded"),
    told(17, "provider_status", status="hook", raw={}),
    told(18, "session_result", text="done\nnow", turns=2),
    told(19, "session_ended", success=True, exit_code=0),
    told(20, "heartbeat"),
    told(21, "of_a_newer_genie", text="x"),
    happened(22, kind="agent.failed", payload={"reason": "exit"}),
]
SHOWN = """opus · /src
› fix
it
✻ hm
I look.
  inside
● Bash  ls␛[31m
    a
    b
    … 3 more lines
    no such file
? Write  /x
out
err
usage limit reached, resets at 2026-01-01T15:00:00+00:00
the usage limit is over
· half way
overloaded
done
now
✓ 2 turns
✓ ended · exit code 0
of_a_newer_genie
failed exit
"""


def test_listen_for_people(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = Lines([*CONVERSATION, over("ada")])
    said = genie("listen", "ada")
    assert (said.code, said.out, said.err) == (0, SHOWN, "")
    asked = peer.last(TOLD).query
    assert (asked["word"], asked["after"]) == (["s-ada"], ["0"])
    assert "session.assistant_message" in asked["type"]
    assert "session.reasoning" not in asked["type"]
    assert not [word for word in asked["type"] if word.startswith("agent.")]
    stamped = genie("listen", "ada", "--timestamps").out.splitlines()
    assert stamped[:3] == ["12:34:56 opus · /src", "12:34:56 › fix", "it"]


def test_listen_as_ndjson_and_its_filters(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = Lines([*CONVERSATION, over("ada", success=False)])
    said = genie("listen", "--latest", "--json", "--show-thinking")
    assert [json.loads(line) for line in said.out.splitlines()] == CONVERSATION
    assert (said.code, said.err) == (1, "genie: ada failed exit\n")
    assert "session.reasoning" in peer.last(TOLD).query["type"]
    genie("listen", "ada", "--filter", "failed", "--filter", "tool_call")
    assert peer.last(TOLD).query["type"] == ["failed", "tool_call"]
    genie("listen", "ada", "--filter", "failed", "--show-thinking")
    assert peer.last(TOLD).query["type"] == ["failed", "session.reasoning"]


def test_listen_to_several_says_who_speaks(peer: Peer, genie: Run) -> None:
    peer.answers[SELECT] = selected(session("ada"), session("bob"))
    rows = [told(number, "stdout", name, text=str(number)) for number, name in enumerate(("ada", "ada", "bob", "ada"))]
    peer.answers[TOLD] = Lines([*rows, over("ada", "bob")])
    assert genie("listen", "ada", "bob").out == "── ada ──\n0\n1\n── bob ──\n2\n── ada ──\n3\n"


def test_a_cut_stream_goes_on(peer: Peer, genie: Run) -> None:
    answers = [Lines(CONVERSATION[3:4], cut=True), Silence(), (503, error("registry_away", "away")), Lines([]),
               Lines([told(9, "stdout", text="more"), over("ada")])]  # fmt: skip
    asked: list[list[str]] = []

    def answer(request: Asked) -> Any:  # noqa: ANN401
        asked.append(request.query["after"])
        return answers.pop(0) if answers else (500, error("bug", "asked too often"))

    peer.answers[SELECT] = selected(session("ada", past_session="s-1"))
    peer.answers[TOLD] = answer
    said = genie("listen", "ada")
    assert (said.code, said.out) == (0, "I look.\nmore\n")
    assert (asked[0], asked[-1]) == (["0"], ["4"])
    assert peer.last(TOLD).query["word"] == ["s-1"]
    assert set(said.err.splitlines()) == {"genie: the daemon went away; this goes on when it is back"}


@pytest.mark.parametrize(
    ("answer", "code"), [((400, error("bad_input", "unknown type")), 2), ((404, error("not_found", "unknown")), 3)]
)
def test_what_does_not_pass_ends_it(peer: Peer, genie: Run, answer: object, code: int) -> None:
    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = answer
    assert genie("listen", "ada").code == code
    assert genie("watch", "ada", "--on", "x", "--", "true").code == code


# ---- watch ----------------------------------------------------------------------------------


def test_watch_begins_now_and_at_its_cursor(peer: Peer, genie: Run, home: Any) -> None:  # noqa: ANN401
    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = Lines([told(50, "stdout", text="x"), told(51, "stdout", text="y"), over("ada")])
    show = ("--name", "w", "--on", "stdout", "--", "echo", "{name} {event_type} {seq} {ts} {session_id}")
    at = "2026-01-01T12:34:56.789+00:00"
    assert genie("watch", "ada", *show).out == f"ada stdout 150 {at} s-ada\nada stdout 151 {at} s-ada\n"
    assert peer.last(TOLD).query == {"word": ["s-ada"], "type": ["stdout"], "after": ["40"]}
    assert json.loads((home.root / "watches" / "w.json").read_text()) == {"after": 51}
    peer.answers[TOLD] = Lines([over("ada")])
    assert genie("watch", "ada", *show).code == 0
    assert peer.last(TOLD).query["after"] == ["51"]
    assert genie("watch", "ada", "--replay", *show[2:]).code == 0
    assert peer.last(TOLD).query["after"] == ["0"]
    (home.root / "watches" / "w.json").write_text("x")
    assert "does not read" in genie("watch", "ada", *show).err
    peer.answers[SELECT] = selected(session("ada", "done"))
    assert "has ended" in genie("watch", "ada", *show[2:]).err
    assert genie("watch", "ada", "--name", "../x", *show[2:]).code == 2


def test_a_command_that_is_not_there_or_cannot_be_executed(peer: Peer, genie: Run, tmp_path: Path) -> None:
    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = Lines([told(50, "stdout", text="x"), over("ada")])
    said = genie("watch", "ada", "--on", "stdout", "--", "{name}")
    assert (said.code, said.err.splitlines()[-1]) == (1, "genie: ada ended with exit code 127 (event 50)")
    plain = tmp_path / "plain-{name}"
    plain.with_name("plain-ada").write_text("x")
    assert "exit code 126" in genie("watch", "ada", "--on", "stdout", "--", str(plain)).err


def keep(order: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-I", "-S", keeping.__file__], input=order, capture_output=True, timeout=60, check=False
    )


def test_a_keeper_that_was_told_half_does_nothing(tmp_path: Path) -> None:
    order = json.dumps({"argv": ["touch", str(tmp_path / "x")], "mark": None}).encode()
    assert keep(order).returncode == 0
    assert not (tmp_path / "x").exists()


def test_what_a_command_leaves_is_ended_with_it(peer: Peer, genie: Run, tmp_path: Path) -> None:
    import psutil

    peer.answers[SELECT] = selected(session("ada"))
    peer.answers[TOLD] = Lines([told(50, "stdout", text="x"), over("ada")])
    script = (
        f"trap '' TERM; sleep 300 & echo $! > {tmp_path}/a; (trap '' TERM; exec sleep 300) & echo $! > {tmp_path}/b"
    )
    assert genie("watch", "ada", "--on", "stdout", "--", "sh", "-c", script).code == 0
    for name in ("a", "b"):
        pid = int((tmp_path / name).read_text())
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"


# ---- matching -------------------------------------------------------------------------------


def test_conditions() -> None:
    assert conditions(["a=1,b.c=x=y", "d="]) == [("a", "1"), ("b.c", "x=y"), ("d", "")]
    for wrong in ("", "a", "=x", "a=1,"):
        with pytest.raises(BadInput):
            conditions([wrong])
    row = told(1, "tool_result", is_error=True, n=3, none=None, b={"c": "x"}, level="own")
    for text, holds in (
        ("is_error=true", True), ("is_error=True", False), ("n=3", True), ("none=null", True), ("b.c=x", True),
        ("b.d=x", False), ("b.c.d=x", False), ("level=own", True), ("session_id=s-ada", True), ("n=3,b.c=y", False),
    ):  # fmt: skip
        assert fits(row, conditions([text])) is holds, text


def test_words_are_replaced_once() -> None:
    row = told(1, "stdout", name="{seq}", text="x") | {"seq": None}
    assert command_of(row, ["{name}{seq}", "{text}", "$(x) {ts"]) == ["{seq}", "{text}", "$(x) {ts"]


def test_an_event_fits_into_a_variable() -> None:
    small = told(1, "stdout", text="größe")
    assert json.loads(as_variable(small)) == small
    large = json.loads(as_variable(told(1, "tool_result", output="x" * 300_000, lines=["y" * 300_000], n=3)))
    assert (large["truncated"], large["payload"]["n"], large["payload"]["output"]) == (True, 3, "x" * 1000 + "…")
    many = as_variable(told(1, "tool_result", lines=["y" * 100] * 30_000))
    assert len(many) <= LARGEST
    assert json.loads(many)["truncated"] is True


# ---- search ---------------------------------------------------------------------------------

HIT = {
    "id": 7, "seq": 3, "at": "2026-01-01T12:34:56+00:00", "kind": "session.tool_call", "role": "tool", "name": "ada",
    "team": "web", "session_id": "1f0c2a34-0000-4000-8000-000000000000", "provider": "claude", "tool": "Bash",
    "rank": 0.1, "headline": "… make **clean** \x1b[31m",
}  # fmt: skip


def test_search(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/search"] = [HIT]
    assert genie("search", "clean").out.splitlines() == [
        "2026-01-01 12:34:56  ada  1f0c2a34 #3  tool Bash",
        "    … make **clean** \\x1b[31m",
    ]
    assert peer.last("GET /v1/search").query == {"query": ["clean"], "limit": ["20"]}
    assert genie("search", "clean", "--json").json == [HIT]
    genie(
        *("search", "a b", "--role", "tool", "--role", "user", "--tool", "Bash", "--provider", "claude", "--tag", "x"),
        *("--since", "2026-01-01T00:00:00+00:00", "--until", "1h", "--team", "web", "--name", "ada", "--limit", "5"),
    )
    asked = peer.last("GET /v1/search").query
    assert (asked["role"], asked["tag"], asked["limit"]) == (["tool", "user"], ["x"], ["5"])
    assert {key: asked[key][0] for key in ("tool", "provider", "team", "name")} == {
        "tool": "Bash", "provider": "claude", "team": "web", "name": "ada",
    }  # fmt: skip
    assert asked["since"][0].startswith("202")
    peer.answers["GET /v1/search"] = []
    assert (genie("search", "x").out, genie("search", "x", "--json").json) == ("", [])
    assert genie("search", "x", "--since", "soon").code == 2
    assert genie("__complete", "bash", "search", "x", "--role", "re").out == "reasoning\nresult\n"
