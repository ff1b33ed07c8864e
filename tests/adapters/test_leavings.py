"""Logs and folders of sessions on a real disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from genie.adapters.leavings import FileLeavings
from genie.domain.errors import Failed
from genie.paths import Home
from genie.ports import Leaving, Weighed

SESSION, RUN = uuid4(), uuid4()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    found.make()
    return found


def put(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def folder(home: Home, session: UUID = SESSION) -> Path:
    made = home.sessions / str(session)
    put(made / ".genie", 0)
    put(made / "started", 4)
    os.mkfifo(made / "input")
    return made


def test_logs_and_folders_are_found_by_their_names(home: Home) -> None:
    log = put(home.session_logs / f"{SESSION}.ndjson", 100)
    rotated = put(home.session_logs / f"{SESSION}.ndjson.1", 50)
    run = put(home.run_logs / f"{RUN}.log", 7)
    older = put(home.run_logs / f"{RUN}.log.12", 3)
    there = folder(home)
    assert FileLeavings(home).files() == [
        Leaving(str(log), 100, SESSION),
        Leaving(str(rotated), 50, SESSION),
        Leaving(str(run), 7, RUN),
        Leaving(str(older), 3, RUN),
        Leaving(str(there), 4, SESSION),
    ]


def test_what_is_not_named_so_or_not_marked_or_a_link_is_nobodys(home: Home, tmp_path: Path) -> None:
    mine = put(tmp_path / "mine" / ".genie").parent
    put(home.session_logs / "notes.ndjson")
    put(home.session_logs / f"{SESSION}.ndjson.old")
    put(home.run_logs / f"{RUN}.txt")
    put(home.sessions / str(uuid4()) / "started")
    (home.session_logs / f"{uuid4()}.ndjson").symlink_to(mine / ".genie")
    (home.sessions / str(uuid4())).symlink_to(mine)
    (home.session_logs / f"{uuid4()}.ndjson").mkdir()
    assert FileLeavings(home).files() == []


def test_where_no_session_was_there_is_nothing(tmp_path: Path) -> None:
    assert FileLeavings(Home(tmp_path)).files() == []


def test_a_directory_that_is_none_is_said(tmp_path: Path) -> None:
    put(tmp_path / "logs" / "sessions")
    with pytest.raises(Failed, match=r"cannot read .*sessions: Not a directory"):
        FileLeavings(Home(tmp_path)).files()


def test_what_was_found_is_removed(home: Home) -> None:
    put(home.session_logs / f"{SESSION}.ndjson")
    folder(home)
    leavings = FileLeavings(home)
    found = leavings.files()
    for leaving in (*found, *found):
        leavings.remove(leaving)
    assert leavings.files() == []
    assert not (home.sessions / str(SESSION)).exists()


def test_a_folder_into_which_somebody_has_put_more_stays_whole(home: Home) -> None:
    there = folder(home)
    put(there / "notes.md")
    leavings = FileLeavings(home)
    (found,) = leavings.files()
    with pytest.raises(Failed, match=r"is kept: it holds notes\.md"):
        leavings.remove(found)
    assert sorted(path.name for path in there.iterdir()) == [".genie", "input", "notes.md", "started"]


def test_what_cannot_be_removed_is_said(home: Home) -> None:
    there = home.session_logs / f"{SESSION}.ndjson"
    there.mkdir()
    with pytest.raises(Failed, match=r"cannot remove .*ndjson: Is a directory"):
        FileLeavings(home).remove(Leaving(str(there), 0, SESSION))


def test_a_worktree_is_as_heavy_as_all_in_it_and_as_young_as_it_or_its_mark(home: Home, tmp_path: Path) -> None:
    path = put(tmp_path / "trees" / "fix" / "src" / "a", 30).parents[1]
    put(path / "b", 12)
    (path / "link").symlink_to("/usr")
    mark = put(path.with_name(".fix.json"))
    os.utime(path, (1000, 1000))
    os.utime(mark, (5000, 5000))
    leavings = FileLeavings(home)
    assert leavings.weigh(str(path)) == Weighed(30 + 12, datetime.fromtimestamp(5000, UTC))
    os.utime(path, (9000, 9000))
    assert leavings.weigh(str(path)).since == datetime.fromtimestamp(9000, UTC)
    assert leavings.weigh(str(tmp_path / "gone")) == Weighed(0, datetime.fromtimestamp(0, UTC))
