"""The daemon as a process: one a home, private, started by whoever needs it, gone without a trace."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from genie.client import Daemon
from genie.domain.errors import Unreachable
from genie.paths import Home
from tests.fixtures.daemon import Genie
from tests.fixtures.postgres import ask
from tests.fixtures.quick import quick
from tests.fixtures.tmux import until

MAKE = Callable[..., Genie]
NOBODY = 65534


@pytest.fixture
def genie(make_genie: Callable[..., Genie]) -> Genie:
    return make_genie()


def events(genie: Genie, kind: str) -> int:
    (row,) = ask(genie.env["GENIE_DATABASE_URL"], f"select count(*) from events where kind = '{kind}'")  # noqa: S608
    return int(str(row[0]))


def daemons(home: Path) -> list[int]:
    """The daemons of that home: by their own environment and module."""
    found = []
    for process in psutil.process_iter():
        try:
            if "genie.daemon" in process.cmdline() and process.environ().get("GENIE_HOME") == str(home):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def health(daemon: Daemon) -> str | None:
    """The state that it tells; None when nobody answers."""
    try:
        return str(daemon.request("GET", "/v1/health")["state"])
    except Unreachable:
        return None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def asked_as(uid: int, path: Path, target: str) -> tuple[int, str]:
    """Status and body of a GET by a process of another user; this process is that for a moment."""
    with socket.socket(socket.AF_UNIX) as connection:
        os.seteuid(uid)
        try:
            connection.connect(str(path))
        finally:
            os.seteuid(0)
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: genie\r\nConnection: close\r\n\r\n".encode())
        with connection.makefile("rb") as file:
            head, _, body = file.read().decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def test_ten_commands_at_once_start_one_daemon(genie: Genie) -> None:
    commands = [genie.start("ls") for _ in range(10)]
    for command in commands:
        _, complaints = command.communicate(timeout=120)
        assert (command.returncode, complaints) == (0, "")
    (pid,) = daemons(genie.home)
    assert genie.daemon_pid() == pid
    assert events(genie, "daemon.started") == 1

    home = Home(genie.home)
    said = genie.refused("daemon", "run", code=4)
    assert f"pid {pid}" in said
    assert daemons(genie.home) == [pid]
    genie = quick(genie)
    assert mode(home.socket) == 0o600
    assert stat.S_ISSOCK(home.socket.stat().st_mode)
    assert [mode(path) for path in (home.root, home.run, home.environments, home.launch, home.prompts)] == [0o700] * 5

    paths = Daemon(home, start=False).request("GET", "/openapi.json")["paths"]
    assert {"/v1/agents", "/v1/agents/{name}/explain", "/v1/events", "/v1/daemon"} <= paths.keys()
    told = genie.json("daemon", "status")
    assert (told["pid"], told["socket"], told["home"]) == (pid, str(home.socket), str(home.root))
    assert told["database"]["kind"] == "external"
    assert f"pid        {pid}" in genie("daemon", "status")
    assert '"event": "ready"' in genie("daemon", "logs", "-n", "20")
    assert genie("daemon", "logs", "-n", "0") == ""
    unit = genie("daemon", "install", "--print")
    assert f"GENIE_HOME={home.root}" in unit
    assert not list(Path(genie.env["HOME"]).iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else for a moment")
def test_another_user_is_refused_even_where_the_socket_is_open(genie: Genie) -> None:
    genie("daemon", "start")
    home = Home(genie.home)
    with pytest.raises(PermissionError):
        asked_as(NOBODY, home.socket, "/v1/agents")
    for path in (genie.directory, home.root, home.run):
        path.chmod(0o711)
    home.socket.chmod(0o666)
    for target in ("/v1/agents", "/v1/health", "/v1/daemon", "/v1/database"):
        status, body = asked_as(NOBODY, home.socket, target)
        assert status == 403
        assert json.loads(body)["error"]["code"] == "refused"
    status, body = asked_as(NOBODY, home.socket, "/openapi.json")
    assert (status, "paths" in body) == (403, False)
    assert asked_as(0, home.socket, "/v1/agents")[0] == 200


def test_what_a_killed_daemon_left_is_no_obstacle_and_sigterm_is_a_clean_end(genie: Genie) -> None:
    row = genie.json("spawn", "build", "--", "cat")
    genie.kill_daemon()
    home = Home(genie.home)
    assert home.socket.exists()
    home.daemon_lock.write_text(f"{os.getpid()}\n")  # a pid that is alive and somebody else's

    daemon = genie.start("daemon", "run")
    there = Daemon(home, start=False)
    until(lambda: health(there) == "ready", within=60, what="the daemon")
    assert genie.daemon_pid() == daemon.pid
    daemon.terminate()
    out, complaints = daemon.communicate(timeout=30)
    assert (daemon.returncode, out, complaints) == (0, "", "")
    assert not home.socket.exists()
    assert events(genie, "daemon.stopped") == 1
    assert psutil.Process(row["pid"]).status() != psutil.STATUS_ZOMBIE
    assert "no genie daemon runs" in genie.refused("daemon", "status", code=7)

    genie("daemon", "start")
    after = genie.agent("build")
    assert (after["state"], after["run_id"], after["pid"]) == ("running", row["run_id"], row["pid"])
    assert genie.kinds("build")[-1] == "running"
    pid = genie.daemon_pid()
    assert pid is not None
    assert genie("daemon", "stop") == "stopped\n"
    assert not home.socket.exists()
    genie.until_gone(pid)
    assert genie("daemon", "stop") == "no daemon runs\n"
    assert genie.json("daemon", "stop") == {"stopped": False}


def test_the_log_is_json_rotated_and_discreet(make_genie: MAKE) -> None:
    genie = make_genie(GENIE_LOG__LEVEL="debug", GENIE_LOG__MAX_SIZE="4KiB", GENIE_LOG__KEEP="2")
    assert "no log" in genie.refused("daemon", "logs", code=3)
    genie = quick(genie)
    row = genie.json("spawn", "engineer", "--prompt", "whisper-prompt", "--env", "TOKEN=whisper-env")
    os.kill(row["pid"], signal.SIGKILL)
    genie.until_again("engineer", row)
    daemon = Daemon(Home(genie.home), start=False)
    for _ in range(80):
        daemon.request("POST", "/v1/hooks", {"event": "pane-died", "secret": "whisper-hook"})
    logs = sorted((genie.home / "logs").glob("daemon.log*"))
    assert [path.name for path in logs] == ["daemon.log", "daemon.log.1", "daemon.log.2"]
    assert all(path.stat().st_size <= 4096 for path in logs)
    for path in logs:
        for line in path.read_text().splitlines():
            record = json.loads(line)
            assert {"event", "level", "timestamp", "logger"} <= record.keys()
            assert "whisper" not in line


def test_homes_that_will_not_do_and_one_that_lies_deep(make_genie: MAKE) -> None:
    before = Path("/tmp").stat().st_mode
    genie = make_genie()
    for home, part in [
        ("/tmp", "not a directory of genie's own"),
        (genie.env["HOME"], "not a directory of genie's own"),
        (str(genie.project / "file"), "is not a directory"),
        (str(genie.project / "file" / "deeper"), "cannot be used"),
    ]:
        (genie.project / "file").write_text("x")
        said = genie.refused("ls", code=2, env={"GENIE_HOME": home})
        assert home in said
        assert part in said
    assert Path("/tmp").stat().st_mode == before
    assert not list(Path(genie.env["HOME"]).iterdir())

    deep = genie.directory / ("d" * 60) / ("e" * 60) / "genie"
    genie.env |= {"GENIE_HOME": str(deep), "XDG_RUNTIME_DIR": str(genie.directory / "x")}
    try:
        row = genie.json("spawn", "build", "--", "cat")
        path = Path(genie.json("daemon", "status")["socket"])
        assert len(str(path)) < 100
        assert (mode(path), mode(path.parent)) == (0o600, 0o700)
        os.kill(row["pid"], signal.SIGKILL)
        genie.until_again("build", row)
        genie("kill", "build")
    finally:
        genie("daemon", "stop")
    until(lambda: not daemons(deep), what="the end of the daemon")


def test_with_its_home_goes_its_daemon_and_no_pane_brings_one_back(genie: Genie) -> None:
    row = genie.json("spawn", "ada", "--", "sleep", "600")
    pid = genie.daemon_pid()
    assert pid
    shutil.rmtree(genie.home)
    genie.until_gone(pid)
    os.kill(row["pid"], signal.SIGKILL)
    until(lambda: ("1",) in {pane[2:] for pane in genie.panes()}, what="the end of the pane's process")
    for _ in range(3):
        again = [sys.executable, "-P", "-m", "genie.daemon", "run", "--as-before", str(genie.home)]
        assert subprocess.run(again, timeout=30, check=False).returncode == 0
    assert daemons(genie.home) == []
    assert not genie.home.exists()
    only_again = [sys.executable, "-P", "-m", "genie.daemon", "run", "--again"]
    env = genie.env | {"GENIE_HOME": str(genie.home)}
    assert subprocess.run(only_again, env=env, timeout=30, check=False).returncode == 0
    assert not genie.home.exists()
