"""The status line's program: the user's own line as it is, and now and then a word to the daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from genie.daemon.api.bodies import HookBody
from tests.adapters.test_hook import Box

PROGRAM = Path(__file__).parents[2] / "genie" / "statusline.py"
OK = b"HTTP/1.1 200 OK\r\n\r\n"


def status(project: Path, *, cost: float = 0.1, used: float = 10, more: str = "") -> bytes:
    said = {
        "workspace": {"project_dir": str(project)},
        "cost": {"total_cost_usd": cost},
        "context_window": {"used_percentage": None},
        "rate_limits": {"five_hour": {"used_percentage": used, "resets_at": 1}},
        "more": more,
    }
    return json.dumps(said, ensure_ascii=False).encode()


@dataclass
class Line:
    """A program that is run as claude would run it."""

    box: Box
    config: Path
    project: Path

    def run(
        self, payload: bytes, *, run: str = "1f0c", python: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        argv = [sys.executable, "-I", "-S", *(python or (str(PROGRAM),)), str(self.box.address), str(self.states)]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.config.parent), "CLAUDE_CONFIG_DIR": str(self.config)}
        own = {"GENIE_RUN_ID": run, "GENIE_AGENT_TOKEN": "t0k"} if run else {}
        return subprocess.run(
            argv, input=payload, env=env | own, capture_output=True, cwd=self.project, timeout=30, check=False
        )

    @property
    def states(self) -> Path:
        return self.box.directory / "states"

    def tells(self, payload: bytes) -> bool:
        """Whether the daemon is told."""
        before = len(self.box.requests)
        with self.box.daemon(OK):
            self.run(payload)
            if len(self.box.requests) == before:
                self.run(payload, run="other")  # which ends the wait
        self.box.address.unlink()
        told = b'"1f0c"' in self.box.requests[before]
        for path in self.states.glob("other"):
            path.unlink()
        return told

    def age(self, seconds: float) -> None:
        for path in self.states.iterdir():
            os.utime(path, (time.time() - seconds,) * 2)


@pytest.fixture
def line(tmux_directory: Path, tmp_path: Path) -> Line:
    made = Line(Box(tmux_directory), tmp_path / "config", tmp_path / "project")
    made.config.mkdir()
    (made.project / ".claude").mkdir(parents=True)
    return made


def own(path: Path, command: object) -> None:
    path.write_text(json.dumps({"statusLine": {"type": "command", "command": command, "padding": 2}}))


# ---- the user's own -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 10, 10**6])
def test_what_the_users_own_prints_is_printed_with_its_input_and_its_exit_code(line: Line, size: int) -> None:
    own(line.config / "settings.json", "cat; printf '\\033[31mred\\n two'; echo no >&2; exit 7")
    payload = status(line.project, more="é" * size) + b"\xff\n"
    done = line.run(payload)
    assert (done.returncode, done.stdout, done.stderr) == (7, payload + b"\x1b[31mred\n two", b"no\n")


def test_the_nearest_of_the_files_counts(line: Line) -> None:
    payload = status(line.project)
    assert line.run(payload).stdout == b""
    for path in (
        line.config / "settings.json",
        line.project / ".claude" / "settings.json",
        line.project / ".claude" / "settings.local.json",
    ):
        own(path, f"echo {path.parent.name}/{path.name}")
        assert line.run(payload).stdout.decode().strip() == f"{path.parent.name}/{path.name}"
    own(line.project / ".claude" / "settings.local.json", " ")
    assert line.run(payload).stdout == b".claude/settings.json\n"


@pytest.mark.parametrize(
    "said", ["", "torn {", "[]", '{"statusLine": 7}', '{"statusLine": {"command": ["a"]}}', "\ufeff{}"]
)
def test_a_file_that_says_nothing_is_passed_over(line: Line, said: str) -> None:
    own(line.config / "settings.json", "echo mine")
    (line.project / ".claude" / "settings.json").write_text(said)
    assert line.run(status(line.project)).stdout == b"mine\n"


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"[[[[", b"7", b"\xff\xfe", b'{"workspace": 7, "cost": {"total_cost_usd": "x"}}']
)
def test_whatever_it_is_given_the_users_own_is_shown(line: Line, payload: bytes) -> None:
    own(line.config / "settings.json", "cat; echo mine")
    done = line.run(payload)
    assert (done.returncode, done.stdout, done.stderr) == (0, payload + b"mine\n", b"")


def test_it_is_shown_where_nothing_can_be_kept_nor_told(line: Line) -> None:
    own(line.config / "settings.json", "echo mine")
    line.states.write_text("in the way")
    assert line.run(status(line.project)).stdout == b"mine\n"
    argv = [sys.executable, "-I", "-S", str(PROGRAM)]
    env = {"CLAUDE_CONFIG_DIR": str(line.config)}
    done = subprocess.run(argv, input=b"{}", env=env, capture_output=True, timeout=30, check=False)
    assert done.stdout == b"mine\n"


def test_a_daemon_that_hangs_keeps_the_line_for_a_moment_once(line: Line) -> None:
    own(line.config / "settings.json", "echo mine")
    with line.box.daemon(None):
        started = time.monotonic()
        assert line.run(status(line.project)).stdout == b"mine\n"
        assert 0.25 < time.monotonic() - started < 10
        before = len(line.box.requests)
        line.run(status(line.project, cost=99))
        assert len(line.box.requests) == before


# ---- the daemon -----------------------------------------------------------------------------


def test_the_daemon_is_told_what_claude_has_told(line: Line) -> None:
    payload = status(line.project, more="é")
    assert line.tells(payload)
    body = HookBody.model_validate_json(line.box.requests[0].partition(b"\r\n\r\n")[2])
    assert (body.event, body.run, body.token) == ("claude.StatusLine", "1f0c", "t0k")
    assert body.payload.encode() == payload
    assert body.at == pytest.approx(time.time(), abs=20)
    assert (line.states / "1f0c").stat().st_mode & 0o777 == 0o600
    assert line.states.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("age", "cost", "used", "told"),
    [
        (30, 0.1, 10, False),
        (30, 0.12, 10.5, False),
        (30, 0.2, 10, True),
        (30, 0.1, 11, True),
        (1, 9, 90, False),
        (61, 0.1, 10, True),
        (-100, 0.1, 10, True),
    ],
)
def test_it_is_told_what_has_changed_and_not_too_often(
    line: Line, age: float, cost: float, used: float, told: bool
) -> None:
    assert line.tells(status(line.project))
    line.age(age)
    assert line.tells(status(line.project, cost=cost, used=used)) is told


def test_a_state_that_is_torn_is_as_none(line: Line) -> None:
    line.states.mkdir()
    (line.states / "1f0c").write_text("torn")
    assert line.tells(status(line.project))


def test_outside_of_any_run_nothing_is_told_nor_kept(line: Line) -> None:
    line.run(status(line.project), run="")
    line.run(status(line.project), run="../odd")
    assert not line.states.exists()


def test_what_runs_of_the_past_have_left_is_removed(line: Line) -> None:
    line.run(status(line.project), run="old")
    line.age(90_000)
    line.run(status(line.project), run="new")
    assert [path.name for path in line.states.iterdir()] == ["new"]


def test_another_python_than_cpython_reads_the_same(line: Line) -> None:
    own(line.config / "settings.json", "echo mine")
    begin = "import sys, json; sys.modules['_json'] = None; sys.argv = sys.argv[1:]; "
    code = f"{begin}exec(compile(open(sys.argv[0]).read(), 'x', 'exec'))"
    done = line.run(status(line.project), python=("-c", code, str(PROGRAM)))
    assert (done.stdout, done.stderr) == (b"mine\n", b"")
    assert (line.states / "1f0c").read_text() == "0.1 -1.0 10.0 -1.0"
