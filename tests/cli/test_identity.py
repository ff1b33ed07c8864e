"""whoami, env and log: what they send, and what they print."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error, row

TOKEN = "f00d" * 16
LEFT = {"children": 4, "descendants": 7, "depth": 2}
NOBODY = (404, error("not_found", "you are nobody: this is in no run of genie's", "run it in an agent's pane"))
HOSTILE = {
    "GENIE_TEAM": "it's; touch gone",
    "GENIE_MODEL": "$(touch gone) `touch gone` ${HOME} \\ \\n \" ' '' '\\''",
    "GENIE_PARENT": "line\nexport X=1; touch gone\n",
    "GENIE_ROOT": "  * ? [a-z] ~ #x \t! ",
    "GENIE_HOME": "/tmp/größe 🚀/-n",
    "GENIE_AGENT_NAME": "-e",
}


def me(**changes: object) -> dict[str, Any]:
    return row("ada", **({"root": "top", "parent": "mid", "depth": 2, "left": LEFT} | changes))


# ---- whoami ---------------------------------------------------------------------------------


def test_whoami_shows_its_token_and_nothing_else(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/whoami"] = me()
    said = genie("whoami", GENIE_AGENT_TOKEN=TOKEN, OTHER_SECRET="hush")
    assert (said.code, said.err) == (0, "")
    body = peer.last("POST /v1/whoami").body
    assert body["caller"]["env"] == {"GENIE_AGENT_TOKEN": TOKEN}
    assert body["caller"]["pid"] > 0
    assert TOKEN not in said.out
    genie("whoami")
    assert peer.last("POST /v1/whoami").body["caller"]["env"] == {}


def test_whoami_tells_all_in_lines(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/whoami"] = me(expires_at="2999-01-01T00:00:00Z")
    lines = dict(re.split(r" {2,}", line, maxsplit=1) for line in genie("whoami").out.splitlines())
    told = me()
    assert lines | {"expires": ""} == {
        "name": "ada",
        "role": "engineer",
        "team": "team web (tier 2: template)",
        "session": told["session_id"],
        "run": told["run_id"],
        "provider": "claude/opus",
        "parent": "mid",
        "root": "top",
        "depth": "2",
        "may start": "children 4, descendants 7, depth 2",
        "expires": "",
        "directory": "/src",
        "pane": "%12",
    }
    assert re.fullmatch(r"in \d+d, at 2999-01-01T00:00:00Z", lines["expires"])


def test_whoami_as_json_and_as_a_name(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/whoami"] = me(depth=0, parent=None, root="ada")
    assert genie("whoami", "--json").json == me(depth=0, parent=None, root="ada")
    assert genie("whoami", "-q").out == "ada\n"
    assert re.search(r"^depth +0$", genie("whoami").out, re.MULTILINE)


@pytest.mark.parametrize(("verb", "path"), [("whoami", "whoami"), ("env", "env"), ("log", "log")])
def test_nobody_and_a_forged_token(peer: Peer, genie: Run, verb: str, path: str) -> None:
    words = (verb, "x") if verb == "log" else (verb,)
    peer.answers[f"POST /v1/{path}"] = NOBODY
    said = genie(*words, "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "not_found")
    assert said.err == "genie: you are nobody: this is in no run of genie's — run it in an agent's pane\n"
    peer.answers[f"POST /v1/{path}"] = (403, error("refused", "not a token", token="unknown"))
    said = genie(*words, "--json")
    assert (said.code, said.json["error"]["token"]) == (5, "unknown")


# ---- env ------------------------------------------------------------------------------------


def test_env_asks_for_itself_or_another(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/env"] = {"GENIE_AGENT_NAME": "ada", "SPAWN_DEPTH": "0", "GENIE_MODEL": "a\x1b]0;x\x07\nb"}
    assert genie("env").out == "GENIE_AGENT_NAME=ada\nSPAWN_DEPTH=0\nGENIE_MODEL=a\\x1b]0;x\\x07\\x0ab\n"
    assert peer.last("POST /v1/env").body["name"] is None
    assert genie("env", "ada", "--json").json["GENIE_MODEL"] == "a\x1b]0;x\x07\nb"
    assert peer.last("POST /v1/env").body["name"] == "ada"
    assert genie("env", "--json", "--shell").code == 2


@pytest.mark.parametrize("evaluate", ['eval "$(cat "$1")"', '. "$1"'])
def test_what_a_shell_evaluates_is_what_it_gets(peer: Peer, genie: Run, tmp_path: Path, evaluate: str) -> None:
    peer.answers["POST /v1/env"] = HOSTILE
    said = genie("env", "--shell", PYTHONUTF8="1")
    assert said.code == 0
    lines = tmp_path / "lines"
    lines.write_text(said.out)
    show = 'for name in "$@"; do eval "printf \'%s\\\\0\' \\"\\$$name\\""; done'
    done = subprocess.run(
        ["sh", "-eu", "-c", f"{evaluate}; shift; {show}", "sh", str(lines), *HOSTILE],
        capture_output=True,
        check=True,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nowhere"},
    )
    assert done.stdout.decode().split("\0")[:-1] == list(HOSTILE.values())
    assert done.stderr == b""
    assert [path.name for path in tmp_path.iterdir()] == ["lines"]


# ---- log ------------------------------------------------------------------------------------


def test_log_sends_what_is_said(peer: Peer, genie: Run) -> None:
    answer = {"name": "ada", "session_id": "s", "run_id": "r", "level": "warning"}
    peer.answers["POST /v1/log"] = answer
    data = '{"größe": [1, 2.5, null, true, "🚀"], "deep": {"": []}}'
    said = genie("log", "halb ✓ 🚀\n\u2028end", "--level", "warning", "--data", data)
    assert (said.code, said.out, said.err) == (0, "", "")
    body = peer.last("POST /v1/log").body
    assert (body["message"], body["level"]) == ("halb ✓ 🚀\n\u2028end", "warning")
    assert body["data"] == json.loads(data)
    assert genie("log", "x", "--json").json == answer
    body = peer.last("POST /v1/log").body
    assert (body["message"], body["level"], body["data"]) == ("x", "info", None)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("{", "--data is not JSON: "),
        ("", "--data is not JSON: "),
        ("{'a': 1}", "--data is not JSON: "),
        ("NaN", "a number that JSON does not have"),
        ("[1e999]", "a number that JSON does not have"),
        ('"\\u0000"', "the data has a NUL character"),
        ('["\\ud800"]', "the data is not valid UTF-8"),
        ("[" * 80 + "]" * 80, "nested more than 64 deep"),
        ("[" * 30_000 + "]" * 30_000, "nested too deep"),
        (json.dumps("x" * 65_536), "the data has 65538 bytes; the limit is 64KiB"),
    ],
    ids=range(10),
)
def test_data_that_cannot_be_kept_is_not_sent(peer: Peer, genie: Run, data: str, why: str) -> None:
    said = genie("log", "x", "--data", data)
    assert said.code == 2
    assert why in said.err
    assert said.err.count("\n") == 1
    assert not [asked for asked in peer.asked if asked.path == "/v1/log"]


def test_a_message_that_cannot_be_kept_is_not_sent(peer: Peer, genie: Run) -> None:
    for message in ("x" * 65_537, b"caf\xe9"):
        said = genie("log", message)
        assert said.code == 2
        assert "the message" in said.err
    assert not [asked for asked in peer.asked if asked.path == "/v1/log"]
    peer.answers["POST /v1/log"] = {}
    assert genie("log", "é" * 32_768).code == 0


def test_levels_are_completed(genie: Run) -> None:
    assert genie("__complete", "bash", "log", "--level", "").out == "debug\ninfo\nwarning\nerror\n"
