"""ls, show, explain, history, read, team, template, daemon, db, doctor: what they print."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from genie.cli.commands.db import without_password
from genie.cli.commands.read import Unrolled, trimmed
from genie.cli.describing import HEADER
from genie.cli.spans import seconds, short
from genie.paths import Home
from tests.cli.conftest import Run
from tests.cli.peer import Peer, error, row

EVENT = {
    "id": 7,
    "seq": 1,
    "at": "2026-01-01T00:00:00+00:00",
    "kind": "agent.died",
    "agent": "x",
    "name": "a",
    "session_id": None,
    "run_id": None,
    "payload": {"signal": 9, "reason": "killed by signal 9"},
}


def test_ls_is_an_aligned_table_without_colour_in_a_pipe(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [
        row("engineer"),
        row("b", state="failed", reason="exhausted", model=None, pane=None, auto_resume=False, activity=None),
    ]
    said = genie("ls")
    assert said.code == 0
    assert "\x1b" not in said.out
    header, first, second = said.out.splitlines()
    assert header.split() == list(HEADER)
    assert first.split()[:8] == ["engineer", "web", "engineer", "running", "working", "claude/opus", "1/3", "on"]
    assert second.split()[3:8] == ["failed", "-", "claude", "1/3", "off"]
    assert second.endswith("exhausted")
    assert header.index("STATE") == first.index("running") == second.index("failed")


def test_ls_says_when_a_dead_one_is_tried_again(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [
        row("a", state="dead", reason="exit code 1", next_resume_at="2999-01-01T00:00:00Z")
    ]
    assert re.search(r"exit code 1, resumes in \d+d$", genie("ls").out.rstrip())


def test_ls_as_json_and_as_names(peer: Peer, genie: Run) -> None:
    rows = [row("a"), row("b")]
    peer.answers["GET /v1/agents"] = rows
    assert genie("ls", "--json").json == rows
    assert genie("ls", "-q").out == "a\nb\n"


def test_ls_passes_its_filters_on(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = []
    genie("ls", "--team", "web", "--tag", "x", "--tag", "y", "--state", "dead", "--all")
    asked = peer.last("GET /v1/agents").query
    assert asked == {"team": ["web"], "tag": ["x", "y"], "state": ["dead"], "all": ["true"]}


def test_a_name_cannot_drive_the_terminal(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents"] = [row("a", reason="\x1b]0;owned\x07\n")]
    assert "\\x1b]0;owned\\x07\\x0a" in genie("ls").out


def test_show_prints_what_is_known(peer: Peer, genie: Run) -> None:
    told = row("a") | {
        "sessions": [
            {
                "id": "s1",
                "provider": "claude",
                "provider_session": "p1",
                "created_at": EVENT["at"],
                "ended_at": None,
                "current": True,
            }
        ],
        "runs": [
            {
                "id": "r1",
                "why": "spawn",
                "attempt": 0,
                "pane": "%1",
                "pid": 3,
                "started_at": EVENT["at"],
                "ended_at": EVENT["at"],
                "exit_code": None,
                "signal": 9,
            }
        ],
        "argv": ["claude", "--append", "two words"],
        "env_names": ["PATH"],
        "layout": "mosaic",
        "policy": {"max_attempts": 3, "cooldown": "60s", "stable_after": "5m"},
        "desired": "running",
        "tmux_socket": "/tmp/t",
    }
    peer.answers["GET /v1/agents/a"] = told
    out = genie("show", "a").out
    for words in (
        "claude --append 'two words'",
        "pane %12 (pid 4711) in web:web of /tmp/t",
        "signal 9",
        "tier 2: template",
    ):
        assert words in out
    assert genie("show", "a", "--json").json == told


def test_explain_tells_why_the_chain_and_what_is_next(peer: Peer, genie: Run) -> None:
    told = {
        "name": "a",
        "state": "dead",
        "since": EVENT["at"],
        "desired": "running",
        "why": "killed by signal 9",
        "next": {"decision": "give_up", "reason": "3 of 3 attempts are spent", "until": None, "attempt": None},
        "team": {
            "name": "web",
            "tier": 2,
            "explicit": False,
            "chain": [
                {"tier": 1, "source": "--team", "team": None, "detail": "not given"},
                {"tier": 2, "source": "template", "team": "web", "detail": "template 'engineer' pins it"},
            ],
        },
        "pane": {"sight": "pane dead", "detail": "%12"},
        "events": [EVENT],
    }
    peer.answers["GET /v1/agents/a/explain"] = told
    out = genie("explain", "a").out
    assert "a is dead since" in out
    assert "killed by signal 9" in out
    assert "give up: 3 of 3 attempts are spent" in out
    assert "web (tier 2: template)" in out
    assert re.search(r"^    1  --team +- +not given$", out, re.MULTILINE)
    assert re.search(r"^  → 2  template +web +template 'engineer' pins it$", out, re.MULTILINE)
    assert "agent.died" in out
    assert genie("explain", "a", "--json").json == told


def test_history_is_a_table_or_an_array(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/a/history"] = [EVENT]
    out = genie("history", "a", "-n", "5").out
    assert "2026-01-01 00:00:00" in out
    assert "signal=9, reason=killed by signal 9" in out
    assert peer.last("GET /v1/agents/a/history").query == {"limit": ["5"]}
    assert genie("history", "a", "--json").json == [EVENT]


def test_read_prints_the_screen_without_its_empty_end(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/agents/a/screen"] = {"text": "one\n\ntwo   \n\n\n", "pane": "%1"}
    assert genie("read", "a", "-n", "40").out == "one\n\ntwo\n"
    assert peer.last("GET /v1/agents/a/screen").query == {"lines": ["40"]}


def test_read_follow_prints_each_line_once_and_ends_with_the_agent(peer: Peer, genie: Run) -> None:
    screens = iter(["1\n2\n3", "1\n2\n3\n4", "3\n4\n5", "3\n4\n5\n6"])
    states = iter(["running", "running", "dead", "failed"])
    peer.answers["GET /v1/agents/a/screen"] = lambda _: {"text": next(screens), "pane": "%1"}
    peer.answers["GET /v1/agents/a"] = lambda _: row("a", state=next(states))
    said = genie("read", "a", "--follow")
    assert said.code == 0
    assert said.out.split() == list("123456")


def test_follow_says_only_what_changed_when_a_screen_is_repainted() -> None:
    text = Unrolled()
    assert text.new(["a", "[box]", ""]) == ["a", "[box]"]
    assert text.new(["a", "b", "[box]", ""]) == ["b"]


def test_follow_holds_a_line_that_is_being_typed() -> None:
    text = Unrolled()
    assert text.new(["$ ma"]) == []
    assert text.new(["$ make"]) == []
    assert text.new(["$ make"]) == ["$ make"]
    assert text.new(["$ make", "ok"]) == []
    assert text.rest() == ["ok"]


def test_an_empty_screen_has_no_lines() -> None:
    assert trimmed("\n \n") == []


def test_team_commands(peer: Peer, genie: Run) -> None:
    team = {
        "name": "web",
        "lead": None,
        "tmux_session": "web",
        "layout": "mosaic",
        "cwd": "/src",
        "created_at": EVENT["at"],
    }
    peer.answers["POST /v1/teams"] = team
    peer.answers["GET /v1/teams"] = [team | {"agents": 1}]
    peer.answers["GET /v1/agents"] = [row("a")]
    assert genie("team", "create", "web", "--layout", "mosaic").out == "web  session web  layout mosaic\n"
    assert peer.last("POST /v1/teams").body["layout"] == "mosaic"
    assert peer.last("POST /v1/teams").body["cwd"] == str(Path.cwd())
    assert genie("team", "ls", "-q").out == "web\n"
    assert genie("team", "show", "web", "--json").json["members"][0]["name"] == "a"
    missing = genie("team", "show", "wep")
    assert (missing.code, missing.err) == (3, "genie: there is no team 'wep' — did you mean 'web'?\n")


def test_template_ls(peer: Peer, genie: Run) -> None:
    known: Any = {
        "name": "e",
        "description": "works",
        "provider": "claude",
        "scope": "user",
        "source": "/x",
        "team": None,
    }
    known |= {"state": "ok", "problems": [], "shadows": [{"scope": "built-in", "source": "/y", "problems": []}]}
    peer.answers["GET /v1/templates"] = [known]
    lines = [line.split() for line in genie("template", "ls").out.splitlines()[1:]]
    assert lines[0] == ["e", "user", "ok", "claude", "-", "works", "/x"]
    assert lines[1] == ["e", "built-in", "shadowed", "-", "-", "-", "/y"]
    assert genie("template", "ls", "-q").out == "e\n"
    assert genie("template", "ls", "--json").json == [known]


STATUS = {
    "pid": 12,
    "since": EVENT["at"],
    "version": "0.1.0",
    "home": "/h",
    "socket": "/h/run/genie.sock",
    "log": "/h/logs/daemon.log",
    "host": "here",
    "database": {"kind": "embedded", "url": "postgresql:///genie", "state": "up", "problem": None},
    "agents": {"running": 2},
    "heartbeat": {"last": EVENT["at"], "ms": 1.25, "passes": 7},
    "rss_mb": 80.4,
}


def test_daemon_status(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/daemon"] = STATUS
    out = genie("daemon", "status").out
    assert "embedded postgresql:///genie: up" in out
    assert "2 running" in out
    assert "1.2 ms, 7 passes" in out
    assert genie("daemon", "status", "--json").json == STATUS


def test_daemon_status_does_not_start_one(home: Home, genie: Run) -> None:
    assert genie("daemon", "status").code == 7
    assert not home.root.exists()
    assert genie("daemon", "stop").out == "no daemon runs\n"


def test_daemon_logs_prints_the_end_of_the_log(peer: Peer, home: Home, genie: Run) -> None:
    log = home.logs / "daemon.log"
    log.write_text("one\ntwo\nthree\n")
    peer.answers["GET /v1/daemon"] = STATUS | {"log": str(log)}
    assert genie("daemon", "logs", "-n", "2").out == "two\nthree\n"


@pytest.mark.skipif("sys.platform != 'linux'", reason="systemd")
def test_daemon_install_print_writes_nothing(home: Home, genie: Run, tmp_path: Path) -> None:
    unit = genie("daemon", "install", "--print", XDG_CONFIG_HOME=str(tmp_path))
    assert '-m" "genie.daemon" "run"' in unit.out
    assert f'Environment="GENIE_HOME={home.root}"' in unit.out
    assert "KillMode=process" in unit.out
    assert not list(tmp_path.iterdir())


def test_install_and_uninstall_where_there_is_no_systemd(home: Home, genie: Run, tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "PATH": str(tmp_path), "HOME": str(tmp_path)}
    done = genie("daemon", "install", **environ)
    assert done.code == 0
    unit = Path(done.out.strip())
    assert unit.exists()
    assert "written, but not started" in done.err
    assert genie("daemon", "uninstall", **environ).code == 0
    assert not unit.exists()
    assert genie("daemon", "uninstall", **environ).code == 3


DATABASE = {
    "kind": "external",
    "url": "postgresql://u:***@h/d",
    "dsn": "postgresql://u:s3cret@h/d",
    "state": "up",
    "version": "18",
    "schema": "0002",
    "head": "0003",
    "psql": None,
    "problem": None,
}


def test_no_output_has_the_password(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/database"] = DATABASE
    for words in (["url"], ["url", "--json"], ["status"], ["status", "--json"]):
        said = genie("db", *words)
        assert said.code == 0
        assert "postgresql://u:***@h/d" in said.out
        assert "s3cret" not in said.out + said.err
    assert "0002 of 0003" in genie("db", "status").out


def test_psql_gets_the_password_by_its_environment(peer: Peer, genie: Run, tmp_path: Path) -> None:
    program = tmp_path / "psql"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" "$PGPASSWORD"\n')
    program.chmod(0o755)
    peer.answers["GET /v1/database"] = DATABASE | {"psql": str(program)}
    assert genie("db", "psql", "--", "-c", "select 1").out.splitlines() == [
        "-d",
        "postgresql://u@h/d",
        "-c",
        "select 1",
        "s3cret",
    ]


@pytest.mark.parametrize(
    ("dsn", "bare", "password"),
    [
        ("postgresql://u:p%40@h:5/d?x=1", "postgresql://u@h:5/d?x=1", "p@"),
        ("postgresql+psycopg://h/d", "postgresql://h/d", ""),
        ("postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg", ""),
        ("host=/s dbname=g", "host=/s dbname=g", ""),
        ("host=h password='a b' dbname=g", "host=h dbname=g", "a b"),
        ("password=x host=h", "host=h", "x"),
    ],
)
def test_a_dsn_is_parted_from_its_password(dsn: str, bare: str, password: str) -> None:
    assert without_password(dsn) == (bare, password)


def test_backup_sends_an_absolute_path(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/database/backup"] = lambda asked: {"path": asked.body["path"], "bytes": 9}
    assert genie("db", "backup", "x/../b.dump").out == f"{Path.cwd() / 'b.dump'}  9 bytes\n"


def test_restore_asks_first(peer: Peer, genie: Run, tmp_path: Path) -> None:
    file = tmp_path / "b.dump"
    assert genie("db", "restore", str(file)).code == 3
    file.touch()
    refused = genie("db", "restore", str(file))
    assert (refused.code, refused.err) == (2, "genie: this would replace the registry — say --yes\n")
    peer.answers["POST /v1/database/restore"] = {"path": str(file)}
    assert genie("db", "restore", str(file), "--yes").code == 0


def test_migrate(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/database/migrate"] = {"from": "1", "to": "2"}
    assert genie("db", "migrate").out == "schema 1 → 2\n"
    peer.answers["POST /v1/database/migrate"] = {"from": "2", "to": "2"}
    assert genie("db", "migrate").out == "schema 2, nothing to do\n"


def test_doctor_fails_when_a_check_does(peer: Peer, genie: Run) -> None:
    checks = [{"check": "tmux", "status": "ok", "detail": "3.3a", "fix": ""}]
    peer.answers["GET /v1/doctor"] = checks
    assert genie("doctor").code == 0
    checks.append({"check": "claude", "status": "fail", "detail": "not found", "fix": "install it"})
    said = genie("doctor")
    assert said.code == 1
    assert "install it" in said.out
    assert genie("doctor", "--json").json == checks


def test_doctor_looks_by_itself_when_the_daemon_cannot(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/doctor"] = (503, error("registry_away", "PostgreSQL is away", "start it"))
    said = genie("doctor", "--json")
    assert said.code == 7
    assert [check["check"] for check in said.json] == ["daemon", "tmux", "home"]


def test_config_check_names_what_does_not_read(home: Home, genie: Run) -> None:
    home.make()
    assert genie("config", "check").out == "ok\n"
    home.config.write_text("[resume]\nmax_atempts = 3\n")
    said = genie("config", "check")
    assert said.code == 2
    assert "max_attempts" in said.err
    assert genie("config", "check", "--json").json[0]["line"] == 2
    assert genie("config", "path").out == f"{home.config}\n"


def test_config_show_tells_the_origin(home: Home, genie: Run) -> None:
    rows = genie("config", "show", "--json", GENIE_RESUME__MAX_ATTEMPTS="5").json
    found = next(value for value in rows if value["key"] == "resume.max_attempts")
    assert found["value"] == "5"
    assert "GENIE_RESUME__MAX_ATTEMPTS" in found["origin"]


@pytest.mark.parametrize(("text", "span"), [("90", 90), ("1m30s", 90), ("0.5s", 0.5), ("250ms", 0.25), ("1d", 86400)])
def test_spans_are_read(text: str, span: float) -> None:
    assert seconds(text) == pytest.approx(span)


@pytest.mark.parametrize(
    ("span", "text"), [(-3, "0s"), (59, "59s"), (61, "1m"), (7199, "119m"), (7200, "2h"), (200000, "2d")]
)
def test_spans_are_written(span: float, text: str) -> None:
    assert short(span) == text
