"""Commands of the user's run to their end or are ended, the desktop is asked by its own program, and what is
remembered is whole."""

from __future__ import annotations

import socket
import stat
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from genie.adapters.notices import DesktopNotices, FileMemory, UserPrograms
from genie.adapters.processes import SystemProcesses
from genie.domain.errors import BadInput, Failed, TimedOut
from genie.ports import Ran
from tests.fixtures.tmux import until

LONG, SHORT = timedelta(seconds=20), timedelta(milliseconds=300)
BIN = "/usr/bin:/bin"


@pytest.fixture
def programs(tmp_path: Path) -> UserPrograms:
    return UserPrograms({"PATH": BIN, "BASE": "b"}, home=str(tmp_path))


def run(programs: UserPrograms, script: str, timeout: timedelta = LONG, **env: str) -> Ran:
    return programs.run(["sh", "-c", script], env=env, cwd=None, timeout=timeout)


def test_a_command_gets_its_variables_and_no_shell_reads_its_words(programs: UserPrograms, tmp_path: Path) -> None:
    assert run(programs, 'echo "$BASE $MORE"; pwd; exit 3', MORE="a b") == Ran(3, f"b a b {tmp_path}")
    words = ["printf", "%s", "$HOME; x"]
    assert programs.run(words, env={}, cwd="/", timeout=LONG) == Ran(0, "$HOME; x")


def test_only_the_end_of_what_it_writes_is_kept(programs: UserPrograms) -> None:
    said = run(programs, "yes | head -c 3000000; printf end")
    assert said.code == 0
    assert said.said.endswith("y end") or said.said.endswith("end")
    assert len(said.said) <= 500


def test_a_signal_is_told_as_a_negative_code(programs: UserPrograms) -> None:
    assert run(programs, "kill -9 $$").code == -9


@pytest.mark.parametrize(
    "script", ["sleep 100", "trap '' TERM; while :; do sleep 0.1; done", "yes", "exec >&- 2>&-; sleep 100"]
)
def test_what_takes_too_long_is_ended_with_all_it_has_started(
    programs: UserPrograms, tmp_path: Path, script: str
) -> None:
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"sh did not end within 0\.3 s"):
        run(programs, f"sleep 101 & echo $! > child; {script}", SHORT)
    assert time.monotonic() - begun < 10
    child = int((tmp_path / "child").read_text())
    until(lambda: SystemProcesses().started(child) is None, what="the end of its child")


def test_what_it_leaves_behind_is_ended_and_not_waited_for(programs: UserPrograms, tmp_path: Path) -> None:
    assert run(programs, "sleep 100 & echo $! > child; echo done") == Ran(0, "done")
    child = int((tmp_path / "child").read_text())
    until(lambda: SystemProcesses().started(child) is None, what="the end of its child")


def test_what_cannot_be_started_says_why(programs: UserPrograms, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="nothing-of-the-kind cannot be started: No such file"):
        programs.run(["nothing-of-the-kind"], env={}, cwd=None, timeout=LONG)
    with pytest.raises(Failed, match="true cannot be started in /nowhere"):
        programs.run(["true"], env={}, cwd="/nowhere", timeout=LONG)
    with pytest.raises(Failed, match="cannot be started: embedded null"):
        programs.run(["true"], env={"X": "a\0b"}, cwd=None, timeout=LONG)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_too_much_for_one_command_is_told_apart(programs: UserPrograms) -> None:
    with pytest.raises(BadInput, match="too much"):
        programs.run(["true"], env={"GENIE_EVENT": "x" * 200_000}, cwd=None, timeout=LONG)


def test_a_daemon_that_ends_ends_them(programs: UserPrograms, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, programs, "echo > begun; sleep 100")
        until((tmp_path / "begun").exists, what="its beginning")
        programs.close()
        with pytest.raises(TimedOut, match="the daemon ends"):
            running.result(timeout=10)
    with pytest.raises(TimedOut, match="was not started"):
        run(programs, "true")


# ---- the desktop ------------------------------------------------------------------------------


def program(folder: Path, name: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(f'#!/bin/sh\nprintf "<%s>" "$@" > {folder}/said\necho complaint\nexit {code}\n')
    path.chmod(0o755)


def desktop(programs: UserPrograms, platform: str = "linux", **env: str) -> DesktopNotices:
    return DesktopNotices(programs, env, platform=platform)


def test_notify_send_is_asked_where_there_is_a_desktop(programs: UserPrograms, tmp_path: Path) -> None:
    path = f"{tmp_path}:{BIN}"
    assert not desktop(programs, PATH=path, DISPLAY=":0").there
    program(tmp_path, "notify-send")
    assert not desktop(programs, PATH=path).there
    assert desktop(programs, PATH=path, WAYLAND_DISPLAY="w").there
    there = desktop(programs, PATH=path, DBUS_SESSION_BUS_ADDRESS="unix:path=/x")
    assert there.there
    there.show("genie: ada", "-ada asks", timeout=LONG)
    assert (tmp_path / "said").read_text() == "<--app-name=genie><--><genie: ada><-ada asks>"


def test_the_bus_of_a_session_is_a_desktop(programs: UserPrograms, tmp_path: Path) -> None:
    program(tmp_path, "notify-send")
    env = {"PATH": f"{tmp_path}:{BIN}", "XDG_RUNTIME_DIR": str(tmp_path)}
    assert not desktop(programs, **env).there
    with socket.socket(socket.AF_UNIX) as bus:
        bus.bind(str(tmp_path / "bus"))
        assert desktop(programs, **env).there


def test_a_mac_is_asked_by_a_script_that_takes_words(programs: UserPrograms, tmp_path: Path) -> None:
    program(tmp_path, "osascript")
    there = desktop(programs, "darwin", PATH=f"{tmp_path}:{BIN}")
    assert there.there
    there.show("genie: ada", 'ada "asks"', timeout=LONG)
    assert (tmp_path / "said").read_text().endswith('<-e><end run><genie: ada><ada "asks">')


def test_a_desktop_that_fails_is_told(programs: UserPrograms, tmp_path: Path) -> None:
    program(tmp_path, "notify-send", code=1)
    with pytest.raises(Failed, match="notify-send ended with 1: complaint"):
        desktop(programs, PATH=f"{tmp_path}:{BIN}").show("a", "b", timeout=LONG)
    with pytest.raises(Failed, match="no program"):
        desktop(programs, PATH="/nowhere").show("a", "b", timeout=LONG)


# ---- what is remembered -----------------------------------------------------------------------


def test_what_is_saved_is_there_and_nobody_elses(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path / "notices.json")
    assert memory.load() is None
    memory.save({"cursor": 1})
    memory.save({"cursor": 2})
    assert memory.load() == {"cursor": 2}
    assert stat.S_IMODE((tmp_path / "notices.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["notices.json"]
    memory.forget()
    memory.forget()
    assert memory.load() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "é"])
def test_what_does_not_read_is_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert FileMemory(tmp_path / "x.json").load() is None


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="cannot write"):
        FileMemory(tmp_path / "nowhere" / "x.json").save({})
    (tmp_path / "folder").mkdir()
    with pytest.raises(Failed, match="cannot remove"):
        FileMemory(tmp_path / "folder").forget()
