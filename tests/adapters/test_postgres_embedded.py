"""PostgreSQL of genie's own: made, attached to, stopped, killed, and never anybody else's files touched."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from genie.adapters.postgres import binaries
from genie.adapters.postgres import embedded as module
from genie.adapters.postgres.binaries import Owner, owner, programs, reachable
from genie.adapters.postgres.embedded import MARK, Embedded, data_dir, remove
from genie.adapters.postgres.pidfile import orphans, postmaster
from genie.domain.errors import BadConfig, Failed, MissingProgram, RegistryAway
from genie.paths import Home
from tests.fixtures.postgres import FAST, ask, copied, place, started


@pytest.fixture
def data() -> Iterator[Path]:
    """A place where nothing is; what a test has made there is stopped and removed."""
    path = place()
    yield path
    Embedded(path).stop()
    remove(path)
    assert not path.exists()


@pytest.fixture
def made(data: Path, prepared: Path) -> Embedded:
    """A server with a database in it, that does not run."""
    copied(prepared, data)
    return Embedded(data, settings=FAST)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def kill(pid: int) -> None:
    """SIGKILL, and wait until it has ended (a zombie that nobody reaps has)."""
    process = psutil.Process(pid)
    process.kill()
    end = time.monotonic() + 10
    while _runs(process):
        assert time.monotonic() < end


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# ---- made, attached to, stopped --------------------------------------------------------------


def test_made_attached_stopped_and_started_again(data: Path) -> None:
    first = Embedded(data, settings=FAST)
    assert not first.running()
    assert first.stop() is False
    dsn = first.start()
    pid = first.pid
    ask(dsn, "create table kept (x int)")
    assert ask(dsn, "select current_database(), current_user, inet_server_addr()") == [("genie", "genie", None)]
    assert Embedded(data).start() == dsn
    assert Embedded(data).pid == pid
    assert first.stop() is True
    assert not first.running()
    assert first.start() == dsn
    assert first.pid != pid
    assert ask(dsn, "select * from kept") == []


def test_attaching_takes_milliseconds(cluster: Embedded) -> None:
    before = time.perf_counter()
    for _ in range(20):
        cluster.start()
    assert (time.perf_counter() - before) / 20 < 0.02


def test_it_listens_on_its_socket_only(cluster: Embedded) -> None:
    assert ask(cluster.start(), "show listen_addresses") == [("",)]
    pid = cluster.pid
    assert pid
    assert not psutil.Process(pid).net_connections(kind="inet")


def test_ten_that_start_at_once_start_one(data: Path) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(lambda _: Embedded(data, settings=FAST).start(), range(10)))
    assert len(set(found)) == 1
    assert ask(found[0], "select 1") == [(1,)]


def test_its_programs_are_there(cluster: Embedded) -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        done = subprocess.run([cluster.bin(name), "--version"], capture_output=True, text=True, check=True)
        assert "18" in done.stdout


def test_it_says_why_it_does_not_start(made: Embedded) -> None:
    with pytest.raises(RegistryAway, match="shared_buffers"):
        Embedded(made.data, settings={"shared_buffers": "lots"}).start()


# ---- killed ----------------------------------------------------------------------------------


def test_it_starts_again_after_a_kill(made: Embedded) -> None:
    server = Embedded(made.data, settings=FAST | {"fsync": "on", "full_page_writes": "on"})
    dsn = server.start()
    ask(dsn, "create table kept as select 1 as x")
    for _ in range(2):
        pid = server.pid
        assert pid
        kill(pid)
        assert not server.running()
        assert server.start() == dsn
        assert ask(dsn, "select x from kept") == [(1,)]


def test_it_waits_for_those_that_a_killed_server_has_left(made: Embedded) -> None:
    dsn = made.start()
    left = [process for process in orphans(made.cluster) if process.pid != made.pid]
    assert left
    pid = made.pid
    assert pid
    left[0].suspend()
    kill(pid)
    with ThreadPoolExecutor(1) as pool:
        starting = pool.submit(made.start)
        with pytest.raises(TimeoutError):
            starting.result(0.5)
        left[0].resume()
        assert starting.result(30) == dsn
    assert ask(dsn, "select 1") == [(1,)]


def test_a_pid_file_that_names_another_process_is_not_believed(made: Embedded) -> None:
    text = f"{os.getpid()}\n{made.cluster}\n1\n5432\n{made.data}\n\n1 1\nready\n"
    (made.cluster / "postmaster.pid").write_text(text)
    assert not made.running()
    assert made.stop() is False
    assert ask(made.start(), "select 1") == [(1,)]


@pytest.mark.parametrize("text", ["", "x", "1\n", "-3\n", "99999999999\n"])
def test_a_torn_pid_file_is_no_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "postmaster.pid").write_text(text)
    assert postmaster(tmp_path) is None


def test_it_outlives_who_started_it(made: Embedded) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from genie.adapters.postgres.embedded import Embedded;"
        " Embedded(Path(sys.argv[1])).start(); os.kill(0, signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(made.data)], check=False, start_new_session=True)
    assert done.returncode == -signal.SIGKILL
    assert made.running()
    assert ask(made.start(), "select 1") == [(1,)]


def test_an_interrupted_making_is_made_anew(made: Embedded) -> None:
    half = made.data / "cluster.new"
    made.cluster.rename(half)
    (half / "PG_VERSION").unlink()
    assert ask(made.start(), "select 1") == [(1,)]
    assert not half.exists()


def test_data_of_another_version_are_refused_with_what_to_do(made: Embedded) -> None:
    (made.cluster / "PG_VERSION").write_text("17\n")
    with pytest.raises(Failed, match="PostgreSQL 17") as refused:
        made.start()
    assert "backup" in refused.value.hint


# ---- whose it is -----------------------------------------------------------------------------


def test_what_it_makes_is_closed_to_others_and_what_it_did_not_make_keeps_its_mode(data: Path) -> None:
    data.mkdir(mode=0o711)
    data.chmod(0o711)
    outer = data / "a"
    with_parents = outer / "b" / "pg"
    parents = {path: mode(path) for path in (data, *data.parents)}
    server = Embedded(with_parents, settings=FAST)
    try:
        server.start()
        assert {path: mode(path) for path in parents} == parents
        assert mode(server.cluster) == 0o700
        assert mode(with_parents / "socket") == 0o700
        assert mode(with_parents / "socket" / ".s.PGSQL.5432") == 0o700
        assert server.cluster.stat().st_uid == owner().uid
        assert mode(with_parents) == (0o755 if os.geteuid() == 0 else 0o700)
    finally:
        server.stop()
        assert remove(with_parents)
        (outer / "b").rmdir()
        outer.rmdir()
        data.rmdir()


def test_a_directory_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    with pytest.raises(BadConfig, match="did not make it"):
        Embedded(tmp_path).start()
    assert remove(tmp_path) is False
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_an_empty_directory_is_taken_and_stays_when_all_in_it_is_removed(data: Path) -> None:
    data.mkdir()
    data.chmod(0o755)
    try:
        server = Embedded(data, settings=FAST)
        server.start()
        server.stop()
        assert mode(data) == 0o755
        assert remove(data)
        assert list(data.iterdir()) == []
    finally:
        data.rmdir()


def test_a_running_server_is_not_removed(cluster: Embedded) -> None:
    with pytest.raises(Failed, match="runs"):
        remove(cluster.data)


def test_the_database_of_another_home_is_refused(cluster: Embedded) -> None:
    mark = json.loads((cluster.data / MARK).read_text())
    assert mark == {"home": str(Home.from_environment().root), "made": True}
    with pytest.raises(BadConfig, match="belongs to"):
        Embedded(cluster.data, home=Path("/elsewhere")).start()


def test_a_long_path_gets_a_short_socket(data: Path) -> None:
    data.mkdir()
    data.chmod(0o755)
    deep = data / ("x" * 90) / "pg"
    server = Embedded(deep, settings=FAST)
    try:
        dsn = server.start()
        assert ask(dsn, "select 1") == [(1,)]
        assert not (deep / "socket").exists()
        short = module._short_socket_dir(deep)
        assert mode(short) == 0o700
        server.stop()
        assert remove(deep)
        assert not short.exists()
    finally:
        server.stop()
        shutil.rmtree(data)


def test_where_the_data_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(Path("/home/someone/.genie"))
    assert data_dir(home, Path("/srv/pg")) == Path("/srv/pg")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert data_dir(home) == Path("/home/someone/.genie/pg")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    other = Home(Path("/home/another/.genie"))
    assert data_dir(home).parent == Path("/var/lib/genie")
    assert len(data_dir(home).name) == 8
    assert data_dir(home) != data_dir(other)


# ---- the programs ----------------------------------------------------------------------------


def test_without_the_wheel_it_says_to_set_database_url(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setattr(binaries, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingProgram, match="no embedded PostgreSQL") as missing:
        Embedded(data).start()
    assert "database_url" in missing.value.hint
    assert not data.exists()


def test_programs_out_of_reach_are_copied_once_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for root with a virtual environment below /root."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    stranger = Owner(65534, 65534, other=True)
    package = binaries._package()
    assert not reachable(closed, stranger)
    monkeypatch.setattr(binaries, "reachable", lambda *_: False)
    folder = programs(stranger, copies=tmp_path / "bin")
    assert tmp_path in folder.parents
    for name in ("postgres", "initdb", "psql"):
        done = subprocess.run([folder / name, "--version"], capture_output=True, text=True, check=True)
        assert "18" in done.stdout
    made = folder.stat().st_ino
    assert programs(stranger, copies=tmp_path / "bin") == folder
    assert folder.stat().st_ino == made
    assert [path.name for path in (tmp_path / "bin").iterdir()] == [binaries._version()]
    assert package not in folder.parents


def test_reach_is_judged_by_the_modes(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch()
    me, stranger = Owner(os.geteuid(), os.getegid(), other=False), Owner(65534, 65534, other=True)
    program.chmod(0o700)
    assert reachable(program, me)
    assert not reachable(program, stranger)


def test_a_clean_environment_reaches_the_server(made: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is not to keep the secrets of who started it, nor to be misled by PG* variables."""
    monkeypatch.setenv("GENIE_TEST_SECRET", "s3cret")
    monkeypatch.setenv("PGPORT", "1")
    with started(made.data) as server:
        pid = server.pid
        assert pid
        environment = psutil.Process(pid).environ()
    assert "GENIE_TEST_SECRET" not in environment
    assert "PGPORT" not in environment
