"""Which session a process of Claude Code is in now, by its own list of them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from genie.adapters.providers import InstalledProviders
from genie.adapters.providers._registered import open_session
from tests.adapters.test_providers import SESSION, bin_dir, make_ask, session_of
from tests.fakes.agent import start_of

__all__ = ["bin_dir"]

CLAUDE = InstalledProviders({}).get("claude")
ME = os.getpid()
pytestmark = pytest.mark.skipif(not start_of(ME), reason="start times are told by /proc")


def entry(config: Path, **changed: object) -> None:
    (config / "sessions").mkdir(parents=True, exist_ok=True)
    told = {"pid": ME, "sessionId": "theirs", "procStart": start_of(ME), "status": "idle"}
    (config / "sessions" / f"{ME}.json").write_text(json.dumps(told | changed))


def test_a_live_process_says_which_session_it_is_in(tmp_path: Path) -> None:
    entry(tmp_path)
    assert open_session(tmp_path, ME) == "theirs"
    entry(tmp_path, procStart=int(start_of(ME)))
    assert open_session(tmp_path, ME) == "theirs"


@pytest.mark.parametrize(
    "changed", [{"pid": 1}, {"procStart": "7"}, {"procStart": None}, {"sessionId": ""}, {"sessionId": 7}]
)
def test_an_entry_that_another_process_has_left_says_nothing(tmp_path: Path, changed: dict[str, object]) -> None:
    entry(tmp_path, **changed)
    assert open_session(tmp_path, ME) is None


@pytest.mark.parametrize("content", ["", "[1]", "{", "\xff"])
def test_what_is_no_entry_says_nothing(tmp_path: Path, content: str) -> None:
    entry(tmp_path)
    (tmp_path / "sessions" / f"{ME}.json").write_text(content, encoding="latin-1")
    assert open_session(tmp_path, ME) is None
    assert open_session(tmp_path, 2**22 + 1) is None


def test_an_entry_of_a_process_that_is_gone_says_nothing(tmp_path: Path) -> None:
    gone = 2**22 + 1
    entry(tmp_path, pid=gone)
    (tmp_path / "sessions" / f"{ME}.json").rename(tmp_path / "sessions" / f"{gone}.json")
    assert open_session(tmp_path, gone) is None


def test_a_session_that_was_cleared_has_another_transcript(tmp_path: Path, bin_dir: Path) -> None:
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    session = session_of(CLAUDE.plan(make_ask(bin_dir)), "/")
    now = datetime.now(UTC)
    assert CLAUDE.find_session(session, env=env, since=now, pid=ME) == str(SESSION)
    other = str(uuid4())
    entry(tmp_path, sessionId=other)
    assert CLAUDE.find_session(session, env=env, since=now, pid=ME) == other
    path = tmp_path / "projects" / "-" / f"{other}.jsonl"
    path.parent.mkdir(parents=True)
    path.touch()
    assert CLAUDE.transcript(replace(session, provider_session=other), env=env) == (str(path), "transcript")
