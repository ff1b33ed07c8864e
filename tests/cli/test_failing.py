"""One line, the right exit code, JSON where it was asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from genie.paths import Home
from tests.cli.conftest import Run
from tests.cli.peer import Peer, error, row

CODES = [
    ("bad_input", 400, 2),
    ("bad_template", 400, 2),
    ("bad_config", 400, 2),
    ("not_found", 404, 3),
    ("missing_program", 404, 3),
    ("conflict", 409, 4),
    ("stale", 409, 4),
    ("refused", 403, 5),
    ("foreign_pane", 403, 5),
    ("not_allowed", 422, 6),
    ("unreachable", 503, 7),
    ("registry_away", 503, 7),
    ("newer_schema", 503, 7),
    ("terminal_away", 503, 7),
    ("timed_out", 504, 124),
    ("failed", 500, 1),
    ("survivors", 500, 1),
    ("bug", 500, 1),
]


@pytest.mark.parametrize(("code", "status", "exits"), CODES)
def test_each_error_has_its_exit_code_and_one_line(code: str, status: int, exits: int, peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/a"] = (status, error(code, "no such\nthing 'a'", "look twice", id="77"))
    said = genie("show", "a")
    assert (said.code, said.out, said.err) == (exits, "", "genie: no such thing 'a' — look twice\n")
    told = genie("show", "a", "--json")
    assert told.code == exits
    assert told.json == {"error": {"code": code, "message": "no such\nthing 'a'", "hint": "look twice", "id": "77"}}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["lss"], "genie: there is no command 'lss' — did you mean 'ls'?\n"),
        (["spawn"], "genie: missing argument 'NAME' — genie spawn --help\n"),
        (["db", "uri"], "genie: no such command 'uri'. Did you mean 'url'? — genie db --help\n"),
        (["history", "a", "--limit", "x"], None),
        (["ls", "--watsh"], None),
        (["spawn", "a", "b"], None),
        (["spawn", "a", "--"], "genie: there is no command after -- — genie spawn a -- COMMAND\n"),
        (["spawn", "a", "--env", "K"], "genie: --env 'K' is not KEY=VALUE — --env K=…\n"),
        (["spawn", "a", "--timeout", "5"], "genie: --timeout bounds --wait — add --wait\n"),
        (["spawn", "a", "--wait", "--timeout", "soon"], None),
        (["spawn", "a", "--extra-args", "'"], None),
        (["spawn", "a", "--prompt", "x", "--prompt-file", "y"], None),
        (["spawn", "a", "--prompt-file", "/no/such"], None),
        (["stop"], "genie: nobody to stop was named — genie stop NAME, or --team, or --tag\n"),
        (["resume", "a", "--all"], None),
        (["completion", "tcsh"], None),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(words: list[str], line: str | None, genie: Run) -> None:
    said = genie(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("genie: ")
    assert said.err.count("\n") == 1
    assert line is None or said.err == line


def test_wrong_usage_as_json(genie: Run) -> None:
    told = genie("ls", "--watsh", "--json")
    assert told.code == 2
    assert told.json["error"]["code"] == "bad_input"


def test_json_after_the_double_dash_is_the_commands_own(genie: Run) -> None:
    assert not genie("spawn", "a", "--nope", "--", "cmd", "--json").out


def test_all_that_is_wrong_with_a_file_is_told_a_line_each(peer: Peer, genie: Run) -> None:
    each = [{"message": "f:2: field 'a'", "hint": "did you mean 'b'?"}, {"message": "f:3: field 'c'", "hint": ""}]
    peer.answers["GET /v1/agents/a"] = (400, error("bad_team_file", "f:2: field 'a'", "did you mean 'b'?", errors=each))
    said = genie("show", "a")
    assert (said.code, said.err) == (2, "genie: f:2: field 'a' — did you mean 'b'?\ngenie: f:3: field 'c'\n")


def test_what_is_wrong_with_a_configuration_is_told_with_its_place(peer: Peer, genie: Run) -> None:
    said = error("bad_config", "c.toml:1: it may not", errors=[{"message": "it may not", "line": 1}])
    peer.answers["GET /v1/agents/a"] = (400, said)
    assert genie("show", "a").err == "genie: c.toml:1: it may not\n"


def test_an_error_cannot_drive_the_terminal(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/a"] = (404, error("not_found", "no '\x1b[2J'"))
    assert genie("show", "a").err == "genie: no '\\x1b[2J'\n"


def test_a_bug_goes_to_the_log_under_an_id(home: Home, peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [{"name": "half a row"}]
    said = genie("ls")
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "Traceback" not in said.err
    number = said.err.split()[-1]
    log = (home.logs / "cli.log").read_text()
    assert number in log
    assert "KeyError" in log


def test_a_reader_that_has_enough_is_no_error(peer: Peer, environ: dict[str, str]) -> None:
    peer.answers["GET /v1/agents"] = [row(f"agent-{number}") for number in range(3000)]
    with subprocess.Popen(
        [sys.executable, "-m", "genie", "ls"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0
