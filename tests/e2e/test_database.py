"""The registry's server: one of the user's with a password, one of genie's own, and what happens when it goes away."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from genie.adapters.postgres.embedded import Embedded, remove
from tests.fixtures.daemon import Genie
from tests.fixtures.postgres import PASSWORD, ask, place
from tests.fixtures.quick import quick
from tests.fixtures.tmux import until

MAKE = Callable[..., Genie]
SECRETS = (PASSWORD, "so/secret", "so%2Fsecret", "so%2fsecret")


@pytest.fixture
def postgres_dir() -> Iterator[Path]:
    """Where a genie may keep a PostgreSQL of its own; stopped and removed at the end."""
    data = place()
    yield data
    Embedded(data).stop()
    remove(data)


def configured(make_genie: MAKE, url: str, **extra: str) -> Genie:
    """A genie whose configuration file names the server."""
    genie = make_genie(GENIE_DATABASE_URL=None, **extra)
    genie.home.mkdir(mode=0o700)
    config = genie.home / "config.toml"
    config.write_text(f'database_url = "{url}"\n')
    config.chmod(0o600)
    return genie


def holds_secret(text: str) -> bool:
    return any(secret in text for secret in SECRETS)


def command_lines() -> str:
    """Of every process that there is."""
    found = []
    for process in psutil.process_iter():
        try:
            found.append("\0".join(process.cmdline()))
        except psutil.Error:
            continue
    return "\n".join(found)


def process_lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def answers(genie: Genie) -> bool:
    """Whether the roster can be had. Fails when the refusal is anything but "unreachable"."""
    done = genie.run("ls")
    assert done.returncode in (0, 7), done.stderr
    assert len(done.stderr.strip().splitlines()) == (done.returncode == 7), done.stderr
    return done.returncode == 0


def test_a_server_of_the_users_with_a_password_that_is_shown_nowhere(make_genie: MAKE, tcp_postgres: str) -> None:
    command = configured(make_genie, tcp_postgres, GENIE_LOG__LEVEL="debug")
    genie = quick(command)
    row = genie.json("spawn", "engineer")
    os.kill(row["pid"], signal.SIGKILL)
    again = genie.until_again("engineer", row)
    assert again["session_id"] == row["session_id"]

    backup = genie.directory / "backup.dump"
    asked = "\\! tr '\\0' ' ' < /proc/$PPID/cmdline"
    said = [
        genie(*words)
        for words in (
            ("db", "url"),
            ("db", "status"),
            ("db", "status", "--json"),
            ("db", "url", "--json"),
            ("config", "show"),
            ("config", "show", "--json"),
            ("daemon", "status"),
            ("daemon", "status", "--json"),
            ("doctor",),
            ("db", "migrate"),
            ("db", "backup", str(backup)),
            ("daemon", "logs", "-n", "10000"),
            ("show", "engineer", "--json"),
        )
    ]
    url, status = said[:2]
    psql = command("db", "psql", "--", "-At", "-c", "select name from agents", "-c", asked)
    assert url.startswith("postgresql://genie:***@127.0.0.1:")
    assert "external" in status
    assert "current" in status
    assert psql.startswith("engineer\n")
    assert "psql" in psql.splitlines()[1]
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    logs = [path.read_text() for path in (genie.home / "logs").rglob("*") if path.is_file()]
    assert not holds_secret("\n".join([*said, psql, *logs, command_lines()]))

    genie.json("spawn", "late", "--", "cat")
    assert "--yes" in genie.refused("db", "restore", str(backup), code=2)
    genie("db", "restore", str(backup), "--yes")
    assert [found["name"] for found in genie.json("ls")] == ["engineer"]
    assert genie.agent("engineer")["run_id"] == again["run_id"]
    assert genie.state("engineer") == "running"
    for words, code in [
        (("db", "backup", str(backup)), 2),
        (("db", "restore", "missing", "--yes"), 3),
        (("db", "restore", str(genie.home / "config.toml"), "--yes"), 1),
    ]:
        assert not holds_secret(genie.refused(*words, code=code))
    assert genie.state("engineer") == "running"


def test_a_wrong_password_is_told_without_it(make_genie: MAKE, tcp_postgres: str) -> None:
    genie = configured(make_genie, tcp_postgres.replace("so%2Fsecret", "so%2Fsecret-wrong"))
    said = genie.refused("ls", code=7)
    assert "password authentication failed" in said
    told = genie.json("daemon", "status")["database"]
    assert told["state"] == "away"
    log = (genie.home / "logs" / "daemon.log").read_text()
    assert not holds_secret(said + log + str(told))


def test_a_server_of_genies_own_starts_and_stops_with_the_daemon(postgres_dir: Path, make_genie: MAKE) -> None:
    genie = make_genie(GENIE_DATABASE_URL=None, GENIE_POSTGRES_DIR=str(postgres_dir))
    row = genie.json("spawn", "build", "--", "cat")
    server = Embedded(postgres_dir)
    first = server.pid
    assert first is not None
    told = genie.json("db", "status")
    assert (told["kind"], told["state"], told["schema"]) == ("embedded", "up", told["head"])
    assert not psutil.Process(first).net_connections("tcp")
    assert stat.S_IMODE(genie.home.stat().st_mode) == 0o700
    assert genie("db", "psql", "--", "-At", "-c", "select name, life from agents") == "build|running\n"

    genie("daemon", "stop")
    assert not process_lives(first)
    assert not server.running()
    genie("daemon", "start")
    after = genie.agent("build")
    assert (after["state"], after["run_id"], after["pid"]) == ("running", row["run_id"], row["pid"])
    assert server.pid not in (None, first)


def test_a_killed_server_of_genies_own_comes_back_and_nobody_is_declared_dead(
    postgres_dir: Path, make_genie: MAKE
) -> None:
    genie = quick(make_genie(GENIE_DATABASE_URL=None, GENIE_POSTGRES_DIR=str(postgres_dir)))
    row = genie.json("spawn", "build", "--", "cat")
    kinds = genie.kinds("build")
    killed = Embedded(postgres_dir).pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: Embedded(postgres_dir).pid not in (None, killed) and answers(genie), within=60, what="the server")
    until(lambda: genie.json("daemon", "status")["database"]["state"] == "up", within=30, what="the registry")
    after = genie.agent("build")
    assert (after["state"], after["run_id"], after["pid"]) == ("running", row["run_id"], row["pid"])
    assert process_lives(row["pid"])
    assert genie.kinds("build") == kinds
    os.kill(row["pid"], signal.SIGKILL)
    again = genie.until_again("build", row)
    assert again["session_id"] == row["session_id"]


def test_a_server_that_is_stopped_is_told_and_awaited(own_tcp_postgres: tuple[Embedded, str], make_genie: MAKE) -> None:
    server, url = own_tcp_postgres
    genie = quick(configured(make_genie, url))
    kept = genie.json("spawn", "kept", "--", "cat")
    lost = genie.json("spawn", "lost", "--", "cat")
    server.stop()
    for words in (("ls",), ("spawn", "third", "--", "cat"), ("kill", "kept"), ("show", "kept")):
        said = genie.refused(*words, code=7)
        assert "PostgreSQL" in said
        assert "genie d" in said  # what to do
        assert not holds_secret(said)
    until(lambda: bool(genie.json("daemon", "status")["database"]["state"] == "away"), what="the daemon's own notice")
    assert process_lives(kept["pid"])
    os.kill(lost["pid"], signal.SIGKILL)

    server.start()
    until(lambda: answers(genie), within=30, what="the registry")
    after = genie.agent("kept")
    assert (after["state"], after["run_id"], after["pid"]) == ("running", kept["run_id"], kept["pid"])
    genie.until_again("lost", lost)
    assert "died" not in genie.kinds("kept")
    assert {found["name"] for found in genie.json("ls", "--all")} == {"kept", "lost"}


def test_a_registry_of_a_newer_genie_is_left_as_it_is(genie: Genie) -> None:
    dsn = genie.env["GENIE_DATABASE_URL"]
    row = genie.json("spawn", "build", "--", "cat")
    genie("daemon", "stop")
    [(own,)] = ask(dsn, "select version_num from alembic_version")
    ask(dsn, "update alembic_version set version_num = 'zzzz'")
    before = ask(dsn, "select version, life from agents"), ask(dsn, "select count(*) from events")
    genie = quick(genie)
    for words in (("ls",), ("spawn", "other", "--", "cat"), ("db", "migrate")):
        said = genie.refused(*words, code=7)
        assert "zzzz" in said
        assert "upgrade genie" in said
    done = genie.run("ls", "--json")
    assert '"code": "newer_schema"' in done.stdout
    assert (ask(dsn, "select version, life from agents"), ask(dsn, "select count(*) from events")) == before
    assert ask(dsn, "select version_num from alembic_version") == [("zzzz",)]
    assert process_lives(row["pid"])

    ask(dsn, f"update alembic_version set version_num = '{own}'")  # noqa: S608
    until(lambda: answers(genie), within=30, what="the registry")
    assert genie.agent("build")["run_id"] == row["run_id"]
