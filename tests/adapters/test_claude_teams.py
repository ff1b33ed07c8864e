"""Folders of Claude Code's own teams: what genie writes there, and what it leaves alone."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from genie.adapters.claude_teams import ClaudeTeams, _files, _inbox
from genie.domain.errors import Conflict, Failed, NotAllowed
from genie.domain.native import Member, Roll, Standing

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
TEAM = UUID(int=7)


@pytest.fixture
def teams(tmp_path: Path) -> ClaudeTeams:
    return ClaudeTeams(tmp_path / "records", owner="box:/home/genie")


@pytest.fixture
def roll(tmp_path: Path) -> Roll:
    directory = str(tmp_path / "claude")
    return Roll(directory=directory, name="web", team="web", lead=TEAM, created_at=NOW, members=(member("ada"),))


def member(name: str, **changed: Any) -> Member:  # noqa: ANN401
    fields: dict[str, Any] = {
        "agent": uuid4(),
        "name": name,
        "color": "green",
        "cwd": "/w",
        "model": None,
        "pane": "%3",
        "joined_at": NOW,
    }
    return Member(**fields | changed)


def folder(roll: Roll) -> Path:
    return Path(roll.directory) / "teams" / roll.name


def config(roll: Roll) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder(roll) / "config.json").read_bytes())
    return found


def names(roll: Roll) -> list[str]:
    return [one["name"] for one in config(roll)["members"]]


def say(roll: Roll, name: str, entries: object) -> Path:
    path = folder(roll) / "inboxes" / f"{name}.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries), encoding="utf-8")
    return path


# ---- config.json ----------------------------------------------------------------------------


def test_a_team_is_made_whole_and_private(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    said = config(roll)
    assert (said["name"], said["leadAgentId"], said["leadSessionId"]) == ("web", "team-lead@web", str(TEAM))
    lead, ada = said["members"]
    assert (lead["name"], lead["agentId"]) == ("team-lead", "team-lead@web")
    assert ada | {"agentId": "ada@web", "color": "green", "tmuxPaneId": "%3", "isActive": True} == ada
    assert "model" not in ada
    assert stat.S_IMODE(folder(roll).stat().st_mode) == 0o700
    assert stat.S_IMODE((folder(roll) / "config.json").stat().st_mode) == 0o600
    assert teams.rolls() == [roll]
    assert [path.name for path in folder(roll).parent.iterdir()] == ["web"]


def test_what_others_have_written_stays(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    path = folder(roll) / "config.json"
    said = config(roll)
    theirs = {"agentId": "zoe@web", "name": "zoe", "mood": ["good"]}
    said |= {"hiddenPaneIds": [1], "members": [said["members"][0], theirs, said["members"][1] | {"mode": "plan"}]}
    path.write_text(json.dumps(said), encoding="utf-8")
    path.chmod(0o640)
    grown = replace(roll, members=(*roll.members, member("bob", model="opus")))
    teams.keep(grown)
    after = config(roll)
    assert after["hiddenPaneIds"] == [1]
    assert names(roll) == ["team-lead", "zoe", "ada", "bob"]
    assert after["members"][1] == theirs
    assert (after["members"][2]["mode"], after["members"][3]["model"]) == ("plan", "opus")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    teams.keep(replace(grown, members=grown.members[1:]))
    assert names(roll) == ["team-lead", "zoe", "bob"]


def test_a_name_of_somebody_elses_is_not_taken(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    said = config(roll)
    said["members"].append({"agentId": "bob@web", "name": "bob"})
    (folder(roll) / "config.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(Conflict, match="has a member 'bob' that genie has not written"):
        teams.keep(replace(roll, members=(*roll.members, member("bob"))))


def test_whether_a_member_is_active_is_its_own_word_while_it_lives(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    (ada,) = roll.members
    said = config(roll)
    said["members"][1]["isActive"] = False
    path = folder(roll) / "config.json"
    path.write_text(json.dumps(said), encoding="utf-8")
    teams.keep(replace(roll, members=(replace(ada, color="red"),)))
    assert (config(roll)["members"][1]["color"], config(roll)["members"][1]["isActive"]) == ("red", False)
    later = replace(ada, joined_at=NOW.replace(hour=13))
    teams.keep(replace(roll, members=(later,)))
    assert config(roll)["members"][1]["isActive"] is True
    teams.keep(replace(roll, members=(replace(later, standing=Standing.AWAITED),)))
    assert config(roll)["members"][1]["isActive"] is False
    teams.keep(replace(roll, members=(replace(later, standing=Standing.ASIDE),)))
    assert names(roll) == ["team-lead"]


@pytest.mark.parametrize("torn", ["", '{"name": "we', "[]", '{"members": 3}'])
def test_a_torn_or_lost_file_is_made_again(teams: ClaudeTeams, roll: Roll, torn: str) -> None:
    teams.keep(roll)
    (folder(roll) / "config.json").write_text(torn, encoding="utf-8")
    teams.keep(roll)
    assert names(roll) == ["team-lead", "ada"]
    (folder(roll) / "config.json").unlink()
    teams.keep(roll)
    assert names(roll) == ["team-lead", "ada"]


def test_nothing_is_written_where_nothing_has_changed(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    path = folder(roll) / "config.json"
    before = path.stat().st_ino
    lock = folder(roll) / "config.json.lock"
    lock.mkdir()  # nobody waits for it either
    teams.keep(roll)
    assert path.stat().st_ino == before
    lock.rmdir()


@pytest.mark.parametrize("theirs", [{"config.json": "{}"}, {}, {".genie-team": '{"owner": "another", "team": "web"}'}])
def test_a_team_that_is_not_genies_is_left_alone(teams: ClaudeTeams, roll: Roll, theirs: dict[str, str]) -> None:
    folder(roll).mkdir(parents=True)
    for name, text in theirs.items():
        (folder(roll) / name).write_text(text, encoding="utf-8")
    with pytest.raises(Conflict, match="this genie has not made it"):
        teams.check_free(roll)
    with pytest.raises(Conflict):
        teams.keep(roll)
    assert teams.remove(roll) is None
    assert sorted(path.name for path in folder(roll).iterdir()) == sorted(theirs)


def test_two_teams_of_one_name_there_are_not_one(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    teams.check_free(roll)
    with pytest.raises(Conflict, match="team 'web' is 'web' to Claude Code already"):
        teams.check_free(replace(roll, team="w.eb"))


def test_a_file_that_cannot_be_written_is_an_error_of_genies(teams: ClaudeTeams, roll: Roll, tmp_path: Path) -> None:
    (tmp_path / "claude").write_text("no folder", encoding="utf-8")
    with pytest.raises(Failed, match=r"Not a directory|File exists"):
        teams.keep(roll)


# ---- its end --------------------------------------------------------------------------------


def test_nothing_of_genies_is_left(teams: ClaudeTeams, roll: Roll, tmp_path: Path) -> None:
    teams.keep(roll)
    teams.put(roll, "ada", "hello", id="1")
    say(roll, "team-lead", [])
    assert teams.remove(roll) is None
    assert list((tmp_path / "claude" / "teams").iterdir()) == []
    assert list((tmp_path / "records").iterdir()) == []
    assert teams.rolls() == []


def test_everything_of_others_is_left(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    teams.put(roll, "ada", "hello", id="1")
    said = config(roll)
    said["members"].append({"agentId": "zoe@web", "name": "zoe"})
    (folder(roll) / "config.json").write_text(json.dumps(said), encoding="utf-8")
    (folder(roll) / "notes").write_text("mine", encoding="utf-8")
    kept = say(roll, "zoe", [{"from": "ada", "text": "hi", "timestamp": "t"}])
    assert teams.remove(roll) == str(folder(roll))
    left = sorted(path.relative_to(folder(roll)).as_posix() for path in folder(roll).rglob("*"))
    assert left == ["config.json", "inboxes", "inboxes/zoe.json", "notes"]
    assert names(roll) == ["zoe"]
    assert kept.exists()
    assert teams.rolls() == []
    with pytest.raises(Conflict):
        teams.keep(roll)


def test_a_member_that_is_gone_leaves_no_inbox(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    teams.put(roll, "ada", "hello", id="1")
    teams.keep(replace(roll, members=(replace(roll.members[0], standing=Standing.ASIDE),)))
    assert (folder(roll) / "inboxes" / "ada.json").exists()
    teams.keep(replace(roll, members=(member("bob"),)))
    assert not (folder(roll) / "inboxes" / "ada.json").exists()


def test_what_a_crash_has_left_is_swept_and_nothing_else(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    parent = folder(roll).parent
    marked, empty, other, near = (parent / name for name in (
        ".genie-web-0123abcd", ".genie-web-aaaaaaaa", ".genie-web-bbbbbbbb", ".genie-web-site-01234567"
    ))  # fmt: skip
    for path in (marked, empty, other, near):
        path.mkdir()
    (marked / ".genie-team").write_text("{}", encoding="utf-8")
    (marked / "inboxes").mkdir()
    (other / "thing").write_text("x", encoding="utf-8")
    teams.remove(roll)
    assert sorted(path.name for path in parent.iterdir()) == [other.name, near.name]


# ---- locks, and other processes -------------------------------------------------------------


def append(path: str, count: int, name: str) -> None:
    """What a claude does when it writes to a mate, in another process."""
    for number in range(count):
        with _files.locked(Path(path)):
            entries = json.loads(Path(path).read_text(encoding="utf-8"))
            entries.append({"from": name, "text": str(number), "timestamp": "t", "msg_id": f"{name}{number}"})
            _files.write(Path(path), json.dumps(entries))


def test_no_message_is_lost_between_writers(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    path = say(roll, "team-lead", [])
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=append, args=(str(path), 40, name)) for name in ("ada", "bob")]
    for one in others:
        one.start()
    got: set[str] = set()
    end = time.monotonic() + 60
    while len(got) < 80:
        assert time.monotonic() < end, got
        found = {mail.id for mail in teams.mail(roll)}
        got |= found
        teams.drop(roll, found)
    for one in others:
        one.join(timeout=30)
        assert one.exitcode == 0
    assert teams.mail(roll) == []
    assert len(got) == 80


HOLD = """
import sys, time
from pathlib import Path
from genie.adapters.claude_teams import _files
path = Path(sys.argv[1])
while True:
    _files.write(path, sys.argv[2] * 20000 + "\\n")
    print(".", flush=True)
