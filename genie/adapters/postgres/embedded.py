"""A PostgreSQL of genie's own, from the programs in a wheel: over a Unix socket only, one data directory,
one process that is started and stopped by its own pid file.

    DATA/owner.json   the mark: whose this is; nothing without it is ever removed
    DATA/cluster      PostgreSQL's data directory
    DATA/socket       the Unix socket's directory
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil
import structlog
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from genie.adapters.postgres.binaries import MAJOR, SYSTEM_HOME, Owner, make_open, owner, passable, programs, run
from genie.adapters.postgres.pidfile import Postmaster, orphans, postmaster, serves
from genie.domain.errors import BadConfig, Failed, RegistryAway
from genie.paths import Home

log = structlog.get_logger(__name__)

MARK = "owner.json"
DATABASE = "genie"
ROLE = "genie"
SOCKET_LIMIT = 100
"""Bytes of a Unix socket's path; the systems' limits are 104 and 108."""

START_TIMEOUT = 60
STOP_TIMEOUT = 30
"""Seconds."""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "32MB",
    "synchronous_commit": "on",
    "jit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_min_messages": "log",  # of errors the client hears; the log is for what the server itself has to say
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

LOG_LIMIT = 1 << 20
"""Bytes after which the log begins anew at the next start."""


def data_dir(home: Home, chosen: Path | None = None) -> Path:
    """Where the data of that home's PostgreSQL lies: as chosen, else in the home; for root, whose home
    PostgreSQL's user must not be let into, under /var/lib/genie."""
    if chosen is not None:
        return chosen.expanduser().absolute()
    if os.geteuid() != 0:
        return home.postgres
    return SYSTEM_HOME / f"{zlib.crc32(os.fsencode(home.root)):08x}"


def remove(data: Path) -> bool:
    """Remove a data directory that genie has made and marked; False for any other. The server must be
    stopped: raises Failed when it runs."""
    mark = _mark(data)
    if mark is None:
        return False
    if postmaster(data / "cluster"):
        raise Failed(f"PostgreSQL runs in {data}", hint="genie daemon stop")
    for name in ("cluster", "cluster.new", "socket"):
        shutil.rmtree(data / name, ignore_errors=True)
    short = _short_socket_dir(data)
    if short.is_dir() and not short.is_symlink():
        shutil.rmtree(short, ignore_errors=True)
    for name in ("lock", MARK):
        (data / name).unlink(missing_ok=True)
    if mark.get("made"):
        data.rmdir()
    return True


