"""The client's half of the protocol, against a real server on a real socket."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import genie.client
from genie.client import Daemon, Genie
from genie.client.daemon import to_error
from genie.client.start import environment
from genie.domain import errors
from genie.paths import Home
from tests.cli.peer import Asked, Lines, Peer, Silence, error, row


def asking(home: Home, *, start: bool = False) -> Genie:
    return Genie(Daemon(home, start=start))


def test_an_answer_is_its_json(home: Home, peer: Peer) -> None:
    peer.answers["GET /v1/agents"] = [row("a"), row("b")]
    assert [agent["name"] for agent in asking(home).ls()] == ["a", "b"]


def test_filters_are_repeated_in_the_query(home: Home, peer: Peer) -> None:
    peer.answers["GET /v1/agents"] = []
    asking(home).ls(names=["a"], team="w b", tags=["x", "y"], states=["dead"], everything=True)
    asked = peer.last("GET /v1/agents").query
    assert asked == {"name": ["a"], "team": ["w b"], "tag": ["x", "y"], "state": ["dead"], "all": ["true"]}


@pytest.mark.parametrize("name", ["a/b", "a?b#c", "ä", "a b", "%41", "\udcff"])
def test_a_hostile_name_stays_one_segment_of_the_path(home: Home, peer: Peer, name: str) -> None:
    with pytest.raises(errors.NotFound):
        asking(home).show(name)
    path = peer.asked[-1].path
    assert path.count("/") == 3
    assert os.fsdecode(_unquoted(path.rpartition("/")[2])) == name


def _unquoted(text: str) -> bytes:
    from urllib.parse import unquote_to_bytes

    return unquote_to_bytes(text)


def test_words_that_are_no_utf8_arrive_as_they_are(home: Home, peer: Peer) -> None:
    peer.answers["POST /v1/agents"] = {"name": "a"}
    asking(home).spawn("a", prompt="nul \0 and \udcff", command=["\udc80"])
    body = peer.asked[-1].body
    assert (body["prompt"], body["command"]) == ("nul \0 and \udcff", ["\udc80"])


def test_a_spawn_tells_who_calls(home: Home, peer: Peer) -> None:
    peer.answers["POST /v1/agents"] = {"name": "a"}
    asking(home).spawn("a", team="web")
    body = peer.asked[-1].body
    assert (body["name"], body["team"]) == ("a", "web")
    assert body["caller"]["pid"] == os.getpid()
    assert body["caller"]["cwd"] == str(Path.cwd())
    assert body["caller"]["env"]["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("bad_input", errors.BadInput),
        ("bad_template", errors.BadTemplate),
        ("stale", errors.Stale),
        ("foreign_pane", errors.Foreign),
        ("newer_schema", errors.NewerSchema),
        ("timed_out", errors.TimedOut),
        ("survivors", errors.Survivors),
    ],
)
def test_an_error_comes_back_as_its_own_class_with_its_details(code: str, kind: type[errors.GenieError]) -> None:
    found = to_error(400, error(code, "what", "do this", message_id=3, kind="team"))
    assert type(found) is kind
    assert (found.message, found.hint, found.details) == ("what", "do this", {"message_id": 3, "kind": "team"})


def test_a_code_of_a_newer_daemon_is_a_failure_that_keeps_its_code() -> None:
    found = to_error(500, error("bug", "boom", id="abcd"))
    assert type(found) is errors.Failed
    assert found.details == {"code": "bug", "id": "abcd"}


def test_an_answer_without_an_error_object_is_a_failure() -> None:
    assert "502" in to_error(502, ["?"]).message


def test_a_stream_gives_lines_over_chunk_borders(home: Home, peer: Peer) -> None:
    values = [{"id": number, "kind": "agent.died"} for number in range(50)]
    peer.answers["GET /v1/events"] = Lines(values)
    assert list(asking(home).events(after=7, follow=False)) == values
    assert peer.last("GET /v1/events").query == {"after": ["7"], "follow": ["false"]}


def test_a_stream_that_is_cut_is_an_error_and_no_end(home: Home, peer: Peer) -> None:
    peer.answers["GET /v1/events"] = Lines([{"id": 1}], cut=True)
    events = asking(home).events()
    assert next(events)["id"] == 1
    with pytest.raises(errors.Unreachable, match="went away"):
        next(events)


def test_without_a_daemon_and_without_starting_one_it_is_unreachable(home: Home) -> None:
    with pytest.raises(errors.Unreachable, match="no genie daemon runs") as caught:
        asking(home).ls()
    assert caught.value.hint == "genie daemon start"
    assert not home.root.exists()


def test_reading_is_asked_again_when_the_daemon_hung_up(home: Home, peer: Peer) -> None:
    answers = iter([Silence(), [row("a")]])
    peer.answers["GET /v1/agents"] = lambda _: next(answers)
    assert asking(home, start=True).ls()[0]["name"] == "a"


def test_a_spawn_is_never_sent_twice(home: Home, peer: Peer) -> None:
    peer.answers["POST /v1/agents"] = Silence()
    with pytest.raises(errors.Unreachable, match="went away"):
        asking(home, start=True).spawn("a")
    assert len([asked for asked in peer.asked if asked.method == "POST"]) == 1


def test_a_daemon_that_is_still_starting_is_waited_for(home: Home, peer: Peer) -> None:
    health = iter(["starting", "starting", "ready"])
    peer.answers["GET /v1/health"] = lambda _: {"state": next(health)}
    answers = iter([(503, error("unreachable", "starting", state="starting")), [row("a")]])
    peer.answers["GET /v1/agents"] = lambda _: next(answers)
    assert asking(home, start=True).ls()[0]["name"] == "a"


def test_a_daemon_that_says_nothing_is_unreachable_in_time(home: Home, peer: Peer) -> None:
    over = threading.Event()

    def hang(_: Asked) -> Silence:
        over.wait(20)
        return Silence()

    peer.answers["GET /v1/agents"] = hang
    with pytest.raises(errors.Unreachable, match=r"did not answer GET /v1/agents within 0\.1 s"):
        asking(home).ls(timeout=0.1)
    over.set()


def test_something_else_on_the_socket_is_told(home: Home) -> None:
    home.make()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home.socket))
        listener.listen()
        thread = threading.Thread(target=_answer_as_ssh, args=(listener,))
        thread.start()
        with pytest.raises(errors.Unreachable, match="does not speak HTTP"):
            asking(home).ls()
        thread.join()


def _answer_as_ssh(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"SSH-2.0-OpenSSH\r\n")


STRANGER = """
import os, socket, sys
s = socket.socket(socket.AF_UNIX)
os.setuid(65534)
s.bind(sys.argv[1]); s.listen(); print("up", flush=True)
s.accept()[0].recv(1)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to become another user")
def test_a_daemon_of_another_user_gets_nothing_of_ours(home: Home) -> None:
    home.make()
    for folder in (home.run, home.root, home.root.parent):
        folder.chmod(0o777)
    command = [sys.executable, "-c", STRANGER, str(home.socket)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"up\n"
        with pytest.raises(errors.Refused, match="belongs to user 65534"):
            asking(home).spawn("a")
        assert stranger.wait(20) == 0


def test_the_daemons_environment_is_nobodys_in_particular(home: Home) -> None:
    ours = {
        "PATH": "/bin",
        "TMUX": "/tmp/t,1,2",
        "TMUX_PANE": "%1",
        "GENIE_RUN_ID": "x",
        "GENIE_SESSION_ID": "x",
        "GENIE_AGENT_NAME": "x",
        "GENIE_TEAM": "x",
        "GENIE_PARENT": "x",
        "GENIE_ROOT": "x",
        "CLAUDECODE": "1",
        "CLAUDE_CODE_SESSION_ID": "x",
        "CLAUDE_CONFIG_DIR": "/c",
        "GENIE_FAULT_POINT": "after_claim",
        "GENIE_TMUX__SOCKET": "/s",
        "GENIE_HOME": "relative",
    }
    assert environment(home, ours) == {
        "PATH": "/bin",
        "CLAUDE_CONFIG_DIR": "/c",
        "GENIE_FAULT_POINT": "after_claim",
        "GENIE_TMUX__SOCKET": "/s",
        "GENIE_HOME": str(home.root),
    }


def test_a_home_that_is_a_file_is_bad_configuration(home: Home) -> None:
    home.root.touch()
    with pytest.raises(errors.BadConfig, match="not a directory"):
        asking(home, start=True).ls()


def test_a_shared_directory_is_not_closed_to_the_others(tmp_path: Path) -> None:
    shared = tmp_path / "t"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(errors.BadConfig, match="not a directory of genie's own"):
        asking(Home(shared), start=True).ensure()
    assert shared.stat().st_mode & 0o7777 == 0o1777


def test_a_home_with_a_loose_mode_is_closed(home: Home, peer: Peer) -> None:
    home.root.chmod(0o755)
    asking(home, start=True).ensure()
    assert home.root.stat().st_mode & 0o777 == 0o700


# ---- the library ---------------------------------------------------------------------------------

SELECT, WAIT, COLLECT = "GET /v1/sessions", "POST /v1/sessions/wait", "GET /v1/sessions/outcomes"


def session(name: str, state: str = "running", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    known = {"name": name, "session_id": f"s-{name}", "agent_id": f"id-{name}", "state": state, "reason": None}
    return known | {"ended": state in ("done", "failed"), "past_session": None} | more


def selected(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"sessions": list(rows), "notes": [], "after": 40}


def test_genie_alone_is_that_of_the_environment(home: Home, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENIE_HOME", str(home.root))
    peer.answers["GET /v1/agents"] = [row("a")]
    with Genie() as here:
        assert [asked.path for asked in peer.asked] == ["/v1/health"]
        assert here.ls()[0]["name"] == "a"
    assert here.ls()[0]["name"] == "a"


def test_wait_tells_the_ends_in_their_order(home: Home, peer: Peer) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b", "failed", reason="exit"))
    peer.answers[WAIT] = {"ended": [session("a", "done") | {"success": True}], "pending": [], "after": 41}
    ends = asking(home).wait("a", "b", team="web", latest=True)
    assert [(end["name"], end["success"], end["reason"]) for end in ends] == [("b", False, "exit"), ("a", True, None)]
    assert peer.last(SELECT).query == {"word": ["a", "b"], "team": ["web"], "latest": ["true"]}


def test_a_wait_that_is_too_long_tells_how_far_it_was(home: Home, peer: Peer) -> None:
    peer.answers[SELECT] = selected(session("b"), session("a"), session("c", "done"))
    peer.answers[WAIT] = lambda _: {"ended": [], "pending": [session("b"), session("a")], "after": 41}
    with pytest.raises(errors.TimedOut, match=r"not ended in 0\.05 s: a, b") as caught:
        asking(home).wait(tags="x", timeout=0.05)
    assert caught.value.details["pending"] == ["a", "b"]
    assert [end["name"] for end in caught.value.details["ended"]] == ["c"]


def test_a_text_alone_is_one_word(home: Home, peer: Peer) -> None:
    peer.answers[COLLECT] = []
    peer.answers["POST /v1/agents/kill"] = peer.answers["POST /v1/sessions/cancel"] = []
    asking(home).collect("engineer", tags="nightly")
    assert peer.last(COLLECT).query == {"word": ["engineer"], "tag": ["nightly"]}
    asking(home).kill("engineer", tags="nightly")
    assert peer.asked[-1].body == {"names": ["engineer"], "team": None, "tags": ["nightly"]}
    asking(home).cancel("engineer", tags="nightly", reason="late")
    chosen = {"words": ["engineer"], "team": None, "tags": ["nightly"], "latest": False}
    assert peer.asked[-1].body == chosen | {"reason": "late"}


def test_ask_gives_the_answer_or_says_why_there_is_none(home: Home, peer: Peer) -> None:
    peer.answers["POST /v1/sessions"] = {"name": "a", "session_id": "s-a"}
    peer.answers[SELECT] = selected(session("a", "done"))
    peer.answers["GET /v1/sessions/output"] = {"session_id": "s-a", "name": "a", "result": "42"}
    assert asking(home).ask("how many?", provider="claude", timeout="1m") == "42"
    body = peer.last("POST /v1/sessions").body
    assert (body["prompt"], body["provider"], body["timeout"]) == ("how many?", "claude", "1m")
    peer.answers[SELECT] = selected(session("a", "failed", reason="exit"))
    peer.answers[COLLECT] = [{"error": "exit (exit code 3)"}]
    with pytest.raises(errors.Failed, match=r"'a' has not succeeded: exit \(exit code 3\)") as caught:
        asking(home).ask("how many?")
    assert caught.value.details == {"session_id": "s-a", "name": "a", "state": "failed"}
    with pytest.raises(errors.BadInput, match="no end"):
        asking(home).ask("how many?", streaming=True)


def test_a_pipe_waits_and_gives_the_ids(home: Home, peer: Peer) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b", "done"))
    peer.answers[WAIT] = {"ended": [session("a", "failed") | {"success": False}], "pending": [], "after": 41}
    peer.answers[COLLECT] = [{"name": "a", "result_text": None}, {"name": "b", "result_text": "said"}]
    peer.answers["POST /v1/sessions"] = {"name": "c", "session_id": "s-c"}
    asking(home).pipe("sum up", "a", of_tags="x", tags=["y"], name="c")
    body = peer.last("POST /v1/sessions").body
    assert (body["name"], body["prompt"], body["tags"], body["pipe"]) == ("c", "sum up", ["y"], ["s-a", "s-b"])
    assert peer.last(SELECT).query == {"word": ["a"], "tag": ["x"]}
    peer.answers[COLLECT] = [{"name": "a", "result_text": None}]
    with pytest.raises(errors.Failed, match="nothing to pipe: a said nothing"):
        asking(home).pipe("sum up", "a")
    runs = [asked for asked in peer.asked if asked.path == "/v1/sessions" and asked.method == "POST"]
    assert len(runs) == 1


def test_listening_ends_with_the_sessions(home: Home, peer: Peer) -> None:
    peer.answers[SELECT] = selected(session("a"), session("b", past_session="old"))
    end = {"over": True, "ended": [session("a", "failed") | {"success": False}]}
    peer.answers["GET /v1/sessions/events"] = Lines([{"id": 7, "kind": "session.tool_call"}, end])
    heard = asking(home).listen("a", "b", types="tool_call")
    assert [event["id"] for event in heard] == [7]
    assert (heard.success, [one["name"] for one in heard.ended]) == (False, ["a"])
    query = peer.last("GET /v1/sessions/events").query
    assert query == {"word": ["s-a", "old"], "type": ["tool_call"], "after": ["0"]}


def test_the_types_are_there_and_nothing_else_is() -> None:
    for name in genie.client.__all__:
        assert getattr(genie.client, name)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = genie.client.Nothing
    assert (Path(genie.client.__file__).parents[1] / "py.typed").exists()


def test_importing_the_library_imports_little() -> None:
    script = "import json, sys; import genie.client; print(json.dumps(sorted(sys.modules)))"
    bare = [sys.executable, "-I", "-c"]
    done = subprocess.run([*bare, script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    ours = {name for name in loaded if name.partition(".")[0] == "genie"}
    assert not {f"genie.client.{late}" for late in ("rows", "asks", "start")} & ours
    assert {name for name in ours if not name.startswith("genie.client")} == {
        "genie",
        "genie.domain",
        "genie.domain.errors",
        "genie.paths",
    }
    assert not loaded & {"asyncio", "http.client", "subprocess", "typer", "psycopg", "pydantic", "email", "uuid"}
    started = subprocess.run(
        [*bare, "import json, sys; print(json.dumps(sorted(sys.modules)))"], capture_output=True, check=True
    )
    fresh = loaded - set(json.loads(started.stdout))
    assert {name.partition(".")[0] for name in fresh} - {"genie"} <= set(sys.stdlib_module_names)


def test_the_page_names_every_method() -> None:
    page = (Path(__file__).parents[2] / "docs" / "library.md").read_text()
    table = page.partition("## Methods")[2].partition("\n## ")[0]
    named = {
        word for line in re.findall(r"^\| (`[^|]*)\|", table, flags=re.MULTILINE) for word in re.findall(r"\w+", line)
    }
    assert named == {name for name in dir(Genie) if not name.startswith("_")}