"""


def test_a_killed_writer_leaves_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("begun\n", encoding="utf-8")
    for letter in "abc":
        with subprocess.Popen([sys.executable, "-c", HOLD, str(path), letter], stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            writer.stdout.read(3)
            os.kill(writer.pid, signal.SIGKILL)
        assert path.read_text(encoding="utf-8") == letter * 20000 + "\n"


def test_a_held_lock_is_waited_for_and_a_stale_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    lock = tmp_path / "config.json.lock"
    lock.mkdir()
    with pytest.raises(Failed, match="held by somebody else"), _files.locked(path, patience=0.05):
        raise AssertionError("it has the lock of another")
    assert lock.exists()
    old = time.time() - 2 * _files.STALE
    os.utime(lock, (old, old))
    with _files.locked(path, patience=0.05):
        assert time.time() - lock.stat().st_mtime < _files.STALE
    assert not lock.exists()
    with pytest.raises(FileNotFoundError), _files.locked(tmp_path / "gone" / "config.json"):
        raise AssertionError("there is nothing to lock")


def test_a_lock_that_was_taken_away_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with _files.locked(path):
        (tmp_path / "config.json.lock").rmdir()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old", encoding="utf-8")
    link.symlink_to(real)
    _files.write(link, "new")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "new"


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    with pytest.raises(UnicodeEncodeError):
        _files.write(path, "\ud800")
    assert list(tmp_path.iterdir()) == []


# ---- inboxes --------------------------------------------------------------------------------


def test_a_message_is_written_once_as_claude_writes_it(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    teams.put(roll, "ada", "héllo", id="a")
    teams.put(roll, "ada", "héllo", id="a")
    teams.put(roll, "ada", "again", id="b")
    entries = json.loads((folder(roll) / "inboxes" / "ada.json").read_text(encoding="utf-8"))
    assert [one["text"] for one in entries] == ["héllo", "again"]
    first = entries[0]
    assert first | {"from": "team-lead", "msgV": 1, "msg_id": "a", "type": "message", "read": False} == first
    assert datetime.fromisoformat(first["timestamp"]).tzinfo is not None
    assert first["timestamp"].endswith("Z")


def test_only_what_was_read_is_dropped_and_rubbish_with_it(teams: ClaudeTeams, roll: Roll) -> None:
    teams.keep(roll)
    assert teams.mail(roll) == []
    teams.drop(roll, {"1"})
    old = {"from": "ada", "text": "without an id", "timestamp": "t"}
    new = {"from": "bob", "text": "later", "timestamp": "t", "msg_id": "2"}
    path = say(roll, "team-lead", [old, 3, {"from": "x"}, new])
    first, second = teams.mail(roll)
    assert (first.sender, first.text, second.id) == ("ada", "without an id", "2")
    teams.drop(roll, {first.id})
    assert json.loads(path.read_text(encoding="utf-8")) == [new]
    before = path.stat().st_ino
    teams.drop(roll, {"none"})
    assert path.stat().st_ino == before


@pytest.mark.parametrize("text", ["", "{", '{"a": 1}', "[" * 100_000])
def test_an_inbox_that_does_not_read_is_empty(teams: ClaudeTeams, roll: Roll, text: str) -> None:
    teams.keep(roll)
    say(roll, "team-lead", text)
    say(roll, "ada", text)
    assert teams.mail(roll) == []
    teams.put(roll, "ada", "hello", id="1")
    assert len(_inbox.read(folder(roll), "ada")) == 1
    (folder(roll) / "inboxes" / "team-lead.json").unlink()
    assert teams.mail(roll) == []


# ---- programs and places --------------------------------------------------------------------


def program(tmp_path: Path, says: str) -> str:
    path = tmp_path / "claude-program"
    path.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("said", ["2.1.328 (Claude Code)", "2.1.329 (Claude Code)", "2.2.0", "3.0.1"])
def test_a_version_that_is_known_to_do_it(teams: ClaudeTeams, tmp_path: Path, said: str) -> None:
    path = program(tmp_path, f"echo '{said}'")
    teams.check_program(path)
    teams.check_program(path)


@pytest.mark.parametrize(
    ("said", "told"), [("2.1.197 (Claude Code)", "claude 2.1.197 takes"), ("hello", "an unknown version")]
)
def test_a_version_that_does_not(teams: ClaudeTeams, tmp_path: Path, said: str, told: str) -> None:
    path = program(tmp_path, f"echo '{said}'")
    with pytest.raises(NotAllowed, match=told):
        teams.check_program(path)
    time_of = os.stat(path).st_mtime_ns  # noqa: PTH116
    os.utime(program(tmp_path, "echo 2.1.400"), ns=(time_of + 1, time_of + 1))
    teams.check_program(path)


def test_a_program_that_cannot_be_asked(teams: ClaudeTeams, tmp_path: Path) -> None:
    with pytest.raises(Failed):
        teams.check_program(str(tmp_path / "none"))
    path = tmp_path / "plain"
    path.write_text("no program", encoding="utf-8")
    with pytest.raises(Failed, match="cannot run"):
        teams.check_program(str(path))


def test_where_a_claude_keeps_its_teams(teams: ClaudeTeams) -> None:
    assert teams.place({"CLAUDE_CONFIG_DIR": "/c", "HOME": "/h"}) == "/c"
    assert teams.place({"HOME": "/h"}) == "/h/.claude"
    assert teams.place({}) == str(Path.home() / ".claude")
    with teams.held(), teams.held():
        assert teams.rolls() == []


def test_a_record_that_does_not_read_is_no_team(teams: ClaudeTeams, roll: Roll, tmp_path: Path) -> None:
    teams.keep(roll)
    (tmp_path / "records" / "broken.json").write_text("{", encoding="utf-8")
    assert teams.rolls() == [roll]
