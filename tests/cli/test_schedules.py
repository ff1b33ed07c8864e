"""genie schedule: a command line within a command line, and what is told of schedules."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Peer, error, row

FIRE: dict[str, Any] = {
    "due": "2026-03-01T12:00:00+00:00",
    "by_hand": False,
    "outcome": "started",
    "detail": None,
    "passed": 2,
    "agent_id": "1f0c2a34-0000-4000-8000-000000000000",
    "name": "ada",
    "session_id": "2f0c2a34-0000-4000-8000-000000000000",
    "claimed_at": "2026-03-01T12:00:00+00:00",
    "settled_at": "2026-03-01T12:00:01+00:00",
}
SCHEDULE: dict[str, Any] = {
    "id": "3f0c2a34-0000-4000-8000-000000000000",
    "name": "nightly",
    "state": "active",
    "kind": "run",
    "wanted": {"prompt": "tidy\nup", "provider": "claude", "tags": ["night"], "cwd_of": "/w", "env_names": ["A"]},
    "trigger": {"cron": "0 3 * * *"},
    "timezone": "Europe/Berlin",
    "missed": "run-once",
    "overlap": "skip",
    "next": ["2199-07-01T01:00:00+00:00"],
    "last": FIRE,
    "host": "h",
    "created_at": "2026-03-01T11:00:00+00:00",
    "created_by": "user",
}
ADD = "POST /v1/schedules"


@pytest.fixture
def added(peer: Peer, genie: Run) -> Any:  # noqa: ANN401
    """Run `genie schedule add` and return the body of its request."""
    peer.answers[ADD] = SCHEDULE

    def run(*words: str) -> dict[str, Any]:
        said = genie("schedule", "add", *words)
        assert said.code == 0, said.err
        assert [f"{asked.method} {asked.path}" for asked in peer.asked] == [ADD]
        body: dict[str, Any] = peer.last(ADD).body
        return body

    return run


def test_what_follows_is_the_body_of_the_command_that_it_is(added: Any) -> None:  # noqa: ANN401
    words = ("spawn", "ada", "--role", "engineer", "--env", "A=b", "--tag", "x", "--", "make", "--every", "run")
    body = added("nightly", "--every", "10m", "--missed", "skip", *words)
    assert (body["name"], body["kind"], body["every"], body["missed"]) == ("nightly", "spawn", "10m", "skip")
    wanted = body["wanted"]
    assert (wanted["name"], wanted["role"], wanted["env"]) == ("ada", "engineer", {"A": "b"})
    assert wanted["command"] == ["make", "--every", "run"]
    assert wanted["caller"]["cwd"]


def test_a_run_is_one_too(added: Any) -> None:  # noqa: ANN401
    body = added(
        "--paused", "nightly", "--cron", "0 3 * * *", "run", "--provider", "claude", "--timeout", "5m", "tidy up"
    )
    assert (body["kind"], body["cron"], body["paused"], body["in"]) == ("run", "0 3 * * *", True, None)
    assert body["wanted"]["prompt"] == "tidy up"
    assert body["wanted"]["timeout"]


@pytest.mark.parametrize("flags", [("--in", "5m"), ("--in=5m",)])
def test_two_dashes_may_stand_before_it(added: Any, flags: tuple[str, ...]) -> None:  # noqa: ANN401
    body = added("once", *flags, "--overlap", "allow", "--timezone", "UTC", "--", "spawn", "ada")
    assert (body["in"], body["overlap"], body["timezone"], body["wanted"]["name"]) == ("5m", "allow", "UTC", "ada")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "what is to be started"),
        (("sing",), "'sing' cannot be done later"),
        (("spawn",), "NAME"),
        (("spawn", "ada", "--nope"), "--nope"),
        (("spawn", "ada", "--wait"), "--wait"),
        (("spawn", "ada", "--json"), "--json"),
        (("spawn", "ada", "--dry-run"), "--dry-run"),
        (("spawn", "ada", "--env", "A"), "--env"),
    ],
)
def test_a_mistake_is_told_before_anybody_is_asked(peer: Peer, genie: Run, words: tuple[str, ...], told: str) -> None:
    said = genie("schedule", "add", "nightly", "--every", "1m", *words)
    assert said.code == 2
    assert told in said.err.replace("name", "NAME")
    assert peer.asked == []


def test_help_of_the_other_command_is_help(peer: Peer, genie: Run) -> None:
    said = genie("schedule", "add", "nightly", "--every", "1m", "spawn", "--help")
    assert "genie spawn" in said.out
    assert peer.asked == []


def test_a_list_says_when_and_what(peer: Peer, genie: Run) -> None:
    other: dict[str, Any] = SCHEDULE | {
        "name": "poll",
        "state": "paused",
        "trigger": {"every": 600.0},
        "next": [],
        "last": None,
    }
    once = SCHEDULE | {"name": "once", "trigger": {"at": "2026-12-01T08:00:00+00:00"}, "timezone": "No/Where"}
    peer.answers["GET /v1/schedules"] = [SCHEDULE, other, once]
    lines = genie("schedule", "ls").out.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "WHEN", "NEXT", "LAST", "WHAT"]
    assert "cron 0 3 * * *" in lines[1]
    assert "2199-07-01 03:00 (in " in lines[1]
    assert lines[1].endswith("run --provider claude --tag night 'tidy up'")
    assert "every 10m" in lines[2]
    assert "at 2026-12-01 08:00" in lines[3]
    assert genie("schedule", "ls", "-q").out == "nightly\npoll\nonce\n"
    assert genie("schedule", "ls", "--json").json == [SCHEDULE, other, once]


def test_one_is_shown_whole(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/schedules/nightly"] = SCHEDULE | {"last": FIRE | {"outcome": "failed", "detail": "no such"}}
    out = genie("schedule", "show", "nightly").out
    for text in ("Europe/Berlin", "2199-07-01 03:00", "failed", "no such", "/w", "2026-03-01 12:00 by user"):
        assert text in out
    assert genie("schedule", "show", "nightly", "--json").json["last"]["detail"] == "no such"
    peer.answers["GET /v1/schedules/nope"] = (404, error("not_found", "there is no schedule 'nope'"))
    assert genie("schedule", "show", "nope").code == 3


def test_the_history_says_what_became_of_each(peer: Peer, genie: Run) -> None:
    skipped = FIRE | {"outcome": "skipped", "detail": "it lives", "passed": 0, "name": None, "by_hand": True}
    peer.answers["GET /v1/schedules/nightly/history"] = [FIRE, skipped]
    peer.answers["GET /v1/schedules/nightly"] = SCHEDULE
    lines = genie("schedule", "history", "nightly", "-n", "2").out.splitlines()
    assert lines[1].startswith("2026-03-01 13:00")
    assert lines[1].endswith("stands for 2 more")
    assert lines[2].endswith("it lives, by hand")
    assert peer.last("GET /v1/schedules/nightly/history").query == {"limit": ["2"]}
    assert genie("schedule", "history", "nightly", "--json").json == [FIRE, skipped]
    assert genie("schedule", "history", "nightly", "-n", "1001").code == 2


def test_pause_resume_and_remove(peer: Peer, genie: Run) -> None:
    for verb in ("pause", "resume"):
        peer.answers[f"POST /v1/schedules/nightly/{verb}"] = SCHEDULE
    peer.answers["POST /v1/schedules/nightly/remove"] = {"name": "nightly", "removed": True}
    assert genie("schedule", "pause", "nightly").out.startswith("nightly  active  cron 0 3 * * *  next 2199")
    assert genie("schedule", "pause", "nightly", "-q").out == "nightly\n"
    assert genie("schedule", "resume", "nightly", "--missed", "run-all", "--json").json == SCHEDULE
    assert peer.last("POST /v1/schedules/nightly/resume").body == {"missed": "run-all"}
    assert genie("schedule", "remove", "nightly").out == "nightly  removed\n"
    assert genie("schedule", "remove", "nightly", "-q").out == "nightly\n"
    assert genie("schedule", "remove", "nightly", "--json").json == {"name": "nightly", "removed": True}


def test_run_now_tells_what_was_started(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/schedules/nightly/run"] = FIRE
    assert genie("schedule", "run-now", "nightly").out == f"nightly  started  ada  session {FIRE['session_id']}\n"
    assert genie("schedule", "run-now", "nightly", "-q").out == "ada\n"
    assert genie("schedule", "run-now", "nightly", "--json").json == FIRE


def complete(genie: Run, *words: str) -> list[str]:
    return genie("__complete", "bash", "schedule", *words).out.split()


def test_completion_knows_schedules_and_both_command_lines(peer: Peer, genie: Run) -> None:
    peer.answers["GET /v1/schedules"] = [SCHEDULE, SCHEDULE | {"name": "poll"}]
    peer.answers["GET /v1/teams"] = [row("web") | {"name": "web"}]
    assert complete(genie, "show", "n") == ["nightly"]
    assert complete(genie, "pause", "") == ["nightly", "poll"]
    assert complete(genie, "add", "x", "--missed", "run-a") == ["run-all"]
    assert complete(genie, "add", "x", "--every", "1m", "sp") == ["spawn"]
    assert complete(genie, "add", "x", "--every", "1m", "spawn", "ada", "--parent-") == ["--parent-pid"]
    assert complete(genie, "add", "x", "--every", "1m", "spawn", "ada", "--team", "") == ["web"]
