"""Claude Code's own files: what is read, what is warned about, which transcript is the newest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from genie.adapters.teamfiles import ClaudeFiles
from genie.domain.team import ClaudeTeam

LEAD = "8f14e45f-ceea-467f-9575-1b6b1e4a2c11"
FIRST = "11111111-1111-4111-8111-111111111111"
SECOND = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "home" / ".claude"


@pytest.fixture
def env(config: Path) -> dict[str, str]:
    return {"HOME": str(config.parent)}


def write_team(config: Path, folder: str, content: object) -> Path:
    path = config / "teams" / folder / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def write_transcript(config: Path, folder: str, name: str, *, age: int) -> Path:
    path = config / "projects" / folder / f"{name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"type":"mode"}\n')
    os.utime(path, ns=(10**18 - age, 10**18 - age))
    return path


# ---- teams ----------------------------------------------------------------------------------


def test_a_team_as_claude_code_writes_it(config: Path, env: dict[str, str]) -> None:
    member = {"agentId": "w1@simone", "joinedAt": 1, "tmuxPaneId": "%3", "cwd": "/w", "isActive": True}
    write_team(
        config,
        "simone",
        {
            "name": "simone",
            "createdAt": 1,
            "leadAgentId": "team-lead@simone",
            "leadSessionId": LEAD,
            "leadProcess": {"pid": 1, "procStart": "2"},
            "members": [
                {**member, "name": "w1", "agentType": "engineer", "color": "blue"},
                {**member, "name": "w2", "agentType": "engineer"},
                {**member, "name": "engineer"},
                {**member, "name": "w3", "agentType": None},
            ],
        },
    )
    assert ClaudeFiles().teams(env=env) == (
        (ClaudeTeam("simone", LEAD, ("w1", "engineer", "w2", "w3")),),
        (),
    )


def test_a_team_that_a_genie_has_made_is_not_one_of_claudes(config: Path, env: dict[str, str]) -> None:
    write_team(config, "web", {"name": "web", "members": []})
    (config / "teams" / "web" / ".genie-team").write_text("{}", encoding="utf-8")
    assert ClaudeFiles().teams(env=env) == ((), ())


def test_teams_come_in_the_order_of_their_folders(config: Path, env: dict[str, str]) -> None:
    write_team(config, "b", {"name": "second", "leadSessionId": ""})
    write_team(config, "a", {"name": "first", "members": []})
    (config / "teams" / "c").mkdir()
    (config / "teams" / "notes.txt").write_text("no team")
    found, warnings = ClaudeFiles().teams(env=env)
    assert found == (ClaudeTeam("first", None, ()), ClaudeTeam("second", None, ()))
    assert warnings == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a team: "),
        ("null", "not a team: "),
        ("{}", "not a team: name: "),
        ('{"name": 3}', "not a team: name: "),
        ('{"name": "x", "leadSessionId": 3}', "not a team: leadSessionId: "),
        ('{"name": "x", "members": {}}', "not a team: members: "),
        ('{"name": "x", "members": ["w1"]}', "not a team: members.0: "),
        ('{"name": "x", "members": [{"agentType": "a"}]}', "not a team: members.0.name: "),
    ],
)
def test_an_unreadable_file_is_warned_about_and_skipped(
    config: Path, env: dict[str, str], content: str, said: str
) -> None:
    path = write_team(config, "broken", content)
    write_team(config, "whole", {"name": "whole"})
    found, warnings = ClaudeFiles().teams(env=env)
    assert found == (ClaudeTeam("whole", None, ()),)
    (warning,) = warnings
    assert warning.startswith(f"{path}: {said}")
    assert "\n" not in warning


def test_bytes_that_are_no_text_are_warned_about(config: Path, env: dict[str, str]) -> None:
    path = write_team(config, "broken", "")
    path.write_bytes(b'{"name": "\xff"}')
    assert ClaudeFiles().teams(env=env)[1][0].startswith(f"{path}: not JSON")


def test_a_directory_instead_of_a_file_is_warned_about(config: Path, env: dict[str, str]) -> None:
    path = config / "teams" / "odd" / "config.json"
    path.mkdir(parents=True)
    assert ClaudeFiles().teams(env=env) == ((), (f"{path}: cannot be read: Is a directory",))


def test_the_config_directory_of_the_environment_counts(
    tmp_path: Path, config: Path, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    write_team(config, "at-home", {"name": "at-home"})
    write_team(other, "elsewhere", {"name": "elsewhere"})
    write_transcript(other, "-work", FIRST, age=0)
    monkeypatch.setenv("CLAUDE_CONFIG_DIR", str(tmp_path / "of-the-daemon"))
    files = ClaudeFiles()
    moved = {**env, "CLAUDE_CONFIG_DIR": str(other)}
    assert [team.name for team in files.teams(env=moved)[0]] == ["elsewhere"]
    assert [team.name for team in files.teams(env={**env, "CLAUDE_CONFIG_DIR": ""})[0]] == ["at-home"]
    assert files.newest_session("/work", env=moved) == FIRST
    assert files.newest_session("/work", env=env) is None


@pytest.mark.parametrize("name", ["HOME", "CLAUDE_CONFIG_DIR"])
def test_nothing_there_is_no_warning(tmp_path: Path, name: str) -> None:
    files = ClaudeFiles()
    for env in ({name: str(tmp_path / "missing")}, {}):
        assert files.teams(env=env) == ((), ())
        assert files.newest_session("/work", env=env) is None


# ---- the newest session ---------------------------------------------------------------------


def test_the_newest_transcript_of_the_directory(config: Path, env: dict[str, str]) -> None:
    write_transcript(config, "-work-my-app", FIRST, age=10)
    write_transcript(config, "-work-my-app", SECOND, age=5)
    write_transcript(config, "-work-other", LEAD, age=0)
    assert ClaudeFiles().newest_session("/work/my.app", env=env) == SECOND


def test_only_transcripts_count(config: Path, env: dict[str, str]) -> None:
    write_transcript(config, "-work", FIRST, age=9)
    write_transcript(config, "-work", "notes", age=1)
    write_transcript(config, "-work", FIRST.replace("-", ""), age=1)
    write_transcript(config, f"-work/{SECOND}/subagents", LEAD, age=0)
    (config / "projects" / "-work" / f"{SECOND}.jsonl").mkdir()
    assert ClaudeFiles().newest_session("/work", env=env) == FIRST


def test_both_ways_of_naming_the_folder_are_known(config: Path, env: dict[str, str]) -> None:
    write_transcript(config, "-work-a_b c", FIRST, age=5)
    assert ClaudeFiles().newest_session("/work/a_b c", env=env) == FIRST
    write_transcript(config, "-work-a-b-c", SECOND, age=4)
    assert ClaudeFiles().newest_session("/work/a_b c", env=env) == SECOND


def test_a_directory_reached_by_a_link(tmp_path: Path, config: Path, env: dict[str, str]) -> None:
    real = tmp_path / "real"
    real.mkdir()
    link = tmp_path / "link"
    link.symlink_to(real)
    folder = "".join(letter if letter.isalnum() else "-" for letter in str(real.resolve()))
    write_transcript(config, folder, FIRST, age=0)
    assert ClaudeFiles().newest_session(str(link), env=env) == FIRST
