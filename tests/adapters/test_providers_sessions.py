"""Continuing conversations: transcripts of claude, rollouts of codex."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genie.adapters.providers import InstalledProviders
from genie.adapters.providers.claude import find_transcript, slug
from genie.domain.session import Session
from genie.ports import Ask
from tests.adapters.test_providers import SESSION, bin_dir, make_ask, prompts, session_of

__all__ = ["bin_dir"]

CLAUDE = InstalledProviders({}).get("claude")
CODEX = InstalledProviders({}).get("codex")
MESSAGE = json.dumps({"type": "user", "message": {"role": "user", "content": "hi"}})
MODE = json.dumps({"type": "mode", "mode": "normal"})


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "project").mkdir()
    return {"HOME": str(tmp_path), "CODEX_HOME": str(tmp_path / "codex")}


def transcript(home: dict[str, str], *lines: str, folder: str | None = None) -> Path:
    cwd = Path(home["HOME"], "project").resolve()
    path = Path(home["HOME"], ".claude", "projects", folder or slug(str(cwd)), f"{SESSION}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines), encoding="utf-8")
    return path


def claude_session(ask: Ask, home: dict[str, str]) -> Session:
    return session_of(CLAUDE.plan(ask), str(Path(home["HOME"]) / "project"))


# ---- claude ---------------------------------------------------------------------------------


@given(
    prompt=st.none() | prompts,
    role=st.text(max_size=30).filter(lambda text: "\0" not in text),
    extra=st.lists(st.sampled_from(["--verbose", "--ide", "--add-dir", "/x"]), max_size=3),
    model=st.none() | st.sampled_from(["small", "--session-id"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_resume_differs_only_in_session_flag_and_prompt(
    prompt: str | None, role: str, extra: list[str], model: str | None, bin_dir: Path, home: dict[str, str]
) -> None:
    transcript(home, MODE, "\n", MESSAGE, "\n")
    try:
        ask = make_ask(bin_dir, prompt=prompt, role_prompt=role, extra_args=tuple(extra), model=model)
        session = claude_session(ask, home)
    except UnicodeEncodeError:
        raise AssertionError("a text that cannot be encoded must be refused as BadInput") from None
    resumed = CLAUDE.resume(session.launch, session=session, env=home)
    spawned = session.launch.argv
    rest = spawned[3:] if prompt is None else spawned[3:-2]
    assert resumed == (spawned[0], "--resume", str(SESSION), *rest)
    assert CLAUDE.can_resume(session, env=home)


@pytest.mark.parametrize(
    "lines",
    [
        (MODE, "\n", MESSAGE, "\n"),
        (json.dumps({"type": "assistant", "message": {}}, separators=(",", ":")), "\n"),
        ("{torn", "\n", MESSAGE, "\n"),
        (MESSAGE, "\n", MESSAGE[:20]),
        (json.dumps({"type": "mode", "x": "y" * 3_000_000}), "\n", MESSAGE, "\n"),
    ],
)
def test_a_transcript_with_a_message_is_continued(lines: tuple[str, ...], bin_dir: Path, home: dict[str, str]) -> None:
    path = transcript(home, *lines)
    session = claude_session(make_ask(bin_dir, prompt="go"), home)
    argv = CLAUDE.resume(session.launch, session=session, env=home)
    assert argv[1:3] == ("--resume", str(SESSION))
    assert "go" not in argv
    assert path.is_file()


@pytest.mark.parametrize(
    "lines", [(), (MODE, "\n"), (MODE, "\n", MESSAGE[:-3]), (json.dumps({"type": "system", "content": '"user"'}), "\n")]
)
def test_without_a_message_it_starts_anew_with_the_same_id_and_its_prompt(
    lines: tuple[str, ...], bin_dir: Path, home: dict[str, str]
) -> None:
    path = transcript(home, *lines)
    session = claude_session(make_ask(bin_dir, prompt="go"), home)
    assert CLAUDE.resume(session.launch, session=session, env=home) == session.launch.argv
    # The real program refuses an id whose file is there, so the file is kept under another name.
    assert not path.exists()
    assert path.with_name(f"{path.name}.without-message").read_text() == "".join(lines)


def test_without_a_transcript_it_starts_anew(bin_dir: Path, home: dict[str, str]) -> None:
    session = claude_session(make_ask(bin_dir, prompt="go"), home)
    assert CLAUDE.resume(session.launch, session=session, env=home) == session.launch.argv
    assert CLAUDE.can_resume(session, env=home)


def test_a_conversation_that_got_another_id_goes_on_under_it(bin_dir: Path, home: dict[str, str]) -> None:
    other = str(uuid4())
    transcript(home, MESSAGE, "\n").rename(transcript(home, MESSAGE, "\n").with_name(f"{other}.jsonl"))
    session = replace(claude_session(make_ask(bin_dir), home), provider_session=other)
    assert CLAUDE.resume(session.launch, session=session, env=home)[1:3] == ("--resume", other)
    assert CLAUDE.find_session(session, env=home, since=datetime.now(UTC), pid=1) == other


def test_transcripts_are_found_where_the_program_keeps_them(home: dict[str, str], tmp_path: Path) -> None:
    cwd = str(tmp_path / "project")
    path = transcript(home, MESSAGE)
    assert find_transcript(str(SESSION), cwd=cwd, env=home) == path
    link = tmp_path / "link"
    link.symlink_to(cwd)
    assert find_transcript(str(SESSION), cwd=str(link), env=home) == path
    elsewhere = {"HOME": "/nonexistent", "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}
    assert find_transcript(str(SESSION), cwd=cwd, env=elsewhere) == path
    assert find_transcript(str(uuid4()), cwd=cwd, env=home) is None
    path.unlink()
    # A long path is cut by the program, with a checksum that only it knows.
    cut = transcript(home, MESSAGE, folder="-very-long-q5x75r")
    assert find_transcript(str(SESSION), cwd=cwd, env=home) == cut


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/tmp/w/proj_x.y z+ü", "-tmp-w-proj-x-y-z--"),
        ("/tmp/w/emo😀ji", "-tmp-w-emo--ji"),
        ("/tmp/w/q'uote\"$(x)`", "-tmp-w-q-uote---x--"),
    ],
)
def test_folders_are_named_as_the_real_program_names_them(path: str, folder: str) -> None:
    assert slug(path) == folder


# ---- codex ----------------------------------------------------------------------------------


def rollout(
    home: dict[str, str],
    said: str | None = "go",
    *,
    cwd: str | None = None,
    at: datetime | None = None,
    source: object = "cli",
) -> tuple[str, Path]:
    ident, begun = str(uuid4()), at or datetime.now(UTC)
    folder = Path(home["CODEX_HOME"], "sessions", begun.strftime("%Y/%m/%d"))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rollout-{begun:%Y-%m-%dT%H-%M-%S}-{ident}.jsonl"
    where = cwd or str(Path(home["HOME"], "project").resolve())
    stamp = begun.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    records: list[tuple[str, dict[str, object]]] = [
        ("session_meta", {"id": ident, "timestamp": stamp, "cwd": where, "source": source}),
        ("response_item", _user("<environment_context>\n</environment_context>")),
    ]
    if said is not None:
        records.append(("response_item", _user(said)))
    path.write_text("".join(json.dumps({"type": kind, "payload": payload}) + "\n" for kind, payload in records))
    return ident, path


def _user(text: str) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def codex_session(ask: Ask, home: dict[str, str]) -> Session:
    plan = CODEX.plan(ask)
    assert plan.provider_session is None
    return session_of(plan, str(Path(home["HOME"]) / "project"), name="codex")


@contextmanager
def holding(*paths: Path, child: bool = False) -> Iterator[int]:
    """A process that holds files open, itself or by a child; its pid."""
    opened = "import sys; files = [open(p, 'a') for p in sys.argv[1:]]; print(flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", opened, *map(str, paths)]
    if child:
        words = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *words]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


def find(session: Session, home: dict[str, str], pid: int, since: datetime | None = None) -> str | None:
    return CODEX.find_session(session, env=home, since=since or datetime.now(UTC) - timedelta(minutes=1), pid=pid)


@pytest.mark.parametrize("child", [False, True])
def test_the_rollout_that_the_process_holds_is_its_session(child: bool, bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    (mine, path), (theirs, other) = rollout(home), rollout(home)
    with holding(path, child=child) as me, holding(other) as them:
        assert find(session, home, me) == mine
        assert find(session, home, them) == theirs


def test_a_living_process_that_holds_none_has_no_session_yet(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    rollout(home)
    with holding() as pid:
        assert find(session, home, pid) is None


def test_rollouts_of_helpers_do_not_count(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    (mine, path), (_, helper) = rollout(home), rollout(home, source={"subagent": "review"})
    with holding(path, helper) as pid:
        assert find(session, home, pid) == mine
    (_, second) = rollout(home)
    with holding(path, second) as pid:
        assert find(session, home, pid) is None


def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_of_a_dead_process_the_prompt_tells_the_session(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="<go> 'now'\n"), home)
    rollout(home, "another task")
    rollout(home, None)
    rollout(home, "<go> 'now'\n", cwd="/elsewhere")
    rollout(home, "<go> 'now'\n", at=datetime.now(UTC) - timedelta(days=2))
    rollout(home, "<go> 'now'\n", at=datetime.now(UTC) - timedelta(minutes=5))
    assert find(session, home, dead_pid()) is None
    mine, _ = rollout(home, "<go> 'now'\n")
    assert find(session, home, dead_pid()) == mine
    rollout(home, "<go> 'now'\n")
    assert find(session, home, dead_pid()) is None


def test_nothing_can_be_told_of_a_dead_process_without_a_prompt(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir), home)
    rollout(home)
    assert find(session, home, dead_pid()) is None


@pytest.mark.parametrize("damage", ["", "{", "[]\n", '{"type":"session_meta","payload":{"cwd":1}}\n', "\xff\n"])
def test_a_damaged_rollout_is_nobodys(damage: str, bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    _, path = rollout(home)
    path.write_text(damage, encoding="latin-1")
    assert find(session, home, dead_pid()) is None


@given(prompt=st.none() | prompts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_codex_goes_on_by_its_own_id(prompt: str | None, bin_dir: Path, home: dict[str, str]) -> None:
    ident = str(uuid4())
    session = codex_session(make_ask(bin_dir, prompt=prompt, role_prompt="Be brief.", model="gpt-x"), home)
    known = replace(session, provider_session=ident)
    spawned = session.launch.argv
    rest = spawned[1:] if prompt is None else spawned[1:-2]
    assert CODEX.resume(session.launch, session=known, env=home) == (spawned[0], "resume", ident, *rest)
    assert CODEX.resume(session.launch, session=session, env=home) == spawned
    assert CODEX.can_resume(session, env=home)


def test_codex_is_not_told_twice_when_its_id_was_never_learned(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    ident, _ = rollout(home)
    argv = CODEX.resume(session.launch, session=session, env=home)
    assert argv[1:3] == ("resume", ident)
    assert "go" not in argv


def test_codex_home_is_in_the_users_home_by_default(bin_dir: Path, home: dict[str, str]) -> None:
    session = codex_session(make_ask(bin_dir, prompt="go"), home)
    ident, _ = rollout({**home, "CODEX_HOME": str(Path(home["HOME"], ".codex"))})
    assert find(session, {"HOME": home["HOME"]}, dead_pid()) == ident
    assert os.fspath(home["CODEX_HOME"]) != str(Path(home["HOME"], ".codex"))
