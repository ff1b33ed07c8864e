"""spawn, stop, resume, kill: what they ask of the daemon and what they tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.peer import Asked, Peer, error, row

ANSWER = row("engineer") | {"decision": "create", "reason": "", "overrides": [], "warnings": []}


@pytest.fixture
def spawned(peer: Peer, genie: Run) -> Any:  # noqa: ANN401
    """Run `genie spawn` and return the body of its request."""
    peer.answers["POST /v1/agents"] = ANSWER

    def run(*words: str | bytes, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        said = genie("spawn", *words, **more)
        assert said.code == 0, said.err
        body: dict[str, Any] = peer.last("POST /v1/agents").body
        return body

    return run


def test_spawn_prints_one_line(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = ANSWER | {"warnings": ["its session is not the team's"]}
    said = genie("spawn", "engineer")
    assert said.out == "engineer  running  team web (tier 2: template)  session 1f0c…  pane %12\n"
    assert said.err == "genie: its session is not the team's\n"


def test_spawn_says_first_that_it_resumed_or_made_a_parallel(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = ANSWER | {"decision": "resume", "reason": "it was suspended"}
    assert genie("spawn", "engineer").out.startswith("resumed engineer: it was suspended\nengineer  running")
    peer.answers["POST /v1/agents"] = ANSWER | {"name": "engineer-1f0c", "decision": "parallel", "reason": "it runs"}
    assert genie("spawn", "engineer").out.startswith("made a parallel, engineer-1f0c: it runs\nengineer-1f0c  ")


def test_a_team_of_one_has_no_tier(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = ANSWER | {"team": "engineer", "team_tier": None}
    assert "team engineer (a team of one)" in genie("spawn", "engineer").out


def test_spawn_as_json_and_as_a_name(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = ANSWER
    assert genie("spawn", "engineer", "--json").json == ANSWER
    assert genie("spawn", "engineer", "-q").out == "engineer\n"


FLAGS: list[tuple[list[str], str, Any]] = [
    (["--provider", "codex"], "provider", "codex"),
    (["--team", "web"], "team", "web"),
    (["--role", "lead"], "role", "lead"),
    (["--model", "opus"], "model", "opus"),
    (["--skill", "tdd"], "skill", "tdd"),
    (["--prompt", "do it"], "prompt", "do it"),
    (["--new-window"], "new_window", True),
    (["--window", "w"], "window", "w"),
    (["--layout", "vertical"], "layout", "vertical"),
    (["--color", "red"], "color", "red"),
    (["--plan-mode"], "plan_mode", True),
    (["--permission-mode", "plan"], "permission_mode", "plan"),
    (["--extra-args", "--a 'b c'", "--extra-args", "d"], "extra_args", ["--a", "b c", "d"]),
    (["--cwd", "/x"], "cwd", "/x"),
    (["--session", "s"], "session", "s"),
    (["--no-auto-resume"], "auto_resume", False),
    ([], "auto_resume", None),
    (["--on-resume", "go on"], "on_resume", "go on"),
    (["--env", "A=1=2", "--env", "B="], "env", {"A": "1=2", "B": ""}),
    (["--tag", "x", "--tag", "y"], "tags", ["x", "y"]),
    (["--description", "d"], "description", "d"),
    (["--parent", "p"], "parent", "p"),
    (["--parent-pid", "7"], "parent_pid", 7),
    (["--restart", "always"], "restart", "always"),
    ([], "worktree", None),
    (["--worktree"], "worktree", ""),
    (["--worktree", "--plan-mode"], "worktree", ""),
    (["--worktree", "--", "make"], "worktree", ""),
    (["--worktree", "fix"], "worktree", "fix"),
    (["--worktree=fix"], "worktree", "fix"),
    (["--", "sh", "-c", "echo --json"], "command", ["sh", "-c", "echo --json"]),
    (["--", "--", "x"], "command", ["--", "x"]),
]


@pytest.mark.parametrize(("words", "key", "value"), FLAGS, ids=lambda value: str(value))
def test_every_flag_of_spawn_reaches_the_daemon(spawned: Any, words: list[str], key: str, value: Any) -> None:  # noqa: ANN401
    assert spawned("engineer", *words)[key] == value


def test_prompts_come_from_stdin_and_from_files(spawned: Any, tmp_path: Path) -> None:  # noqa: ANN401
    assert spawned("a", "--prompt", "-", stdin=b"long\n\xff\0")["prompt"] == "long\n\udcff\0"
    file = tmp_path / "prompt.md"
    file.write_text("from a file")
    assert spawned("a", "--prompt-file", str(file))["prompt"] == "from a file"


def test_words_that_are_no_utf8_reach_the_daemon(spawned: Any) -> None:  # noqa: ANN401
    assert spawned("a", b"--prompt", b"\xff\xfe")["prompt"] == "\udcff\udcfe"


def test_the_caller_is_told_with_its_environment(spawned: Any) -> None:  # noqa: ANN401
    caller = spawned("a", GENIE_TEAM="web", TMUX_PANE="%3")["caller"]
    assert (caller["env"]["GENIE_TEAM"], caller["env"]["TMUX_PANE"]) == ("web", "%3")
    assert caller["cwd"] == str(Path.cwd())


def test_a_dry_run_prints_the_plan(peer: Peer, genie: Run) -> None:
    plan = {
        "dry_run": True,
        "name": "engineer",
        "decision": "create",
        "reason": "there is none",
        "template": {"name": "engineer", "source": "/a/AGENTS.md", "scope": "user"},
        "team": "web",
        "team_tier": 3,
        "team_explicit": False,
        "team_chain": [{"tier": 3, "source": "$GENIE_TEAM", "team": "web", "detail": "set"}],
        "overrides": [],
        "warnings": ["careful"],
        "provider": "claude",
        "model": None,
        "argv": ["claude", "a b"],
        "cwd": "/src",
        "env_names": ["PATH"],
        "tmux_session": "web",
        "window": "web",
        "layout": "mosaic",
        "color": "blue",
        "restart": "on-failure",
        "auto_resume": True,
        "parent": "lead",
        "depth": 1,
        "ttl": 90.0,
        "limits": {"children": 5, "memory": 2**30},
    }
    peer.answers["POST /v1/agents"] = plan
    said = genie("spawn", "engineer", "--dry-run")
    assert peer.last("POST /v1/agents").body["dry_run"] is True
    for words in (
        "engineer (user, /a/AGENTS.md)",
        "create: there is none",
        "claude 'a b'",
        "→ 3  $GENIE_TEAM",
        "lead, at depth 1",
        "90 s",
        "children 5",
        "memory 1GiB",
        "nothing was started",
    ):
        assert words in said.out
    assert said.err == "genie: careful\n"
    assert genie("spawn", "engineer", "--dry-run", "--json").json == plan


@pytest.mark.parametrize(("state", "code"), [("done", 0), ("failed", 1), ("terminated", 1), ("suspended", 1)])
def test_wait_ends_with_the_agent(peer: Peer, genie: Run, state: str, code: int) -> None:
    peer.answers["POST /v1/agents"] = ANSWER
    wait, ended = "POST /v1/sessions/wait", row("engineer", state=state, reason="exit", exit_code=3)
    known = {key: ended[key] for key in ("name", "session_id", "state", "reason")} | {"agent_id": "id"}
    found = known | {"state": "running", "ended": False, "past_session": None}
    peer.answers["GET /v1/sessions"] = {"sessions": [found], "notes": [], "after": 4}
    peer.answers[wait] = {"ended": [known | {"success": code == 0}], "pending": [], "after": 5}
    peer.answers["GET /v1/agents/engineer"] = ended
    said = genie("spawn", "engineer", "--wait", "--timeout", "1m", "--json")
    assert said.code == code
    assert (said.json["state"], said.json["exit_code"], said.json["decision"]) == (state, 3, "create")
    assert peer.last("GET /v1/sessions").query == {"word": [ANSWER["session_id"]]}
    assert peer.last(wait).body["timeout"] == pytest.approx(60, abs=5)


def test_wait_that_takes_too_long_is_124(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents"] = ANSWER
    one = {"name": "engineer", "session_id": "s", "agent_id": "id", "state": "running", "reason": None}
    found = one | {"ended": False, "past_session": None}
    peer.answers["GET /v1/sessions"] = {"sessions": [found], "notes": [], "after": 4}
    peer.answers["POST /v1/sessions/wait"] = {"ended": [], "pending": [found], "after": 5}
    said = genie("spawn", "engineer", "--wait", "--timeout", "0.01s")
    assert said.code == 124
    assert said.err == "genie: not ended in 0.01 s: engineer — they go on; wait again\n"
    assert said.out.startswith("engineer  running")


def outcomes(asked: Asked) -> list[dict[str, object]]:
    return [
        {"name": name, "state": "suspended", "outcome": "stopped", "detail": "", "error": None}
        for name in asked.body["names"]
    ]


def alone(asked: Asked) -> list[dict[str, object]]:
    """A tree of one."""
    return [row(asked.query["name"][0])]


@pytest.mark.parametrize("verb", ["stop", "resume", "kill"])
def test_several_names_and_selections(peer: Peer, genie: Run, verb: str) -> None:
    peer.answers[f"POST /v1/agents/{verb}"] = outcomes
    peer.answers["GET /v1/agents"] = [row("a")]
    peer.answers["GET /v1/tree"] = alone
    said = genie(verb, "a", "b", "--team", "web", "--tag", "x")
    assert said.out == "a  suspended  stopped\nb  suspended  stopped\n"
    body = peer.last(f"POST /v1/agents/{verb}").body
    assert (body["names"], body["team"], body["tags"]) == (["a", "b"], "web", ["x"])
    assert genie(verb, "a", "-q").out == "a\n"
    assert genie(verb, "a", "--json").json[0]["outcome"] == "stopped"


def test_resume_all(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents/resume"] = []
    assert genie("resume", "--all").code == 0
    assert peer.last("POST /v1/agents/resume").body["all"] is True


def test_one_that_fails_decides_the_exit_code_and_the_others_are_told(peer: Peer, genie: Run) -> None:
    peer.answers["POST /v1/agents/stop"] = [
        {"name": "a", "state": "suspended", "outcome": "stopped", "detail": "", "error": None},
        {
            "name": "b",
            "state": "done",
            "outcome": "failed",
            "detail": "",
            **error("not_allowed", "'b' is done", "see it"),
        },
    ]
    peer.answers["GET /v1/tree"] = alone
    said = genie("stop", "a", "b")
    assert said.code == 6
    assert "a  suspended  stopped\n" in said.out
    assert said.err == "genie: 'b' is done — see it\n"


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_to_end_many_needs_a_yes(peer: Peer, genie: Run, verb: str) -> None:
    peer.answers["GET /v1/agents"] = [row(f"a{number}") for number in range(6)]
    peer.answers[f"POST /v1/agents/{verb}"] = []
    refused = genie(verb, "--team", "web")
    assert (refused.code, refused.err) == (2, f"genie: this would {verb} 6 agents — say --yes\n")
    assert not [asked for asked in peer.asked if asked.method == "POST"]
    assert genie(verb, "--team", "web", "--yes").code == 0
    peer.answers["GET /v1/agents"] = [row(f"a{number}") for number in range(5)]
    peer.answers["GET /v1/tree"] = alone
    assert genie(verb, "--team", "web").code == 0


@pytest.mark.parametrize("verb", ["stop", "kill"])
def test_who_would_end_with_them_counts(peer: Peer, genie: Run, verb: str) -> None:
    peer.answers[f"POST /v1/agents/{verb}"] = []
    family = [row("top"), *(row(f"a{number}", parent="top") for number in range(4)), row("gone", state="terminated")]
    peer.answers["GET /v1/tree"] = family
    assert genie(verb, "top").code == 0
    family.append(row("a5", parent="top"))
    refused = genie(verb, "top")
    assert (refused.code, refused.err) == (2, f"genie: this would {verb} 6 agents — say --yes\n")
    assert genie(verb, "top", "--yes").code == 0
    family[0]["termination"] = "orphan"
    assert genie(verb, "top").code == 0