class Embedded:
    """The server in one data directory, which serves one GENIE_HOME, `home` (that of the environment).
    `settings` go over SETTINGS."""

    def __init__(self, data: Path, *, home: Path | None = None, settings: Mapping[str, str] | None = None) -> None:
        self.data = data
        self.cluster = data / "cluster"
        self._home = home or Home.from_environment().root
        self._settings = {**SETTINGS, **(settings or {})}

    # ---- for the daemon ----

    def start(self) -> str:
        """Attach to the server, or start it, and make its data the first time; returns the DSN.

        Raises MissingProgram where there is no such PostgreSQL for this platform, BadConfig for a directory
        that is not this home's, RegistryAway with PostgreSQL's last words when it does not start, Failed.
        """
        self._refuse_foreign()
        running = postmaster(self.cluster)
        if running and running.ready:
            return _dsn(running)
        user = owner()
        folder = programs(user)
        self._claim(user)
        with self._alone():
            if not self.cluster.is_dir():
                self._initialise(folder, user)
            self._check_version()
            return _dsn(self._started(folder, user))

    def running(self) -> bool:
        return postmaster(self.cluster) is not None

    @property
    def pid(self) -> int | None:
        """The process id of the running server."""
        found = postmaster(self.cluster)
        return found.pid if found else None

    def stop(self) -> bool:
        """Stop the server of this directory: its clients are disconnected. False when it did not run.
        Raises Failed when it does not end."""
        if not self.running():
            return False
        with self._alone():
            found = postmaster(self.cluster)
            return found is not None and self._stopped(found.pid)

    def _stopped(self, pid: int) -> bool:
        """SIGINT is PostgreSQL's fast shutdown."""
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).send_signal(signal.SIGINT)
        retrying = Retrying(
            retry=retry_if_result(bool),
            stop=stop_after_delay(STOP_TIMEOUT),
            wait=wait_fixed(0.02),
            retry_error_callback=lambda _: True,
        )
        if retrying(serves, pid, self.cluster):
            raise Failed(f"PostgreSQL did not stop within {STOP_TIMEOUT} s", hint=f"see {self.log}", pid=pid)
        return True

    def bin(self, name: str) -> Path:
        """One of PostgreSQL's programs: psql, pg_dump, pg_restore. Raises MissingProgram."""
        return programs(owner()) / name

    @property
    def log(self) -> Path:
        return self.cluster / "postgres.log"

    # ---- making it ----

    def _refuse_foreign(self) -> None:
        mark = _mark(self.data)
        if mark and mark.get("home") != str(self._home):
            raise BadConfig(
                f"the database in {self.data} belongs to {mark.get('home')}, not to {self._home}",
                hint=f"choose another directory; if the home was moved, correct {self.data / MARK}",
            )

    def _claim(self, user: Owner) -> None:
        """Make and mark the directory. What was there before is never changed; only an empty one is taken."""
        if _mark(self.data) is None:
            if not self.data.exists():
                self._make_parent(user)
            with _locked(os.open(self.data.parent, os.O_RDONLY | os.O_CLOEXEC)):
                self._take(user)
        if user.other and not passable(self.data, user):
            raise BadConfig(
                f"PostgreSQL's user cannot reach {self.data}: a directory above it is closed",
                hint="choose a place whose parents are open to all, such as one in /var/lib",
            )

    def _take(self, user: Owner) -> None:
        """Make and mark it, unless another process has done so by now."""
        if _mark(self.data) is not None:
            self._refuse_foreign()
            return
        made = not self.data.exists()
        if made:
            self._make(user)
        elif any(self.data.iterdir()):
            raise BadConfig(
                f"{self.data} is not empty, and genie did not make it",
                hint="name a directory for the database that does not exist",
            )
        _write_mark(self.data, {"home": str(self._home), "made": made})

    def _make_parent(self, user: Owner) -> None:
        if user.other:
            make_open(self.data.parent)
        else:
            self.data.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _make(self, user: Owner) -> None:
        """Root's is passed through by PostgreSQL's user, who owns what is in it; a user's own is closed."""
        self.data.mkdir()
        self.data.chmod(0o755 if user.other else 0o700)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops this server."""
        with _locked(os.open(self.data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)):
            yield

    def _initialise(self, folder: Path, user: Owner) -> None:
        """Make the cluster and its database beside its place, then move it there: whole or not at all."""
        fresh = self.data / "cluster.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        _make_private(fresh, user)
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--username={ROLE}", "--encoding=UTF8"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--wal-segsize=4"]
        options += ["--no-instructions", f"--pgdata={fresh}"]
        options += ["--no-sync"] if self._settings.get("fsync") == "off" else []
        run([str(folder / "initdb"), *options], user, within=START_TIMEOUT)
        single = [str(folder / "postgres"), "--single", "-D", str(fresh), "postgres"]
        run(single, user, text=f"create database {DATABASE}\n", within=START_TIMEOUT)
        fresh.rename(self.cluster)
        log.info("database_made", data=str(self.data))

    def _check_version(self) -> None:
        found = (self.cluster / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise Failed(
                f"the data in {self.data} is of PostgreSQL {found}, and this genie brings PostgreSQL {MAJOR}",
                hint="dump it with the genie that made it (genie db backup), then restore it into a fresh one",
            )

    # ---- starting it ----

    def _started(self, folder: Path, user: Owner) -> Postmaster:
        """The running server; started, where it does not run."""
        found = postmaster(self.cluster)
        if not found:
            socket = self._socket_dir(user)
            self._clear_up(socket)
            self._shorten_log()
            options = {**self._settings, "unix_socket_directories": str(socket)}
            words = shlex.join(word for name, value in options.items() for word in ("-c", f"{name}={value}"))
            argv = [str(folder / "pg_ctl"), "start", "-w", "-t", str(START_TIMEOUT), "-D", str(self.cluster)]
            self._pg_ctl([*argv, "-l", str(self.log), "-o", words], user)
        found = self._ready()
        if found is None:
            raise RegistryAway(f"PostgreSQL did not stay up: {self._last_words()}", hint=f"see {self.log}")
        return found

    def _ready(self) -> Postmaster | None:
        """The server once it takes connections: one that was found may be starting still."""
        retrying = Retrying(
            retry=retry_if_result(lambda found: found is not None and not found.ready),
            stop=stop_after_delay(START_TIMEOUT),
            wait=wait_fixed(0.02),
            retry_error_callback=lambda _: None,
        )
        found: Postmaster | None = retrying(postmaster, self.cluster)
        return found

    def _pg_ctl(self, argv: list[str], user: Owner) -> None:
        try:
            run(argv, user, within=START_TIMEOUT + 5)
        except Failed as error:
            raise RegistryAway(f"PostgreSQL did not start: {self._last_words()}", hint=f"see {self.log}") from error

    def _clear_up(self, socket: Path) -> None:
        """After the server was killed, its processes may still end. Then its pid file and its socket's lock go:
        PostgreSQL would take a zombie, or whoever has that pid now, for a running server."""
        left = self.cluster / "postmaster.pid"
        if not left.exists():
            return
        _, alive = psutil.wait_procs(orphans(self.cluster), timeout=START_TIMEOUT / 4)
        if any(_stands(process) for process in alive):
            pids = [process.pid for process in alive]
            raise RegistryAway(f"processes of a killed PostgreSQL still run in {self.data}", pids=pids)
        for path in (*socket.glob(".s.PGSQL.*"), left):
            path.unlink(missing_ok=True)

    def _shorten_log(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            os.truncate(self.log, 0)

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"

    def _socket_dir(self, user: Owner) -> Path:
        path = self.data / "socket"
        if len(os.fsencode(path / ".s.PGSQL.65535.lock")) > SOCKET_LIMIT:
            path = _short_socket_dir(self.data)
        if not path.is_dir() or path.is_symlink():
            _make_private(path, user)
        if path.stat().st_uid != user.uid or path.stat().st_mode & 0o077:
            raise Failed(f"{path} is not private to PostgreSQL's user", hint="remove it")
        return path


def _stands(process: psutil.Process) -> bool:
    """Whether it still is in its directory; a zombie is nowhere."""
    try:
        return bool(process.cwd())
    except psutil.Error:
        return False


def _make_private(path: Path, user: Owner) -> None:
    path.mkdir(mode=0o700)
    if user.other:
        os.chown(path, user.uid, user.gid)


def _short_socket_dir(data: Path) -> Path:
    """A place with a short name for the socket of a directory with a long one."""
    name = f"genie-pg-{zlib.crc32(os.fsencode(data.absolute())):08x}"
    base = os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else None
    return Path(base or tempfile.gettempdir()) / f"{name}-{os.geteuid()}"


def _dsn(running: Postmaster) -> str:
    query = {"host": running.socket_dir} | ({"port": str(running.port)} if running.port != 5432 else {})
    return f"postgresql://{ROLE}@/{DATABASE}?{urlencode(query, quote_via=quote, safe='/')}"


@contextmanager
def _locked(descriptor: int) -> Iterator[None]:
    """Hold the lock of that open file or directory, and close it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _mark(data: Path) -> dict[str, object] | None:
    try:
        found = json.loads((data / MARK).read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _write_mark(data: Path, mark: Mapping[str, object]) -> None:
    fresh = data / f"{MARK}.new"
    fresh.write_text(json.dumps(mark) + "\n")
    fresh.rename(data / MARK)
